//! Voice activity detection.

use serde::Deserialize;

use super::{ConfigError, ModelReference};

#[derive(Debug, Clone)]
pub struct VadConfig {
    /// The first that can be built serves.
    pub backends: Vec<VadBackend>,
    pub local: LocalVadConfig,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VadBackend {
    Local,
    Fake,
}

#[derive(Debug, Clone)]
pub struct LocalVadConfig {
    pub model: ModelReference,
    pub queue_length: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawVad {
    backends: Vec<VadBackend>,
    local: RawLocalVad,
}

impl Default for RawVad {
    fn default() -> Self {
        Self { backends: vec![VadBackend::Local], local: RawLocalVad::default() }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawLocalVad {
    model: Option<String>,
    queue_length: usize,
}

impl Default for RawLocalVad {
    fn default() -> Self {
        // A job takes a millisecond or so, and every open microphone sends one several times a second.
        Self { model: None, queue_length: 64 }
    }
}

impl RawVad {
    pub(super) fn validate(self) -> Result<VadConfig, ConfigError> {
        if self.backends.is_empty() {
            return Err(ConfigError::invalid("vad.backends", "empty", "name at least one of local, fake"));
        }
        Ok(VadConfig {
            backends: self.backends,
            local: LocalVadConfig {
                model: ModelReference::parse(self.local.model),
                queue_length: self.local.queue_length,
            },
        })
    }
}
