//! A person's conversations: begin, list, read, rename, delete, take away.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::ids::SessionId;
use crate::domain::message::Message;
use crate::domain::session::Session;
use crate::server::error::{ApiError, ErrorCode};
use crate::server::extract::{Body, Parameters, PathId};
use crate::server::identity::{Person, Renew};
use crate::server::state::Server;

const MOST_TITLE_CHARS: usize = 200;
const MOST_PER_PAGE: usize = 100;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionStarted {
    session_id: SessionId,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct SessionPage {
    /// At most 100.
    #[param(default = 50, minimum = 1, maximum = 100)]
    limit: usize,
    #[param(default = 0)]
    offset: usize,
}

impl Default for SessionPage {
    fn default() -> Self {
        Self { limit: 50, offset: 0 }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionList {
    /// The latest first.
    sessions: Vec<SessionSummary>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionSummary {
    id: SessionId,
    /// Given by its owner.
    title: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: jiff::Timestamp,
    #[schema(value_type = String, format = DateTime)]
    last_active_at: jiff::Timestamp,
}

impl From<Session> for SessionSummary {
    fn from(session: Session) -> Self {
        let Session { id, user_id: _, title, created_at, last_active_at } = session;
        Self { id, title, created_at, last_active_at }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionHistory {
    session: SessionSummary,
    /// The oldest first.
    messages: Vec<Message>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionChange {
    /// 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    title: String,
}

/// A page's size, checked against the most that is given at once.
pub(super) fn checked_limit(limit: usize) -> Result<usize, ApiError> {
    if (1..=MOST_PER_PAGE).contains(&limit) {
        Ok(limit)
    } else {
        Err(ApiError::new(ErrorCode::InvalidRequest, format!("`limit` is a number from 1 to {MOST_PER_PAGE}.")))
    }
}

/// Begins a conversation. The first call also sets the cookie that owns it.
#[utoipa::path(
    post,
    path = "/api/session/start", operation_id = "start_session", tag = "sessions",
    responses((status = 200, body = SessionStarted), ApiError)
)]
pub(crate) async fn start(State(server): State<Server>, Person(user): Person) -> Result<impl IntoResponse, ApiError> {
    let session = server.app()?.sessions.create_session(user).await?;
    Ok((Renew, Json(SessionStarted { session_id: session.id })))
}

/// Your conversations, the latest first.
#[utoipa::path(
    get,
    path = "/api/sessions", operation_id = "list_sessions", tag = "sessions",
    params(SessionPage),
    responses((status = 200, body = SessionList), ApiError)
)]
pub(crate) async fn list(
    State(server): State<Server>,
    Person(user): Person,
    Parameters(page): Parameters<SessionPage>,
) -> Result<Json<SessionList>, ApiError> {
    let limit = checked_limit(page.limit)?;
    let sessions = server.app()?.sessions.sessions(user, limit, page.offset).await?;
    Ok(Json(SessionList { sessions: sessions.into_iter().map(SessionSummary::from).collect() }))
}

/// One conversation with all of its messages.
#[utoipa::path(
    get,
    path = "/api/sessions/{id}", operation_id = "get_session", tag = "sessions",
    params(("id" = SessionId, Path)),
    responses((status = 200, body = SessionHistory), ApiError)
)]
pub(crate) async fn show(
    State(server): State<Server>,
    Person(user): Person,
    PathId(id): PathId<SessionId>,
) -> Result<Json<SessionHistory>, ApiError> {
    let app = server.app()?;
    let session = app.sessions.session(user, id).await?.into();
    let messages = app.conversation.history(user, id).await?;
    Ok(Json(SessionHistory { session, messages }))
}

/// Gives it a title.
#[utoipa::path(
    patch,
    path = "/api/sessions/{id}", operation_id = "rename_session", tag = "sessions",
    params(("id" = SessionId, Path)),
    request_body = SessionChange,
    responses((status = 200, body = SessionSummary), ApiError)
)]
pub(crate) async fn rename(
    State(server): State<Server>,
    Person(user): Person,
    PathId(id): PathId<SessionId>,
    Body(change): Body<SessionChange>,
) -> Result<Json<SessionSummary>, ApiError> {
    let title = change.title.trim();
    if title.is_empty() || title.chars().count() > MOST_TITLE_CHARS {
        let message = format!("`title` has 1 to {MOST_TITLE_CHARS} characters.");
        return Err(ApiError::new(ErrorCode::InvalidRequest, message));
    }
    Ok(Json(server.app()?.sessions.rename_session(user, id, title).await?.into()))
}

/// Deletes it with its recordings. What Rose remembers stays.
#[utoipa::path(
    delete,
    path = "/api/sessions/{id}", operation_id = "delete_session", tag = "sessions",
    params(("id" = SessionId, Path)),
    responses((status = 204), ApiError)
)]
pub(crate) async fn delete(
    State(server): State<Server>,
    Person(user): Person,
    PathId(id): PathId<SessionId>,
) -> Result<StatusCode, ApiError> {
    server.app()?.sessions.delete_session(user, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The same as reading it, as a file to keep.
#[utoipa::path(
    get,
    path = "/api/sessions/{id}/export", operation_id = "export_session", tag = "sessions",
    params(("id" = SessionId, Path)),
    responses((status = 200, body = SessionHistory), ApiError)
)]
pub(crate) async fn export(
    server: State<Server>,
    person: Person,
    PathId(id): PathId<SessionId>,
) -> Result<impl IntoResponse, ApiError> {
    let history = show(server, person, PathId(id)).await?;
    let file = format!("attachment; filename=\"rose-session-{id}.json\"");
    Ok(([(header::CONTENT_DISPOSITION, file)], history))
}
