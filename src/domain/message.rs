//! What was said, and by whom.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{BlobId, TurnId};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    System,
    User,
    Assistant,
}

impl Role {
    /// The name that chat templates and the OpenAI protocol use.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        }
    }
}

/// One message of a conversation's history.
#[derive(Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Message {
    pub turn_id: TurnId,
    pub role: Role,
    /// For Rose: what was actually said, cut where she was interrupted.
    pub text: String,
    /// Pictures that came with it, in the blob store.
    #[serde(default)]
    pub images: Vec<BlobId>,
    /// The person spoke over this reply, or went away before its end.
    #[serde(default)]
    pub interrupted: bool,
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
}

/// Shows whose it is, not what it says: transcripts never reach a log.
impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({}, {} bytes)", self.role.as_str(), self.text.len())
    }
}
