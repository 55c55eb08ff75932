//! A reply of the history, spoken once more.

use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::audio::StreamFormat;
use crate::domain::ids::{SessionId, TurnId};
use crate::server::error::{ApiError, ErrorCode};
use crate::server::extract::Parameters;
use crate::server::identity::Person;
use crate::server::speech;
use crate::server::state::Server;
use crate::server::turn::Manner;

/// Heard again within the hour, it costs nothing; shared caches must not keep it, since it is one person's.
const CACHE: &str = "private, max-age=3600";

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReplayQuery {
    /// One of `/api/capabilities`. Left out: the first of them.
    voice: Option<String>,
    /// 1 is the voice's own pace. Left out: as the settings say.
    #[param(minimum = 0.25, maximum = 4)]
    speed: Option<f32>,
}

/// What Rose said in a turn, spoken anew: a WAV that leaves while it is spoken.
#[utoipa::path(
    get,
    path = "/api/sessions/{id}/turns/{turn_id}/audio", operation_id = "replay_turn", tag = "sessions",
    params(("id" = SessionId, Path), ("turn_id" = TurnId, Path), ReplayQuery),
    responses((status = 200, content_type = "audio/wav", body = [u8]), ApiError)
)]
pub(crate) async fn replay(
    State(server): State<Server>,
    Person(user): Person,
    Path((session, turn)): Path<(String, String)>,
    Parameters(query): Parameters<ReplayQuery>,
) -> Result<Response, ApiError> {
    let (session, turn) = (session.parse::<SessionId>()?, turn.parse::<TurnId>()?);
    let app = server.app()?;
    let manner = Manner::spoken(app, query.voice, query.speed)?;
    let sentences = speech::sentences(&app.conversation.reply(user, session, turn).await?);
    if sentences.is_empty() {
        return Err(ApiError::new(ErrorCode::NotFound, "Rose said nothing in this turn."));
    }
    let mut response = speech::stream(&server, sentences, manner, StreamFormat::Wav).await?;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(CACHE));
    Ok(response)
}
