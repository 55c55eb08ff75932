//! Embeddings.

use serde::Deserialize;

use super::api::{ApiDefaults, RawApi};
use super::{ApiConfig, ConfigError, ModelReference};

#[derive(Debug, Clone)]
pub struct EmbeddingsConfig {
    /// In the order in which they are tried. Different models are never mixed in one store.
    pub backends: Vec<EmbeddingsBackend>,
    pub model: ModelReference,
    pub queue_length: usize,
    /// Any service that speaks the OpenAI protocol.
    pub openai: RemoteEmbeddingsConfig,
}

#[derive(Debug, Clone)]
pub struct RemoteEmbeddingsConfig {
    pub api: ApiConfig,
    /// The width of the model's embeddings.
    pub dimension: usize,
    /// Longer texts are cut before they are sent.
    pub max_chars: usize,
}

const OPENAI: ApiDefaults = ApiDefaults {
    base_url: "http://127.0.0.1:8000/v1",
    model: "default",
    key_variable: "OPENAI_API_KEY",
    key_needed: false,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EmbeddingsBackend {
    Local,
    OpenAi,
    Fake,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawEmbeddings {
    backends: Vec<EmbeddingsBackend>,
    local: RawLocalEmbeddings,
    openai: RawRemoteEmbeddings,
}

impl Default for RawEmbeddings {
    fn default() -> Self {
        Self {
            backends: vec![EmbeddingsBackend::Local],
            local: RawLocalEmbeddings::default(),
            openai: RawRemoteEmbeddings::default(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawLocalEmbeddings {
    model: Option<String>,
    queue_length: usize,
}

impl Default for RawLocalEmbeddings {
    fn default() -> Self {
        Self { model: None, queue_length: 64 }
    }
}

/// Flat, as [`super::llm`] says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawRemoteEmbeddings {
    dimension: Option<usize>,
    max_chars: Option<usize>,
    base_url: Option<String>,
    model: Option<String>,
    connect_timeout_ms: Option<u64>,
    first_byte_timeout_ms: Option<u64>,
    idle_timeout_ms: Option<u64>,
}

impl RawRemoteEmbeddings {
    fn validate(
        self,
        section: &'static str,
        defaults: &ApiDefaults,
        used: bool,
        missing: &mut Vec<ConfigError>,
    ) -> Result<RemoteEmbeddingsConfig, ConfigError> {
        let dimension = self.dimension.unwrap_or(1024);
        let max_chars = self.max_chars.unwrap_or(1500);
        if !(1..=8192).contains(&dimension) {
            return Err(ConfigError::invalid(section, dimension, "give a dimension from 1 to 8192"));
        }
        if max_chars == 0 {
            return Err(ConfigError::invalid(section, max_chars, "give max_chars of at least 1"));
        }
        let api = RawApi {
            base_url: self.base_url,
            model: self.model,
            connect_timeout_ms: self.connect_timeout_ms,
            first_byte_timeout_ms: self.first_byte_timeout_ms,
            idle_timeout_ms: self.idle_timeout_ms,
        };
        Ok(RemoteEmbeddingsConfig { api: api.validate(section, defaults, used, missing)?, dimension, max_chars })
    }
}

impl RawEmbeddings {
    pub(super) fn validate(self, missing: &mut Vec<ConfigError>) -> Result<EmbeddingsConfig, ConfigError> {
        if self.backends.is_empty() {
            return Err(ConfigError::invalid(
                "embeddings.backends",
                "empty",
                "name at least one of local, openai, fake",
            ));
        }
        let uses = |backend| self.backends.contains(&backend);
        Ok(EmbeddingsConfig {
            openai: self.openai.validate("embeddings.openai", &OPENAI, uses(EmbeddingsBackend::OpenAi), missing)?,
            backends: self.backends,
            model: ModelReference::parse(self.local.model),
            queue_length: self.local.queue_length,
        })
    }
}
