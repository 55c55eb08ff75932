//! From TOML to a [`Manifest`] for this platform: every name, path and sum is checked before it is used.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use serde::Deserialize;

use super::{Conversion, Manifest, Model, ModelFile, ModelSet, Place, Source, Take, Wheel};
use crate::weights::checksum::{Sha256, Sum};
use crate::weights::{Capability, WeightsError};

/// The manifest that the program carries.
const EMBEDDED: &str = include_str!("../../../models/manifest.toml");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawManifest {
    #[serde(default)]
    sets: BTreeMap<String, RawSet>,
    #[serde(default, rename = "model")]
    models: Vec<RawModel>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSet {
    about: String,
    models: BTreeMap<Capability, String>,
    #[serde(default)]
    also: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawModel {
    name: String,
    capability: Capability,
    licence: String,
    #[serde(default)]
    about: String,
    #[serde(rename = "file")]
    files: Vec<RawFile>,
    #[serde(rename = "source")]
    sources: Vec<RawSource>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    role: String,
    name: String,
    /// Without them, each source says its own.
    size_bytes: Option<u64>,
    sha256: Option<Sha256>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawKind {
    Hf,
    Pip,
    Npm,
    Packages,
    File,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSource {
    kind: RawKind,
    /// Only there; anywhere without.
    platform: Option<String>,
    repository: Option<String>,
    revision: Option<String>,
    #[serde(default)]
    packages: Vec<String>,
    /// Of a source with packages of both kinds.
    #[serde(default)]
    pip: Vec<String>,
    #[serde(default)]
    npm: Vec<String>,
    wheel: Option<Wheel>,
    convert: Option<Conversion>,
    /// Where the files lie, under their own names, that `files` doesn't tell of.
    folder: Option<String>,
    files: BTreeMap<String, RawTake>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTake {
    path: Option<String>,
    #[serde(default)]
    parts: Vec<String>,
    /// Without them, the file's own.
    size_bytes: Option<u64>,
    sha256: Option<Sha256>,
}

impl Manifest {
    /// The manifest that the program carries, and over it the user's own: what it names again, it replaces.
    ///
    /// # Errors
    /// `Manifest` with the place that is wrong.
    pub(in crate::weights) fn load(own: &Path, platform: &str) -> Result<Self, WeightsError> {
        let mut manifest = Self::parse("the built-in manifest", EMBEDDED, platform)?;
        match std::fs::read_to_string(own) {
            Ok(text) => {
                let added = Self::parse(&own.display().to_string(), &text, platform)?;
                manifest.models.extend(added.models);
                manifest.sets.extend(added.sets);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(WeightsError::io(own, "read")(error)),
        }
        manifest.check_sets(&own.display().to_string())?;
        Ok(manifest)
    }

    fn parse(origin: &str, text: &str, platform: &str) -> Result<Self, WeightsError> {
        let invalid = |reason: String| WeightsError::Manifest { origin: origin.to_owned(), reason };
        let raw: RawManifest = toml::from_str(text).map_err(|error| invalid(error.to_string()))?;
        let mut models = BTreeMap::new();
        for raw in raw.models {
            let name = raw.name.clone();
            let model = raw.validate(platform).map_err(|reason| invalid(format!("model `{name}`: {reason}")))?;
            if models.insert(name.clone(), model).is_some() {
                return Err(invalid(format!("model `{name}` is named twice")));
            }
        }
        let sets = raw.sets.into_iter();
        let sets = sets.map(|(name, set)| (name, ModelSet { about: set.about, models: set.models, also: set.also }));
        Ok(Self { sets: sets.collect(), models })
    }

    fn check_sets(&self, origin: &str) -> Result<(), WeightsError> {
        let invalid = |reason: String| WeightsError::Manifest { origin: origin.to_owned(), reason };
        for (set_name, set) in &self.sets {
            if self.models.contains_key(set_name) {
                return Err(invalid(format!("`{set_name}` is both a set and a model")));
            }
            for name in set.names() {
                if !self.models.contains_key(name) {
                    return Err(invalid(format!("set `{set_name}` names `{name}`, which is no model")));
                }
            }
            for (capability, name) in &set.models {
                if self.models.get(name).is_some_and(|model| model.capability != *capability) {
                    return Err(invalid(format!(
                        "set `{set_name}` names `{name}` for {capability}, which it is not for"
                    )));
                }
            }
        }
        Ok(())
    }
}

impl RawModel {
    fn validate(self, platform: &str) -> Result<Model, String> {
        plain_name(&self.name)?;
        let mut own_sums = BTreeMap::new();
        let mut files: Vec<ModelFile> = Vec::new();
        for file in self.files {
            plain_name(&file.name)?;
            let sum =
                complete(file.size_bytes, file.sha256).map_err(|reason| format!("file `{}`: {reason}", file.name))?;
            own_sums.insert(file.role.clone(), sum.clone());
            files.push(ModelFile { role: file.role, name: file.name, sums: sum.into_iter().collect() });
        }
        let present = |role: &&&str| !own_sums.contains_key(**role);
        if let Some(role) = self.capability.roles().iter().find(present) {
            return Err(format!("a model for {} needs a file for `{role}`", self.capability));
        }
        let mut sources = Vec::new();
        for raw in self.sources {
            let elsewhere = raw.platform.as_deref().is_some_and(|only| only != platform);
            let source = raw.validate(&own_sums, &files)?;
            if !elsewhere {
                sources.push(source);
            }
        }
        for file in &mut files {
            let direct = sources.iter().filter(|source| source.conversion.is_none());
            for take in direct.filter_map(|source| source.takes.get(&file.role)) {
                if !file.sums.contains(&take.sum) {
                    file.sums.push(take.sum.clone());
                }
            }
        }
        Ok(Model {
            name: self.name,
            capability: self.capability,
            licence: self.licence,
            about: self.about,
            files,
            sources,
        })
    }
}

impl RawSource {
    fn validate(mut self, own_sums: &BTreeMap<String, Option<Sum>>, own: &[ModelFile]) -> Result<Source, String> {
        if let Some(folder) = self.folder.take() {
            for file in own {
                let path = format!("{folder}/{}", file.name);
                self.files.entry(file.role.clone()).or_insert_with(|| RawTake::whole(path));
            }
        }
        let wanted: Vec<&str> = match self.convert {
            Some(conversion) if own_sums.get("weights").is_some_and(Option::is_some) => conversion.inputs().to_vec(),
            Some(_) => return Err("a source that converts needs the sum of the `weights` that come of it".into()),
            None => own_sums.keys().map(String::as_str).collect(),
        };
        if !wanted.iter().copied().eq(self.files.keys().map(String::as_str)) {
            return Err(format!("a source must give exactly {}", wanted.join(", ")));
        }
        let mut takes = BTreeMap::new();
        for (role, raw) in self.files {
            let own = own_sums.get(&role).cloned().flatten().filter(|_| self.convert.is_none());
            takes.insert(role.clone(), raw.validate(own).map_err(|reason| format!("source file `{role}`: {reason}"))?);
        }
        let place = match self.kind {
            RawKind::Hf => {
                let repository = self.repository.ok_or("a source `hf` needs a `repository`")?;
                if takes.values().any(|take| take.paths.len() > 1) {
                    return Err("a source `hf` gives files whole, not in parts".into());
                }
                Place::Hub { repository, revision: self.revision.unwrap_or_else(|| "main".into()) }
            }
            RawKind::Pip => {
                packages_at_versions(&self.packages, "==")?;
                Place::Pip { packages: self.packages, wheel: self.wheel }
            }
            RawKind::Npm => {
                packages_at_versions(&self.packages, "@")?;
                Place::Npm { packages: self.packages }
            }
            RawKind::Packages => {
                packages_at_versions(&self.pip, "==")?;
                packages_at_versions(&self.npm, "@")?;
                Place::Packages { pip: self.pip, npm: self.npm }
            }
            RawKind::File => Place::File,
        };
        if place != Place::File {
            takes.values().flat_map(|take| &take.paths).try_for_each(|path| relative(path))?;
        }
        Ok(Source { place, conversion: self.convert, takes })
    }
}

impl RawTake {
    fn whole(path: String) -> Self {
        Self { path: Some(path), parts: Vec::new(), size_bytes: None, sha256: None }
    }

    fn validate(self, own: Option<Sum>) -> Result<Take, String> {
        let paths = match (self.path, self.parts) {
            (Some(path), parts) if parts.is_empty() => vec![path],
            (None, parts) if !parts.is_empty() => parts,
            _ => return Err("give either `path` or `parts`".into()),
        };
        let sum = complete(self.size_bytes, self.sha256)?.or(own).ok_or("needs a sha256 and size_bytes")?;
        Ok(Take { paths, sum })
    }
}

fn complete(size_bytes: Option<u64>, sha256: Option<Sha256>) -> Result<Option<Sum>, String> {
    match (size_bytes, sha256) {
        (Some(size_bytes), Some(sha256)) => Ok(Some(Sum { size_bytes, sha256 })),
        (None, None) => Ok(None),
        _ => Err("sha256 and size_bytes go together".into()),
    }
}

/// One component of a path, so that it stays within its folder; not hidden, since the store keeps its own things so.
fn plain_name(name: &str) -> Result<(), String> {
    let mut components = Path::new(name).components();
    let plain = matches!((components.next(), components.next()), (Some(Component::Normal(_)), None))
        && !name.starts_with('.')
        && !name.contains(['/', '\\', ':']);
    if plain { Ok(()) } else { Err(format!("`{name}` is not a plain file name")) }
}

/// A path that stays within its package or repository.
fn relative(path: &str) -> Result<(), String> {
    let within = Path::new(path).components().all(|component| matches!(component, Component::Normal(_)));
    if within && !path.is_empty() && !path.contains('\\') {
        Ok(())
    } else {
        Err(format!("`{path}` leads out of its package"))
    }
}

/// Names and versions are handed to a program, so nothing in them may look like an option.
fn packages_at_versions(packages: &[String], separator: &str) -> Result<(), String> {
    if packages.is_empty() {
        return Err("names no packages".into());
    }
    for package in packages {
        let name_character = |c: char| c.is_ascii_alphanumeric() || "-_./@".contains(c);
        let version_character = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
        let valid = package.rsplit_once(separator).is_some_and(|(name, version)| {
            name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '@')
                && name.chars().all(name_character)
                && version.starts_with(|c: char| c.is_ascii_digit())
                && version.chars().all(version_character)
        });
        if !valid {
            return Err(format!("`{package}` is not name{separator}version"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: &str = "size_bytes = 1, sha256 = \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"";

    fn model(name: &str, file: &str, source: &str) -> String {
        format!(
            "[[model]]\nname = \"{name}\"\ncapability = \"llm\"\nlicence = \"MIT\"\n\
             file = [{{ role = \"weights\", name = \"{file}\", {SUM} }}]\nsource = [{source}]\n"
        )
    }

    fn parse(text: &str) -> Result<Manifest, WeightsError> {
        let manifest = Manifest::parse("here", text, "linux-x86_64")?;
        manifest.check_sets("here")?;
        Ok(manifest)
    }

    fn reason(text: &str) -> String {
        parse(text).expect_err("an invalid manifest").to_string()
    }

    const FROM_FILE: &str = "{ kind = \"file\", files.weights.path = \"/models/a.gguf\" }";

    #[test]
    fn the_built_in_manifest_is_valid_everywhere() {
        for platform in ["linux-x86_64", "linux-aarch64", "macos-aarch64", "windows-x86_64", "plan9-mips"] {
            Manifest::load(Path::new("there/is/none"), platform).unwrap();
        }
    }

    #[test]
    fn the_built_in_sets_name_every_capability() {
        let manifest = Manifest::load(Path::new("there/is/none"), "linux-x86_64").unwrap();
        for (name, set) in &manifest.sets {
            assert!(Capability::NEEDED.iter().all(|needed| set.models.contains_key(needed)), "{name}");
        }
    }

    #[test]
    fn a_model_that_leads_out_of_its_folder_is_refused() {
        for (name, file) in [("..", "a"), ("a/b", "a"), ("a", "../a"), ("a", "/a"), ("a", ""), (".locks", "a")] {
            assert!(reason(&model(name, file, FROM_FILE)).contains("plain file name"), "{name} {file}");
        }
        for path in ["../a", "/a", "a/../../b", ""] {
            let source = format!("{{ kind = \"pip\", packages = [\"a==1\"], files.weights.path = \"{path}\" }}");
            assert!(reason(&model("a", "a", &source)).contains("leads out"), "{path}");
        }
    }

    #[test]
    fn a_package_is_a_name_at_a_version() {
        for package in ["a", "a>=1", "--index-url==1", "a==", "a==1 b", "-r==1"] {
            let source = format!("{{ kind = \"pip\", packages = [\"{package}\"], files.weights.path = \"a\" }}");
            assert!(reason(&model("a", "a", &source)).contains("is not name==version"), "{package}");
        }
        let scoped = "{ kind = \"npm\", packages = [\"@a/b@1.2.3\"], files.weights.path = \"a\" }";
        parse(&model("a", "a", scoped)).unwrap();
    }

    #[test]
    fn every_file_has_a_sum() {
        let text = model("a", "a", FROM_FILE).replace(SUM, "");
        assert!(reason(&text).contains("needs a sha256"));
        let text = model("a", "a", FROM_FILE).replace("size_bytes = 1,", "");
        assert!(reason(&text).contains("go together"));
    }

    #[test]
    fn a_source_may_carry_its_own_build() {
        let other = SUM.replace("ba78", "ba79");
        let source = format!("{FROM_FILE}, {{ kind = \"file\", files.weights = {{ path = \"/b\", {other} }} }}");
        let manifest = parse(&model("a", "a", &source)).unwrap();
        assert_eq!(manifest.models["a"].files[0].sums.len(), 2);
    }

    #[test]
    fn a_source_may_take_packages_of_both_kinds_and_a_folder() {
        let file = format!("[{{ role = \"weights\", name = \"a.gguf\", {SUM} }}");
        let voices = format!("{file}, {{ role = \"voice.one\", name = \"one.bin\", {SUM} }}");
        let source = "{ kind = \"packages\", pip = [\"a==1\"], npm = [\"b@1.2.3\"], folder = \"package/voices\", \
                      files.weights.path = \"a/a.gguf\" }";
        let text = model("a", "a.gguf", source).replace(&file, &voices);
        let manifest = parse(&text).unwrap();
        let source = &manifest.models["a"].sources[0];
        assert_eq!(source.takes["voice.one"].paths, ["package/voices/one.bin"]);
        assert_eq!(source.takes["weights"].paths, ["a/a.gguf"]);
        let one_kind = text.replace("npm = [\"b@1.2.3\"], ", "");
        assert!(reason(&one_kind).contains("names no packages"));
        assert!(reason(&text.replace("package/voices", "../voices")).contains("leads out"));
    }

    #[test]
    fn sources_of_other_platforms_are_left_out() {
        let source = FROM_FILE.replace("kind", "platform = \"plan9-mips\", kind");
        assert!(parse(&model("a", "a", &source)).unwrap().models["a"].sources.is_empty());
    }

    #[test]
    fn a_set_names_models_of_its_capabilities() {
        let text = format!("{}[sets.s]\nabout = \"\"\nmodels.llm = \"b\"\n", model("a", "a", FROM_FILE));
        assert!(reason(&text).contains("which is no model"));
        let text = format!("{}[sets.s]\nabout = \"\"\nmodels.embeddings = \"a\"\n", model("a", "a", FROM_FILE));
        assert!(reason(&text).contains("which it is not for"));
    }

    #[test]
    fn an_unknown_key_is_named() {
        assert!(reason(&model("a", "a", &FROM_FILE.replace("kind", "kid = 1, kind"))).contains("kid"));
    }
}
