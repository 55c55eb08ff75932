//! What is counted of a backend's work: that which services are paid for.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    PromptTokens,
    CompletionTokens,
    /// Of text that was spoken.
    Characters,
    /// Of sound that was heard.
    AudioSeconds,
    Images,
}

impl Unit {
    pub fn as_str(self) -> &'static str {
        match self {
            Unit::PromptTokens => "prompt_tokens",
            Unit::CompletionTokens => "completion_tokens",
            Unit::Characters => "characters",
            Unit::AudioSeconds => "audio_seconds",
            Unit::Images => "images",
        }
    }
}

/// What was used of one model.
#[derive(Debug, Clone, PartialEq)]
pub struct Used {
    /// The config's name of it, such as `groq`.
    pub backend: &'static str,
    pub model: String,
    pub unit: Unit,
    pub amount: f64,
}
