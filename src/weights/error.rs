//! What can go wrong between a model's name and its files.

use std::path::{Path, PathBuf};

use super::Capability;
use super::checksum::Sum;
use super::convert::ConversionError;
use super::source::SourceError;

#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    #[error("the model {name} is not installed; run `rose models pull {name}`")]
    NotInstalled { name: String },
    #[error("{file} of the model {name} has been altered: expected {expected}, found {actual}; run `rose models pull {name}`", file = .path.display())]
    Altered { name: String, path: PathBuf, expected: Sum, actual: Sum },
    #[error("there is no model or set named {name}; known sets: {sets}; known models: {models}")]
    Unknown { name: String, sets: String, models: String },
    #[error("the set {set} names no model for {capability}; name one in the settings, or choose another set")]
    NotInSet { set: String, capability: Capability },
    #[error("the model {name} is for {got}, not for {wanted}")]
    WrongCapability { name: String, got: Capability, wanted: Capability },
    /// A file of the user's own, named in the settings.
    #[error("{} can't be used for {capability}: {reason}", .path.display())]
    OwnFile { path: PathBuf, capability: Capability, reason: String },
    #[error("{origin} is not a valid manifest: {reason}")]
    Manifest { origin: String, reason: String },
    #[error("the model {name} could not be pulled: {}", listed(.failures))]
    Pull { name: String, failures: Vec<(String, SourceError)> },
    #[error("{} has {} free, fetching takes up to {}; make room, or set models.dir to another disk", .path.display(), gigabytes(*.free_bytes), gigabytes(*.needed_bytes))]
    NoRoom { path: PathBuf, free_bytes: u64, needed_bytes: u64 },
    #[error("the model {name} has no source for this platform ({platform})")]
    NoSource { name: String, platform: String },
    #[error("the model {name} could not be converted: {source}")]
    Conversion { name: String, source: ConversionError },
    #[error("{} can't be {doing}: {source}", .path.display())]
    Io { path: PathBuf, doing: &'static str, source: std::io::Error },
}

impl WeightsError {
    /// For `map_err`: what was being done to which path.
    pub(super) fn io(path: &Path, doing: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| WeightsError::Io { path: path.to_owned(), doing, source }
    }
}

/// As people read sizes of models.
pub fn gigabytes(bytes: u64) -> String {
    format!("{:.1} GB", bytes as f64 / 1e9)
}

fn listed(failures: &[(String, SourceError)]) -> String {
    failures.iter().map(|(source, error)| format!("{source}: {error}")).collect::<Vec<_>>().join("; ")
}
