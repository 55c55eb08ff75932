//! Which way a turn is answered.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    #[default]
    Conversation,
    /// A picture was explicitly asked for.
    Image,
    /// A spoken reply was explicitly asked for.
    Audio,
}

impl Route {
    pub fn as_str(self) -> &'static str {
        match self {
            Route::Conversation => "conversation",
            Route::Image => "image",
            Route::Audio => "audio",
        }
    }
}
