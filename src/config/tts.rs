//! Text-to-speech.

use std::time::Duration;

use serde::Deserialize;

use super::api::{ApiDefaults, RawApi};
use super::vendors;
use super::{ApiConfig, ConfigError, ModelReference};
use crate::domain::audio::SampleRate;

#[derive(Debug, Clone)]
pub struct TtsConfig {
    /// In the order in which they are tried.
    pub backends: Vec<TtsBackend>,
    /// 1 is the voice's own pace.
    pub speed: f32,
    pub local: LocalTtsConfig,
    pub elevenlabs: RemoteTtsConfig,
    /// Any service that speaks the OpenAI protocol.
    pub openai: RemoteTtsConfig,
    pub fake: FakeTtsConfig,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TtsBackend {
    Local,
    ElevenLabs,
    OpenAi,
    Fake,
}

#[derive(Debug, Clone)]
pub struct RemoteTtsConfig {
    pub api: ApiConfig,
    /// As the service names them, the default first; at least one.
    pub voices: Vec<String>,
    /// Of the sound that the service sends.
    pub sample_rate: SampleRate,
}

/// What a voice's service does where the settings are silent.
struct VoiceDefaults {
    api: ApiDefaults,
    voice: &'static str,
    sample_rate_hz: u32,
    /// The rates that it can send; empty: the settings know.
    sample_rates_hz: &'static [u32],
}

/// <https://elevenlabs.io/docs/api-reference/text-to-speech/stream>
const ELEVENLABS: VoiceDefaults = VoiceDefaults {
    api: ApiDefaults {
        base_url: "https://api.elevenlabs.io/v1",
        model: vendors::ELEVENLABS_TTS.model,
        key_variable: "ELEVENLABS_API_KEY",
        key_needed: true,
    },
    voice: "JBFqnCBsd6RMkjVDRZzb",
    sample_rate_hz: 22_050,
    sample_rates_hz: &[8_000, 16_000, 22_050, 24_000, 44_100, 48_000],
};

/// <https://platform.openai.com/docs/guides/text-to-speech>: raw sound is at 24 kHz.
const OPENAI: VoiceDefaults = VoiceDefaults {
    api: ApiDefaults {
        base_url: "http://127.0.0.1:8000/v1",
        model: "default",
        key_variable: "OPENAI_API_KEY",
        key_needed: false,
    },
    voice: "alloy",
    sample_rate_hz: 24_000,
    sample_rates_hz: &[],
};

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
    elevenlabs: RawRemoteTts,
    openai: RawRemoteTts,
    fake: RawFakeTts,
}

impl Default for RawTts {
    fn default() -> Self {
        Self {
            backends: vec![TtsBackend::Local],
            speed: 1.0,
            local: RawLocalTts::default(),
            elevenlabs: RawRemoteTts::default(),
            openai: RawRemoteTts::default(),
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

/// Flat, as [`super::llm`] says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawRemoteTts {
    voices: Option<Vec<String>>,
    sample_rate_hz: Option<u32>,
    base_url: Option<String>,
    model: Option<String>,
    connect_timeout_ms: Option<u64>,
    first_byte_timeout_ms: Option<u64>,
    idle_timeout_ms: Option<u64>,
}

impl RawRemoteTts {
    fn validate(
        self,
        section: &'static str,
        defaults: &VoiceDefaults,
        used: bool,
        missing: &mut Vec<ConfigError>,
    ) -> Result<RemoteTtsConfig, ConfigError> {
        let voices = self.voices.unwrap_or_else(|| vec![defaults.voice.to_owned()]);
        // They stand in the address of some services.
        let plain = |voice: &String| {
            !voice.is_empty() && voice.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        };
        if voices.is_empty() || !voices.iter().all(plain) {
            return Err(ConfigError::invalid(section, "a voice without a name", "give voices of letters and digits"));
        }
        let rate = self.sample_rate_hz.unwrap_or(defaults.sample_rate_hz);
        let rates = defaults.sample_rates_hz;
        if !(8_000..=48_000).contains(&rate) || !(rates.is_empty() || rates.contains(&rate)) {
            return Err(ConfigError::invalid(section, rate, "give a sample_rate_hz that the service can send"));
        }
        let api = RawApi {
            base_url: self.base_url,
            model: self.model,
            connect_timeout_ms: self.connect_timeout_ms,
            first_byte_timeout_ms: self.first_byte_timeout_ms,
            idle_timeout_ms: self.idle_timeout_ms,
        };
        let api = api.validate(section, &defaults.api, used, missing)?;
        Ok(RemoteTtsConfig { api, voices, sample_rate: SampleRate(rate) })
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
    pub(super) fn validate(self, missing: &mut Vec<ConfigError>) -> Result<TtsConfig, ConfigError> {
        if self.backends.is_empty() {
            return Err(ConfigError::invalid(
                "tts.backends",
                "empty",
                "name at least one of local, elevenlabs, openai, fake",
            ));
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
        let uses = |backend| self.backends.contains(&backend);
        Ok(TtsConfig {
            elevenlabs: self.elevenlabs.validate(
                "tts.elevenlabs",
                &ELEVENLABS,
                uses(TtsBackend::ElevenLabs),
                missing,
            )?,
            openai: self.openai.validate("tts.openai", &OPENAI, uses(TtsBackend::OpenAi), missing)?,
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
