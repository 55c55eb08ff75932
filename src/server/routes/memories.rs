//! What Rose remembers of a person: see, search, correct, delete, take away.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::sessions::checked_limit;
use crate::domain::ids::{MemoryId, SessionId};
use crate::domain::memory::{Memory, MemoryType};
use crate::server::error::ApiError;
use crate::server::extract::{Body, Parameters, PathId};
use crate::server::identity::Person;
use crate::server::state::Server;
use crate::store::MemoryFilter;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct MemoryQuery {
    /// Only memories that contain this, case ignored.
    search: Option<String>,
    memory_type: Option<MemoryType>,
    /// At most 100.
    #[param(default = 50, minimum = 1, maximum = 100)]
    limit: usize,
    #[param(default = 0)]
    offset: usize,
}

impl Default for MemoryQuery {
    fn default() -> Self {
        Self { search: None, memory_type: None, limit: 50, offset: 0 }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MemoryEntry {
    id: MemoryId,
    /// The session it was said in.
    session_id: Option<SessionId>,
    text: String,
    memory_type: MemoryType,
    #[schema(value_type = String, format = DateTime)]
    timestamp: jiff::Timestamp,
}

impl From<Memory> for MemoryEntry {
    fn from(memory: Memory) -> Self {
        let Memory { id, user_id: _, session_id, text, memory_type, timestamp } = memory;
        Self { id, session_id, text, memory_type, timestamp }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MemoryList {
    /// The latest first.
    memories: Vec<MemoryEntry>,
    /// Of all that match, on every page.
    total: usize,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MemoryCorrection {
    /// As it should be said of the person: one sentence.
    #[schema(min_length = 1, max_length = 240)]
    text: String,
    /// Left out, it stays as it is.
    #[serde(default)]
    memory_type: Option<MemoryType>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MemoriesDeleted {
    deleted: usize,
}

/// What Rose remembers of you, the latest first.
#[utoipa::path(
    get,
    path = "/api/memories", operation_id = "list_memories", tag = "memories",
    params(MemoryQuery),
    responses((status = 200, body = MemoryList), ApiError)
)]
pub(crate) async fn list(
    State(server): State<Server>,
    Person(user): Person,
    Parameters(query): Parameters<MemoryQuery>,
) -> Result<Json<MemoryList>, ApiError> {
    let filter = MemoryFilter {
        contains: query.search.filter(|search| !search.trim().is_empty()),
        memory_type: query.memory_type,
        limit: checked_limit(query.limit)?,
        offset: query.offset,
    };
    let (memories, total) = server.app()?.memories.list(user, filter).await?;
    Ok(Json(MemoryList { memories: memories.into_iter().map(MemoryEntry::from).collect(), total }))
}

/// All of it, as a file to keep.
#[utoipa::path(
    get,
    path = "/api/memories/export", operation_id = "export_memories", tag = "memories",
    responses((status = 200, body = MemoryList), ApiError)
)]
pub(crate) async fn export(State(server): State<Server>, Person(user): Person) -> Result<impl IntoResponse, ApiError> {
    let memories = server.app()?.memories.export(user).await?;
    let list = MemoryList { total: memories.len(), memories: memories.into_iter().map(MemoryEntry::from).collect() };
    Ok(([(header::CONTENT_DISPOSITION, "attachment; filename=\"rose-memories.json\"")], Json(list)))
}

/// Says it as it should be.
#[utoipa::path(
    patch,
    path = "/api/memories/{id}", operation_id = "correct_memory", tag = "memories",
    params(("id" = MemoryId, Path)),
    request_body = MemoryCorrection,
    responses((status = 200, body = MemoryEntry), ApiError)
)]
pub(crate) async fn correct(
    State(server): State<Server>,
    Person(user): Person,
    PathId(id): PathId<MemoryId>,
    Body(correction): Body<MemoryCorrection>,
) -> Result<Json<MemoryEntry>, ApiError> {
    let memory = server.app()?.memories.change(user, id, &correction.text, correction.memory_type).await?;
    Ok(Json(memory.into()))
}

/// Forgets one memory.
#[utoipa::path(
    delete,
    path = "/api/memories/{id}", operation_id = "delete_memory", tag = "memories",
    params(("id" = MemoryId, Path)),
    responses((status = 204), ApiError)
)]
pub(crate) async fn delete(
    State(server): State<Server>,
    Person(user): Person,
    PathId(id): PathId<MemoryId>,
) -> Result<StatusCode, ApiError> {
    server.app()?.memories.delete(user, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forgets everything about you.
#[utoipa::path(
    delete,
    path = "/api/memories", operation_id = "delete_all_memories", tag = "memories",
    responses((status = 200, body = MemoriesDeleted), ApiError)
)]
pub(crate) async fn delete_all(
    State(server): State<Server>,
    Person(user): Person,
) -> Result<Json<MemoriesDeleted>, ApiError> {
    let deleted = server.app()?.memories.delete_all(user).await?;
    Ok(Json(MemoriesDeleted { deleted }))
}
