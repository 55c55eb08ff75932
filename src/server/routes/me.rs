//! What is a person's own: their profile, all of their data to take away, and its deletion.

use axum::Json;
use axum::body::Body as ResponseBody;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use tokio_util::io::ReaderStream;
use utoipa::ToSchema;

use crate::domain::person::{Accepted, Profile};
use crate::server::error::{ApiError, ErrorCode};
use crate::server::extract::Body;
use crate::server::identity::{Person, Renew};
use crate::server::state::Server;
use crate::server::takeout;

/// The longest name of a time zone, and of a version.
const MOST_CHARS: usize = 64;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Me {
    /// ISO 3166-1 alpha-2: whose helplines are named.
    country: Option<String>,
    /// IANA's name.
    time_zone: Option<String>,
    /// Under 18.
    minor: bool,
    /// What was accepted on the first screen.
    accepted: Option<AcceptedVersion>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AcceptedVersion {
    version: String,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

impl From<Profile> for Me {
    fn from(profile: Profile) -> Self {
        let Profile { country, time_zone, minor, accepted, .. } = profile;
        let accepted = accepted.map(|Accepted { version, at }| AcceptedVersion { version, at });
        Self { country, time_zone, minor, accepted }
    }
}

/// What is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MeChange {
    /// `null` takes it back.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    country: Option<Option<String>>,
    /// `null` takes it back.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    time_zone: Option<Option<String>>,
    #[serde(default)]
    minor: Option<bool>,
    /// The version of the first screen's text that is accepted now.
    #[serde(default)]
    accepted_version: Option<String>,
}

/// Tells a field that is `null` from one that is left out.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Deleted {
    /// When the last backup that held anything of it is gone. Everything else is gone at once.
    #[schema(value_type = String, format = DateTime)]
    backups_gone_by: Timestamp,
}

/// What is known of you beyond your conversations.
#[utoipa::path(
    get,
    path = "/api/me", operation_id = "get_me", tag = "me",
    responses((status = 200, body = Me), ApiError)
)]
pub(crate) async fn show(State(server): State<Server>, Person(user): Person) -> Result<Json<Me>, ApiError> {
    Ok(Json(server.app()?.people.profile(user).await?.into()))
}

/// Changes it.
#[utoipa::path(
    patch,
    path = "/api/me", operation_id = "change_me", tag = "me",
    request_body = MeChange,
    responses((status = 200, body = Me), ApiError)
)]
pub(crate) async fn change(
    State(server): State<Server>,
    Person(user): Person,
    Body(change): Body<MeChange>,
) -> Result<impl IntoResponse, ApiError> {
    let app = server.app()?;
    let country = match change.country {
        Some(Some(code)) => match app.conversation.character().helplines.country(&code) {
            Some(country) => Some(Some(country.code.clone())),
            None if code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
                Some(Some(code.to_ascii_uppercase()))
            }
            None => return Err(invalid("`country` is a country's two letters (ISO 3166-1), such as GB.")),
        },
        other => other,
    };
    if let Some(Some(zone)) = &change.time_zone
        && jiff::tz::TimeZone::get(zone).is_err()
    {
        return Err(invalid("`time_zone` is a name of IANA's, such as Europe/Lisbon."));
    }
    if let Some(version) = &change.accepted_version
        && (version.trim().is_empty() || version.chars().count() > MOST_CHARS)
    {
        return Err(invalid(format!("`accepted_version` has 1 to {MOST_CHARS} characters.")));
    }
    let (time_zone, minor) = (change.time_zone, change.minor);
    let accepted = change.accepted_version.map(|version| Accepted { version, at: Timestamp::now() });
    let apply = Box::new(move |profile: &mut Profile| {
        if let Some(country) = country {
            profile.country = country;
        }
        if let Some(time_zone) = time_zone {
            profile.time_zone = time_zone;
        }
        if let Some(minor) = minor {
            profile.minor = minor;
        }
        if let Some(accepted) = accepted {
            profile.accepted = Some(accepted);
        }
    });
    let profile = app.people.change_profile(user, apply).await?;
    Ok((Renew, Json(Me::from(profile))))
}

/// Everything that is yours, in one archive: conversations, memories, recordings, pictures, profile.
#[utoipa::path(
    get,
    path = "/api/me/export", operation_id = "export_me", tag = "me",
    responses((status = 200, description = "A zip archive", content_type = "application/zip"), ApiError)
)]
pub(crate) async fn export(State(server): State<Server>, Person(user): Person) -> Result<impl IntoResponse, ApiError> {
    let archive = takeout::archive(server.app()?, user).await.map_err(|error| ApiError::internal(&error))?;
    let headers = [
        (header::CONTENT_TYPE, "application/zip"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"rose-export.zip\""),
    ];
    Ok((headers, ResponseBody::from_stream(ReaderStream::new(archive))))
}

/// Deletes everything that is yours, at once; the backups are written anew without it.
#[utoipa::path(
    delete,
    path = "/api/me", operation_id = "delete_me", tag = "me",
    responses((status = 200, body = Deleted), ApiError)
)]
pub(crate) async fn delete(State(server): State<Server>, Person(user): Person) -> Result<Json<Deleted>, ApiError> {
    let app = server.app()?;
    // They may be kept elsewhere than the rest.
    app.memories.delete_all(user).await?;
    app.people.delete_person(user).await?;
    let backups_gone_by = takeout::forget_in_backups(app, user).await;
    Ok(Json(Deleted { backups_gone_by }))
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> ApiError {
    ApiError::new(ErrorCode::InvalidRequest, message)
}
