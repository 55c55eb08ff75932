//! Identifiers. Those a stranger could try to guess are random (UUID v4); those that sort by time are UUID v7.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The text was not an identifier of the kind that was asked for.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("not a valid {kind} id: expected a UUID such as 018f4c1e-6f0a-4c3b-9d53-0a4a2f0d7c11")]
pub struct InvalidId {
    pub kind: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $new:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = String, format = Uuid)]
        pub struct $name(pub Uuid);

        impl $name {
            pub fn generate() -> Self {
                Self(Uuid::$new())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                // The hyphenated form only: one spelling, so that an id compares as text in the store.
                if text.len() != 36 {
                    return Err(InvalidId { kind: $kind });
                }
                Uuid::try_parse(text).map(Self).map_err(|_| InvalidId { kind: $kind })
            }
        }
    };
}

id!(
    /// One person, as far as the server knows: the holder of a cookie or a token.
    UserId, "user", new_v4
);
id!(
    /// One conversation; also the checkpoints' thread id.
    SessionId, "session", new_v4
);
id!(
    /// A stored recording or picture.
    BlobId, "blob", new_v4
);
id!(
    /// One exchange: what was said and what was answered. Sorts by time.
    TurnId, "turn", now_v7
);
id!(
    /// One saved state of a conversation. Sorts by time.
    CheckpointId, "checkpoint", now_v7
);
id!(
    /// Something Rose remembers.
    MemoryId, "memory", new_v4
);
