//! The folder that holds the models: one folder for each, named as in the manifest.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::checksum::Sum;
use super::manifest::{Manifest, Model, ModelFile, platform};
use super::receipt::Receipt;
use super::{Capability, InstalledModel, Progress, WeightsError, own};
use crate::config::{ModelReference, ModelsConfig};

/// The folder that holds the models, and the manifest that says what they are.
#[derive(Debug, Clone)]
pub struct ModelStore {
    pub(super) dir: PathBuf,
    set: String,
    manifest: Arc<Manifest>,
}

/// What is there of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelState {
    Installed,
    Missing,
    /// A file is not what it should be.
    Altered,
}

/// How far a file's receipt is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    Receipt,
    Nothing,
}

impl ModelStore {
    /// Reads the manifest: the program's own, and `manifest.toml` of the models' folder over it. Makes nothing.
    ///
    /// # Errors
    /// Where a manifest is invalid, or the set of the settings is unknown.
    pub fn open(config: &ModelsConfig) -> Result<Self, WeightsError> {
        let manifest = Manifest::load(&config.dir.join("manifest.toml"), &platform())?;
        let store = Self { dir: config.dir.clone(), set: config.set.clone(), manifest: Arc::new(manifest) };
        if store.manifest.sets.contains_key(&store.set) { Ok(store) } else { Err(store.unknown(&store.set)) }
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The name of the set of the settings.
    pub fn set(&self) -> &str {
        &self.set
    }

    /// The files of a model, checked against their sums. Downloads nothing.
    ///
    /// # Errors
    /// `NotInstalled` or `Altered` with the command that mends it; `OwnFile` for a file of the user's own.
    pub fn installed(
        &self,
        capability: Capability,
        reference: &ModelReference,
    ) -> Result<InstalledModel, WeightsError> {
        match reference {
            ModelReference::Path(path) => own::find(capability, path),
            ModelReference::Named(_) | ModelReference::FromSet => {
                self.check(self.find(capability, reference)?, Trust::Receipt)
            }
        }
    }

    /// The manifest's model behind a reference to it.
    fn find(&self, capability: Capability, reference: &ModelReference) -> Result<&Model, WeightsError> {
        let name = match reference {
            ModelReference::Named(name) => name,
            ModelReference::FromSet | ModelReference::Path(_) => {
                let set = self.manifest.sets.get(&self.set).ok_or_else(|| self.unknown(&self.set))?;
                let missing = || WeightsError::NotInSet { set: self.set.clone(), capability };
                set.models.get(&capability).ok_or_else(missing)?
            }
        };
        let model = self.model(name)?;
        if model.capability != capability {
            let got = model.capability;
            return Err(WeightsError::WrongCapability { name: name.clone(), got, wanted: capability });
        }
        Ok(model)
    }

    /// # Errors
    /// `Unknown`, with the names that are known.
    pub fn model(&self, name: &str) -> Result<&Model, WeightsError> {
        self.manifest.models.get(name).ok_or_else(|| self.unknown(name))
    }

    /// The models that sets and names stand for, each once, in the order of their naming.
    ///
    /// # Errors
    /// `Unknown`, with the names that are known.
    pub fn models(&self, names: &[String]) -> Result<Vec<&Model>, WeightsError> {
        let mut models: Vec<&Model> = Vec::new();
        for name in names {
            let members = match self.manifest.sets.get(name) {
                Some(set) => set.names().collect(),
                None => vec![name.as_str()],
            };
            for member in members {
                let model = self.model(member)?;
                if !models.iter().any(|other| other.name == model.name) {
                    models.push(model);
                }
            }
        }
        Ok(models)
    }

    fn unknown(&self, name: &str) -> WeightsError {
        let list = |names: Vec<&String>| names.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        WeightsError::Unknown {
            name: name.to_owned(),
            sets: list(self.manifest.sets.keys().collect()),
            models: list(self.manifest.models.keys().collect()),
        }
    }

    /// What is there of a model. Only what was touched since it was last hashed is hashed.
    ///
    /// # Errors
    /// Where a file can't be read.
    pub fn state(&self, model: &Model) -> Result<ModelState, WeightsError> {
        match self.check(model, Trust::Receipt) {
            Ok(_) => Ok(ModelState::Installed),
            Err(WeightsError::NotInstalled { .. }) => Ok(ModelState::Missing),
            Err(WeightsError::Altered { .. }) => Ok(ModelState::Altered),
            Err(error) => Err(error),
        }
    }

    /// Hashes every file of a model, whatever its receipt says.
    ///
    /// # Errors
    /// `Unknown`, `NotInstalled` or `Altered`.
    pub fn verify(&self, name: &str) -> Result<InstalledModel, WeightsError> {
        self.check(self.model(name)?, Trust::Nothing)
    }

    /// Deletes a model's folder. False where there was none.
    ///
    /// # Errors
    /// `Unknown`, or where it can't be deleted.
    pub fn remove(&self, name: &str, progress: &Progress) -> Result<bool, WeightsError> {
        let model = self.model(name)?;
        let _lock = self.lock(&model.name, progress)?;
        let mut there = false;
        for folder in [self.folder(model), self.staging(model)] {
            match fs::remove_dir_all(&folder) {
                Ok(()) => there = true,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(WeightsError::io(&folder, "removed")(error)),
            }
        }
        Ok(there)
    }

    pub(super) fn folder(&self, model: &Model) -> PathBuf {
        self.dir.join(&model.name)
    }

    /// Where a model's downloads lie until they are whole.
    pub(super) fn staging(&self, model: &Model) -> PathBuf {
        self.dir.join(".partial").join(&model.name)
    }

    pub(super) fn check(&self, model: &Model, trust: Trust) -> Result<InstalledModel, WeightsError> {
        let folder = self.folder(model);
        let mut receipt = Receipt::read(&folder);
        let mut files = BTreeMap::new();
        let mut hashed = false;
        for file in &model.files {
            let path = folder.join(&file.name);
            let metadata = match fs::metadata(&path) {
                Ok(metadata) => metadata,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(WeightsError::NotInstalled { name: model.name.clone() });
                }
                Err(error) => return Err(WeightsError::io(&path, "read")(error)),
            };
            let vouched = trust == Trust::Receipt
                && receipt.sum_of(&file.name, &metadata).is_some_and(|sum| file.sums.contains(sum));
            if !vouched {
                let sum = hash(model, file, &path)?;
                // The time from before the hashing: a file that changed meanwhile is hashed again.
                let modified = metadata.modified().map_err(WeightsError::io(&path, "read"))?;
                receipt.record(&file.name, modified, sum);
                hashed = true;
            }
            files.insert(file.role.clone(), path);
        }
        if hashed && let Err(error) = receipt.write(&folder) {
            tracing::warn!(model.name = %model.name, error = %error,
                "a receipt can't be written, so this model is hashed at every start");
        }
        Ok(InstalledModel { name: model.name.clone(), files })
    }
}

fn hash(model: &Model, file: &ModelFile, path: &Path) -> Result<Sum, WeightsError> {
    let actual = Sum::of(path).map_err(WeightsError::io(path, "read"))?;
    if file.sums.contains(&actual) {
        return Ok(actual);
    }
    let Some(expected) = file.sums.first() else {
        return Err(WeightsError::NoSource { name: model.name.clone(), platform: platform() });
    };
    Err(WeightsError::Altered { name: model.name.clone(), path: path.to_owned(), expected: expected.clone(), actual })
}
