//! Who judges what a message changes in memory, and how a doubtful one is answered.

use serde::Deserialize;

use super::ConfigError;

#[derive(Debug, Clone, Copy)]
pub struct JudgementConfig {
    pub by: Judgement,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Judgement {
    /// The model where it is a service's, or a local one of a billion parameters or more; else the rules.
    Auto,
    Model,
    /// Patterns, made for English.
    Rules,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawJudgement {
    by: Judgement,
}

impl Default for RawJudgement {
    fn default() -> Self {
        Self { by: Judgement::Auto }
    }
}

impl RawJudgement {
    #[expect(clippy::unnecessary_wraps, reason = "as every section's")]
    pub(super) fn validate(self) -> Result<JudgementConfig, ConfigError> {
        Ok(JudgementConfig { by: self.by })
    }
}
