//! Embeddings.

use serde::Deserialize;

use super::{ConfigError, ModelReference};

#[derive(Debug, Clone)]
pub struct EmbeddingsConfig {
    /// In the order in which they are tried. Different models are never mixed in one store.
    pub backends: Vec<EmbeddingsBackend>,
    pub model: ModelReference,
    pub queue_length: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EmbeddingsBackend {
    Local,
    Fake,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawEmbeddings {
    backends: Vec<EmbeddingsBackend>,
    local: RawLocalEmbeddings,
}

impl Default for RawEmbeddings {
    fn default() -> Self {
        Self { backends: vec![EmbeddingsBackend::Local], local: RawLocalEmbeddings::default() }
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

impl RawEmbeddings {
    pub(super) fn validate(self) -> Result<EmbeddingsConfig, ConfigError> {
        if self.backends.is_empty() {
            return Err(ConfigError::invalid("embeddings.backends", "empty", "name at least one of local, fake"));
        }
        Ok(EmbeddingsConfig {
            backends: self.backends,
            model: ModelReference::parse(self.local.model),
            queue_length: self.local.queue_length,
        })
    }
}
