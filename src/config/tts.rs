//! Text-to-speech.

use serde::Deserialize;

use super::{ConfigError, ModelReference};

#[derive(Debug, Clone)]
pub struct TtsConfig {
    /// In the order in which they are tried.
    pub backends: Vec<TtsBackend>,
    /// 1 is the voice's own pace.
    pub speed: f32,
    pub local: LocalTtsConfig,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TtsBackend {
    Local,
    Fake,
}

#[derive(Debug, Clone)]
pub struct LocalTtsConfig {
    pub model: ModelReference,
    pub threads: usize,
    pub queue_length: usize,
    /// `None` takes the voice's own.
    pub noise_scale: Option<f32>,
    /// `None` takes the voice's own.
    pub noise_width: Option<f32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawTts {
    backends: Vec<TtsBackend>,
    speed: f32,
    local: RawLocalTts,
}

impl Default for RawTts {
    fn default() -> Self {
        Self { backends: vec![TtsBackend::Local], speed: 1.0, local: RawLocalTts::default() }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawLocalTts {
    model: Option<String>,
    threads: usize,
    queue_length: usize,
    noise_scale: Option<f32>,
    noise_width: Option<f32>,
}

impl Default for RawLocalTts {
    fn default() -> Self {
        Self {
            model: None,
            threads: super::llm::default_threads(),
            queue_length: 16,
            noise_scale: None,
            noise_width: None,
        }
    }
}

impl RawTts {
    pub(super) fn validate(self) -> Result<TtsConfig, ConfigError> {
        if self.backends.is_empty() {
            return Err(ConfigError::invalid("tts.backends", "empty", "name at least one of local, fake"));
        }
        if !(0.25..=4.0).contains(&self.speed) {
            return Err(ConfigError::invalid("tts.speed", self.speed, "give a number from 0.25 to 4"));
        }
        if self.local.threads == 0 {
            return Err(ConfigError::invalid("tts.local.threads", 0, "give at least 1"));
        }
        Ok(TtsConfig {
            backends: self.backends,
            speed: self.speed,
            local: LocalTtsConfig {
                model: ModelReference::parse(self.local.model),
                threads: self.local.threads,
                queue_length: self.local.queue_length,
                noise_scale: self.local.noise_scale,
                noise_width: self.local.noise_width,
            },
        })
    }
}
