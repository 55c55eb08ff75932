//! What outlives the process, on real files.

mod checkpoints;
mod memory_contract;
mod sessions;
mod sqlite;

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
    let dir = tempfile::tempdir().expect("a temporary folder");
    let config = DataConfig { dir: dir.path().join("data") };
    Fixture { store: SqliteStore::open(&config).expect("a fresh store opens"), config, _dir: dir }
}
