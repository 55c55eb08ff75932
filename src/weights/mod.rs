//! Where a model's files are: manifest, sources, checksums, conversion.
//!
//! [`ModelStore::installed`] answers with files that have passed their checksums and downloads nothing;
//! [`ModelStore::pull`] is the only thing here that does.

mod capability;
mod checksum;
mod convert;
mod error;
mod manifest;
mod own;
mod progress;
mod pull;
mod receipt;
mod room;
mod source;
mod store;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use capability::Capability;
pub use checksum::{Sha256, Sum};
pub use convert::{ConversionError, ctranslate2_to_ggml};
pub use error::{WeightsError, gigabytes};
pub use manifest::{Manifest, Model, ModelFile, ModelSet};
pub use progress::Progress;
pub use pull::{Outcome, Pulled};
pub use room::{Room, nearest_existing};
pub use source::{HubConfig, PackageClients, SourceError};
pub use store::{ModelState, ModelStore};

/// A model whose files are on disk and have passed their checksums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledModel {
    /// Its name in the manifest, or the file name of a user's own.
    pub name: String,
    /// By role: `weights`, `config`, `tokenizer`, `library`, `voice.` and a voice's name.
    pub files: BTreeMap<String, PathBuf>,
}

impl InstalledModel {
    pub fn file(&self, role: &str) -> Option<&Path> {
        self.files.get(role).map(PathBuf::as_path)
    }
}
