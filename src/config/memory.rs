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
    /// Whether a start with another embedding model than the memories' embeds them anew, instead of refusing.
    pub reembed_at_start: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MemoryBackend {
    /// In the database file, with everything else.
    Local,
    Qdrant,
}

/// Where its gRPC interface listens, where nothing else was set.
const QDRANT: ApiDefaults = ApiDefaults {
    base_url: "http://127.0.0.1:6334",
    model: "rose_memories",
    key_variable: "QDRANT_API_KEY",
    // One's own often asks for none.
    key_needed: false,
};

/// Where its REST interface listens, where nothing else was set. Rose doesn't speak it.
const QDRANT_REST_PORT: u16 = 6333;

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
    fn validate(self, used: bool, missing: &mut Vec<ConfigError>) -> Result<ApiConfig, ConfigError> {
        let base_url = self.base_url.or_else(|| std::env::var(QDRANT_URL).ok().filter(|url| !url.trim().is_empty()));
        if used && base_url.is_none() {
            missing.push(ConfigError::MissingAddress { section: "memory.qdrant", variable: QDRANT_URL });
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
        let config = api.validate("memory.qdrant", &QDRANT, used, missing)?;
        // QDRANT_URL may be another program's.
        if used {
            speaks_grpc(&config.base_url)?;
        }
        Ok(config)
    }
}

/// # Errors
/// Where the address is that of the REST interface, or of something behind a path: gRPC has none.
fn speaks_grpc(base_url: &str) -> Result<(), ConfigError> {
    let invalid = |hint| ConfigError::invalid("memory.qdrant.base_url", base_url, hint);
    let url = reqwest::Url::parse(base_url).map_err(|_| invalid("give an address, such as http://127.0.0.1:6334"))?;
    if url.port() == Some(QDRANT_REST_PORT) {
        return Err(invalid("6333 is the port of Qdrant's REST interface; give that of gRPC, 6334"));
    }
    if url.path() != "/" || url.query().is_some() {
        return Err(invalid("give the host and the port alone: gRPC knows no path"));
    }
    Ok(())
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
    reembed_at_start: bool,
}

impl Default for RawMemory {
    fn default() -> Self {
        Self {
            backend: MemoryBackend::Local,
            qdrant: RawQdrant::default(),
            recall: 3,
            recall_floor: 0.25,
            duplicate: 0.9,
            reembed_at_start: false,
        }
    }
}

impl RawMemory {
    pub(super) fn validate(self, missing: &mut Vec<ConfigError>) -> Result<MemoryConfig, ConfigError> {
        if !(-1.0..=1.0).contains(&self.recall_floor) {
            return Err(ConfigError::invalid("memory.recall_floor", self.recall_floor, "give a cosine from -1 to 1"));
        }
        if !(0.0..=1.0).contains(&self.duplicate) {
            return Err(ConfigError::invalid("memory.duplicate", self.duplicate, "give a cosine from 0 to 1"));
        }
        Ok(MemoryConfig {
            qdrant: self.qdrant.validate(self.backend == MemoryBackend::Qdrant, missing)?,
            backend: self.backend,
            recall: self.recall,
            recall_floor: self.recall_floor,
            duplicate: self.duplicate,
            reembed_at_start: self.reembed_at_start,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_of_grpc_is_taken() {
        for (url, said) in [
            ("http://127.0.0.1:6333", "6334"),
            ("https://qdrant.example:6333/", "6334"),
            ("https://example.com/qdrant", "no path"),
            ("http://", "give an address"),
        ] {
            let raw = RawQdrant { base_url: Some(url.into()), ..RawQdrant::default() };
            let error = raw.validate(true, &mut Vec::new()).expect_err(url).to_string();
            assert!(error.contains(said), "{url}: {error}");
        }
        let unused = RawQdrant { base_url: Some("http://127.0.0.1:6333".into()), ..RawQdrant::default() };
        unused.validate(false, &mut Vec::new()).expect("nobody goes there");
        for url in ["http://127.0.0.1:6334/", "https://qdrant.example", "https://qdrant.example:443"] {
            let raw = RawQdrant { base_url: Some(url.into()), ..RawQdrant::default() };
            assert_eq!(raw.validate(true, &mut Vec::new()).expect(url).base_url, url.trim_end_matches('/'));
        }
    }
}
