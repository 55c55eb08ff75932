//! One conversation's envelope; its words live in the checkpoints.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{SessionId, UserId};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Session {
    pub id: SessionId,
    pub user_id: UserId,
    /// Given by its owner.
    pub title: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub last_active_at: Timestamp,
}
