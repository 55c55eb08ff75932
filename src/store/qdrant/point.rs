//! A memory as a point: the vector, and beside it everything else.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::MISSING;
use crate::domain::ids::{MemoryId, SessionId, UserId};
use crate::domain::memory::{Memory, MemoryType};
use crate::store::StoreError;

#[derive(Deserialize)]
pub(super) struct Point {
    id: MemoryId,
    /// In the answer to a search.
    pub(super) score: Option<f32>,
    payload: Payload,
}

#[derive(Deserialize)]
struct Payload {
    user_id: UserId,
    session_id: Option<SessionId>,
    text: String,
    memory_type: MemoryType,
    /// Microseconds since 1970.
    created_at: i64,
}

pub(super) struct Stored {
    pub(super) memory: Memory,
}

pub(super) fn payload(memory: &Memory, has_direction: bool) -> Value {
    json!({
        "user_id": memory.user_id,
        "session_id": memory.session_id,
        "text": memory.text,
        "memory_type": memory.memory_type,
        "created_at": memory.timestamp.as_microsecond(),
        "nowhere": !has_direction,
    })
}

impl Point {
    /// # Errors
    /// `NotFound` where it is another's: the filter picks the points, this vouches for them.
    pub(super) fn read(self, user: UserId) -> Result<Stored, StoreError> {
        let Payload { user_id, session_id, text, memory_type, created_at } = self.payload;
        if user_id != user {
            return Err(MISSING);
        }
        let timestamp = Timestamp::from_microsecond(created_at)
            .map_err(|_| StoreError::Damaged("a memory's time can't be read".into()))?;
        Ok(Stored { memory: Memory { id: self.id, user_id, session_id, text, memory_type, timestamp } })
    }
}
