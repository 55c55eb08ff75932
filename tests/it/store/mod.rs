//! What outlives the process, on real files.

mod backup;
mod blobs;
mod checkpoints;
mod crash;
mod housekeeping;
mod memory_contract;
mod qdrant;
mod qdrant_engine;
mod reembedding;
mod reembedding_crash;
mod sessions;
mod sqlite;

use std::path::Path;

use rose::config::DataConfig;
use rose::store::SqliteStore;

/// A store in a folder of its own, gone with the test.
struct Fixture {
    store: SqliteStore,
    config: DataConfig,
    /// After the store, which still writes while it closes.
    _dir: tempfile::TempDir,
}

fn fixture() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let config = DataConfig { dir: dir.path().join("data") };
    Fixture { store: SqliteStore::open(&config).unwrap(), config, _dir: dir }
}

/// Of the files in a folder, in order.
fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
