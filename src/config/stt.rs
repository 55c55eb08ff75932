//! Speech-to-text.

use std::time::Duration;

use serde::Deserialize;

use super::api::{ApiDefaults, RawApi};
use super::vendors;
use super::{ApiConfig, ConfigError, ModelReference};

#[derive(Debug, Clone)]
pub struct SttConfig {
    /// In the order in which they are tried.
    pub backends: Vec<SttBackend>,
    /// ISO 639-1; `None` lets the model judge.
    pub language: Option<String>,
    pub local: LocalSttConfig,
    pub groq: ApiConfig,
    /// Any service that speaks the OpenAI protocol.
    pub openai: ApiConfig,
    pub fake: FakeSttConfig,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SttBackend {
    Local,
    Groq,
    OpenAi,
    Fake,
}

const GROQ: ApiDefaults = ApiDefaults {
    base_url: "https://api.groq.com/openai/v1",
    model: vendors::GROQ_STT.model,
    key_variable: "GROQ_API_KEY",
    key_needed: true,
};

const OPENAI: ApiDefaults = ApiDefaults {
    base_url: "http://127.0.0.1:8000/v1",
    model: "default",
    key_variable: "OPENAI_API_KEY",
    key_needed: false,
};

#[derive(Debug, Clone)]
pub struct LocalSttConfig {
    pub model: ModelReference,
    pub threads: usize,
    pub queue_length: usize,
    /// Added to the clip when the encoder's context is shrunk to it.
    pub context_margin: Duration,
}

/// The backend without a model, for tests and demos of everything around it.
#[derive(Debug, Clone)]
pub struct FakeSttConfig {
    /// What every recording with sound in it is said to say; `None` derives a text from the recording.
    pub text: Option<String>,
    /// How long each recording takes.
    pub delay: Duration,
    pub queue_length: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawStt {
    backends: Vec<SttBackend>,
    language: Option<String>,
    local: RawLocalStt,
    groq: RawApi,
    openai: RawApi,
    fake: RawFakeStt,
}

impl Default for RawStt {
    fn default() -> Self {
        Self {
            backends: vec![SttBackend::Local],
            language: None,
            local: RawLocalStt::default(),
            groq: RawApi::default(),
            openai: RawApi::default(),
            fake: RawFakeStt::default(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawLocalStt {
    model: Option<String>,
    threads: usize,
    queue_length: usize,
    context_margin_ms: u64,
}

impl Default for RawLocalStt {
    fn default() -> Self {
        Self { model: None, threads: super::llm::default_threads(), queue_length: 4, context_margin_ms: 1500 }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawFakeStt {
    text: Option<String>,
    delay_ms: u64,
    queue_length: usize,
}

impl Default for RawFakeStt {
    fn default() -> Self {
        Self { text: None, delay_ms: 0, queue_length: 64 }
    }
}

impl RawStt {
    pub(super) fn validate(self, missing: &mut Vec<ConfigError>) -> Result<SttConfig, ConfigError> {
        if self.backends.is_empty() {
            return Err(ConfigError::invalid(
                "stt.backends",
                "empty",
                "name at least one of local, groq, openai, fake",
            ));
        }
        if self.local.threads == 0 {
            return Err(ConfigError::invalid("stt.local.threads", 0, "give at least 1"));
        }
        let uses = |backend| self.backends.contains(&backend);
        Ok(SttConfig {
            groq: self.groq.validate("stt.groq", &GROQ, uses(SttBackend::Groq), missing)?,
            openai: self.openai.validate("stt.openai", &OPENAI, uses(SttBackend::OpenAi), missing)?,
            backends: self.backends,
            language: self.language,
            local: LocalSttConfig {
                model: ModelReference::parse(self.local.model),
                threads: self.local.threads,
                queue_length: self.local.queue_length,
                context_margin: Duration::from_millis(self.local.context_margin_ms),
            },
            fake: FakeSttConfig {
                text: self.fake.text,
                delay: Duration::from_millis(self.fake.delay_ms),
                queue_length: self.fake.queue_length,
            },
        })
    }
}
