//! Models: from a manifest and its sources to files that may be loaded.

mod conversion;
mod ctranslate2;
mod engines;
mod hub;
mod hub_cache;
mod models_command;
mod packages;
mod pull;
mod store;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rose::config::ModelsConfig;
use rose::weights::{HubConfig, ModelStore, Progress, Sum};

/// A store in a folder of its own, with a manifest of its own.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// With models as [`model`] writes them.
    fn new(manifest: &str) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(place.dir()).unwrap();
        std::fs::write(place.dir().join("manifest.toml"), manifest).unwrap();
        place
    }

    /// Of the models.
    fn dir(&self) -> std::path::PathBuf {
        self.folder.path().join("store")
    }

    fn store(&self) -> ModelStore {
        open(&self.dir()).unwrap()
    }

    /// Writes a file beside the store and returns its path.
    fn file(&self, name: &str, content: &[u8]) -> std::path::PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

fn open(dir: &Path) -> Result<ModelStore, rose::weights::WeightsError> {
    ModelStore::open(&ModelsConfig { dir: dir.to_owned(), set: "tiny".into() })
}

/// A language model of one file, with its sources as TOML tables.
fn model(name: &str, content: &[u8], sources: &[String]) -> String {
    let sum = sum_of(content);
    let mut text = format!(
        "[[model]]\nname = \"{name}\"\ncapability = \"llm\"\nlicence = \"MIT\"\n\
         [[model.file]]\nrole = \"weights\"\nname = \"{name}.gguf\"\nsize_bytes = {}\nsha256 = \"{}\"\n",
        sum.size_bytes, sum.sha256
    );
    for source in sources {
        writeln!(text, "[[model.source]]\n{source}").unwrap();
    }
    text
}

fn from_file(path: &Path) -> String {
    format!("kind = \"file\"\nfiles.weights.path = {path:?}")
}

fn from_hub(path: &str) -> String {
    format!("kind = \"hf\"\nrepository = \"someone/something\"\nrevision = \"abc\"\nfiles.weights.path = \"{path}\"")
}

fn sum_of(content: &[u8]) -> Sum {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    Sum::of(file.path()).unwrap()
}

/// Nothing listens on the port of a listener that is gone.
fn no_hub() -> HubConfig {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    HubConfig { endpoint: format!("http://{address}"), token: None, cache: None }
}

/// The lines that a person would see.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn progress(&self) -> Progress {
        Progress::lines(self.clone())
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Neither small nor the same in any two blocks.
fn content(size_bytes: usize) -> Vec<u8> {
    (0..size_bytes).map(|index| (index * 31 + index / 251) as u8).collect()
}
