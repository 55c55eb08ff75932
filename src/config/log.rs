//! What is logged, and how. Audio, transcripts, prompts, memories and keys never are.

use serde::Deserialize;

use super::ConfigError;

#[derive(Debug, Clone)]
pub struct LogConfig {
    pub format: LogFormat,
    /// `tracing` directives; `RUST_LOG` outranks it.
    pub filter: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Json,
    Text,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawLog {
    format: LogFormat,
    filter: String,
}

impl Default for RawLog {
    fn default() -> Self {
        Self { format: LogFormat::Json, filter: "info".into() }
    }
}

impl RawLog {
    pub(super) fn validate(self) -> Result<LogConfig, ConfigError> {
        Ok(LogConfig { format: self.format, filter: self.filter })
    }
}
