//! Where Rose keeps what she is told.

use std::path::PathBuf;

use serde::Deserialize;

use super::ConfigError;

#[derive(Debug, Clone)]
pub struct DataConfig {
    /// Holds the database, the recordings, the backups and the cookie key.
    pub dir: PathBuf,
}

impl DataConfig {
    pub fn database(&self) -> PathBuf {
        self.dir.join("rose.db")
    }

    pub fn blobs(&self) -> PathBuf {
        self.dir.join("blobs")
    }

    /// Where the daily backups go.
    pub fn backups(&self) -> PathBuf {
        self.dir.join("backups")
    }

    pub fn cookie_key(&self) -> PathBuf {
        self.dir.join("cookie.key")
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawData {
    pub(super) dir: PathBuf,
}

impl Default for RawData {
    fn default() -> Self {
        Self { dir: "data".into() }
    }
}

impl RawData {
    pub(super) fn validate(self) -> Result<DataConfig, ConfigError> {
        if self.dir.as_os_str().is_empty() {
            return Err(ConfigError::invalid("data.dir", "empty", "name a folder, such as data"));
        }
        Ok(DataConfig { dir: self.dir })
    }
}
