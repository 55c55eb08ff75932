//! A memory as a point: the vector, and beside it everything else.

use std::collections::HashMap;

use jiff::Timestamp;
use qdrant_client::Payload;
use qdrant_client::qdrant::point_id::PointIdOptions;
use qdrant_client::qdrant::{PointId, PointStruct, RetrievedPoint, ScoredPoint, Value};
use serde::Deserialize;

use super::MISSING;
use crate::domain::embedding::Embedding;
use crate::domain::ids::{SessionId, UserId};
use crate::domain::memory::{Memory, MemoryType};
use crate::store::StoreError;

/// A point as it is read, without its vector.
pub(super) struct Point {
    id: Option<PointId>,
    payload: HashMap<String, Value>,
}

impl From<RetrievedPoint> for Point {
    fn from(RetrievedPoint { id, payload, .. }: RetrievedPoint) -> Self {
        Self { id, payload }
    }
}

impl From<ScoredPoint> for Point {
    fn from(ScoredPoint { id, payload, .. }: ScoredPoint) -> Self {
        Self { id, payload }
    }
}

#[derive(Deserialize)]
struct Fields {
    user_id: UserId,
    session_id: Option<SessionId>,
    text: String,
    memory_type: MemoryType,
    /// Microseconds since 1970.
    created_at: i64,
}

/// `nowhere` marks a zero vector.
pub(super) fn write(memory: &Memory, embedding: &Embedding, nowhere: bool) -> PointStruct {
    let mut payload: Payload = [
        ("user_id", Value::from(memory.user_id.to_string())),
        ("text", memory.text.as_str().into()),
        ("memory_type", memory.memory_type.as_str().into()),
        ("created_at", memory.timestamp.as_microsecond().into()),
        ("nowhere", nowhere.into()),
    ]
    .into();
    if let Some(session) = memory.session_id {
        payload.insert("session_id", session.to_string());
    }
    PointStruct::new(memory.id.to_string(), embedding.as_slice().to_vec(), payload)
}

/// # Errors
/// `NotFound` where it is another's: the filter picks the points, this vouches for them. `Damaged` where it is no memory.
pub(super) fn read(point: impl Into<Point>, user: UserId) -> Result<Memory, StoreError> {
    let memory = read_anyones(point)?;
    if memory.user_id == user { Ok(memory) } else { Err(MISSING) }
}

/// # Errors
/// `Damaged` where it is no memory.
pub(super) fn read_anyones(point: impl Into<Point>) -> Result<Memory, StoreError> {
    let Point { id, payload } = point.into();
    // What exactly is wrong may quote the memory.
    let damaged = |what: &str| StoreError::Damaged(format!("a memory's {what} can't be read"));
    let fields: Fields = Payload::from(payload).deserialize().map_err(|_| damaged("payload"))?;
    let Fields { user_id, session_id, text, memory_type, created_at } = fields;
    let id = match id.and_then(|id| id.point_id_options) {
        Some(PointIdOptions::Uuid(id)) => id.parse().map_err(|_| damaged("id"))?,
        Some(PointIdOptions::Num(_)) | None => return Err(damaged("id")),
    };
    let timestamp = Timestamp::from_microsecond(created_at).map_err(|_| damaged("time"))?;
    Ok(Memory { id, user_id, session_id, text, memory_type, timestamp })
}
