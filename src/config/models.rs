//! Which model files are used, and where they are.

use std::path::PathBuf;

use serde::Deserialize;

use super::ConfigError;

#[derive(Debug, Clone)]
pub struct ModelsConfig {
    /// Where model files are kept.
    pub dir: PathBuf,
    /// The set that names a model for each capability, unless a capability names its own.
    pub set: String,
}

/// A capability's model: one of the manifest, or a file or folder of the user's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelReference {
    /// The set's model.
    FromSet,
    Named(String),
    Path(PathBuf),
}

impl ModelReference {
    /// A value with a path separator or a file ending is a path; anything else a manifest name.
    pub(super) fn parse(value: Option<String>) -> Self {
        match value {
            None => ModelReference::FromSet,
            Some(value)
                if value.contains(['/', '\\'])
                    || value.ends_with(".gguf")
                    || value.ends_with(".bin")
                    || value.ends_with(".onnx") =>
            {
                ModelReference::Path(value.into())
            }
            Some(value) => ModelReference::Named(value),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawModels {
    pub(super) dir: PathBuf,
    pub(super) set: String,
}

impl Default for RawModels {
    fn default() -> Self {
        Self { dir: "models/weights".into(), set: "small".into() }
    }
}

impl RawModels {
    pub(super) fn validate(self) -> Result<ModelsConfig, ConfigError> {
        if self.set.is_empty() {
            return Err(ConfigError::invalid("models.set", "empty", "name a set of the manifest, such as small"));
        }
        Ok(ModelsConfig { dir: self.dir, set: self.set })
    }
}
