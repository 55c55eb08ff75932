//! Text-to-speech.

use std::time::Duration;

use serde::Deserialize;

use super::{ConfigError, ModelReference};
use crate::domain::audio::SampleRate;

#[derive(Debug, Clone)]
pub struct TtsConfig {
    /// In the order in which they are tried.
    pub backends: Vec<TtsBackend>,
    /// 1 is the voice's own pace.
    pub speed: f32,
    pub local: LocalTtsConfig,
    pub fake: FakeTtsConfig,
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

/// How the backend without weights behaves.
#[derive(Debug, Clone)]
pub struct FakeTtsConfig {
    pub sample_rate: SampleRate,
    /// Sentences spoken at the same time; one more is told that it is busy.
    pub concurrency: usize,
    /// Before each chunk; a chunk is a word.
    pub chunk_delay: Duration,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawTts {
    backends: Vec<TtsBackend>,
    speed: f32,
    local: RawLocalTts,
    fake: RawFakeTts,
}

impl Default for RawTts {
    fn default() -> Self {
        Self {
            backends: vec![TtsBackend::Local],
            speed: 1.0,
            local: RawLocalTts::default(),
            fake: RawFakeTts::default(),
        }
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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawFakeTts {
    sample_rate_hz: u32,
    concurrency: usize,
    chunk_delay_ms: u64,
}

impl Default for RawFakeTts {
    fn default() -> Self {
        Self { sample_rate_hz: 22_050, concurrency: 1024, chunk_delay_ms: 0 }
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
        for (key, value) in
            [("tts.local.noise_scale", self.local.noise_scale), ("tts.local.noise_width", self.local.noise_width)]
        {
            if let Some(value) = value.filter(|value| !(0.0..=2.0).contains(value)) {
                return Err(ConfigError::invalid(key, value, "give a number from 0 to 2"));
            }
        }
        if !(8_000..=48_000).contains(&self.fake.sample_rate_hz) {
            return Err(ConfigError::invalid(
                "tts.fake.sample_rate_hz",
                self.fake.sample_rate_hz,
                "give 8000 to 48000",
            ));
        }
        if self.fake.concurrency == 0 {
            return Err(ConfigError::invalid("tts.fake.concurrency", 0, "give at least 1"));
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
            fake: FakeTtsConfig {
                sample_rate: SampleRate(self.fake.sample_rate_hz),
                concurrency: self.fake.concurrency,
                chunk_delay: Duration::from_millis(self.fake.chunk_delay_ms),
            },
        })
    }
}
