//! What is recalled and kept.

use serde::Deserialize;

use super::ConfigError;

#[derive(Debug, Clone)]
pub struct MemoryConfig {
    /// Memories fetched for a turn.
    pub recall: usize,
    /// Cosine below which a memory has nothing to do with the turn.
    pub recall_floor: f32,
    /// Cosine from which two memories count as one.
    pub duplicate: f32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawMemory {
    recall: usize,
    recall_floor: f32,
    duplicate: f32,
}

impl Default for RawMemory {
    fn default() -> Self {
        Self { recall: 3, recall_floor: 0.25, duplicate: 0.9 }
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
        Ok(MemoryConfig { recall: self.recall, recall_floor: self.recall_floor, duplicate: self.duplicate })
    }
}
