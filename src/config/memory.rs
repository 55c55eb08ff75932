//! What is recalled and kept.

use serde::Deserialize;

use super::api::{ApiDefaults, RawApi};
use super::{ApiConfig, ConfigError};

#[derive(Debug, Clone)]
pub struct MemoryConfig {
    /// Where they are kept. One place: what is in another would be forgotten.
    pub backend: MemoryBackend,
    /// Its `model` is what the names of its collections begin with.
    pub qdrant: ApiConfig,
    /// Memories fetched for a turn.
    pub recall: usize,
    /// Cosine below which a memory has nothing to do with the turn.
    pub recall_floor: f32,
    /// Cosine from which two memories count as one.
    pub duplicate: f32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MemoryBackend {
    /// In the database file, with everything else.
    Local,
    Qdrant,
}

/// <https://api.qdrant.tech/api-reference>
const QDRANT: ApiDefaults = ApiDefaults {
    base_url: "http://127.0.0.1:6333",
    model: "rose_memories",
    key_variable: "QDRANT_API_KEY",
    // One's own often asks for none.
    key_needed: false,
};

/// Where it is, where the settings are silent.
const QDRANT_URL: &str = "QDRANT_URL";

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawQdrant {
    base_url: Option<String>,
    collection: Option<String>,
    connect_timeout_ms: Option<u64>,
    first_byte_timeout_ms: Option<u64>,
    idle_timeout_ms: Option<u64>,
}

impl RawQdrant {
    fn validate(self, used: bool) -> Result<ApiConfig, ConfigError> {
        let base_url = self.base_url.or_else(|| std::env::var(QDRANT_URL).ok().filter(|url| !url.trim().is_empty()));
        if used && base_url.is_none() {
            return Err(ConfigError::MissingAddress { section: "memory.qdrant", variable: QDRANT_URL });
        }
        let collection = self.collection;
        if let Some(name) = collection.as_ref().filter(|name| name.is_empty() || !name.chars().all(is_plain)) {
            return Err(ConfigError::invalid("memory.qdrant.collection", name, "give letters, digits, - and _"));
        }
        let api = RawApi {
            base_url,
            model: collection,
            connect_timeout_ms: self.connect_timeout_ms,
            first_byte_timeout_ms: self.first_byte_timeout_ms,
            idle_timeout_ms: self.idle_timeout_ms,
        };
        api.validate("memory.qdrant", &QDRANT, used)
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawMemory {
    backend: MemoryBackend,
    qdrant: RawQdrant,
    recall: usize,
    recall_floor: f32,
    duplicate: f32,
}

impl Default for RawMemory {
    fn default() -> Self {
        Self {
            backend: MemoryBackend::Local,
            qdrant: RawQdrant::default(),
            recall: 3,
            recall_floor: 0.25,
            duplicate: 0.9,
        }
    }
}

impl RawMemory {
    pub(super) fn validate(self) -> Result<MemoryConfig, ConfigError> {
        if !(-1.0..=1.0).contains(&self.recall_floor) {
            return Err(ConfigError::invalid("memory.recall_floor", self.recall_floor, "give a cosine from -1 to 1"));
        }
        if !(0.0..=1.0).contains(&self.duplicate) {
            return Err(ConfigError::invalid("memory.duplicate", self.duplicate, "give a cosine from 0 to 1"));
        }
        Ok(MemoryConfig {
            qdrant: self.qdrant.validate(self.backend == MemoryBackend::Qdrant)?,
            backend: self.backend,
            recall: self.recall,
            recall_floor: self.recall_floor,
            duplicate: self.duplicate,
        })
    }
}
