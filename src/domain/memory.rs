//! Something worth keeping about a person.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{MemoryId, SessionId, UserId};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MemoryType {
    /// Who they are, whom they know, what happened.
    Fact,
    /// What they like, dislike or want done.
    Preference,
    /// How they feel, or what they fear.
    Emotion,
}

impl MemoryType {
    pub const ALL: [MemoryType; 3] = [MemoryType::Fact, MemoryType::Preference, MemoryType::Emotion];

    pub fn as_str(self) -> &'static str {
        match self {
            MemoryType::Fact => "fact",
            MemoryType::Preference => "preference",
            MemoryType::Emotion => "emotion",
        }
    }
}

/// One remembered sentence, in the third person ("The person's sister is called Ana.").
#[derive(Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Memory {
    pub id: MemoryId,
    pub user_id: UserId,
    /// The session it was said in; it outlives the session.
    pub session_id: Option<SessionId>,
    pub text: String,
    pub memory_type: MemoryType,
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
}

/// Shows what it is, not what it says: memories never reach a log.
impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Memory({}, {})", self.id, self.memory_type.as_str())
    }
}

/// A memory and how near it is to what was asked.
#[derive(Debug, Clone, PartialEq)]
pub struct RecalledMemory {
    pub memory: Memory,
    /// Cosine, in [-1, 1].
    pub score: f32,
}
