//! Everything but the blobs' bytes in one SQLite file: sessions, checkpoints, memories and their vectors.
//!
//! **What survives what.** The journal is a write-ahead log. Every commit is in the operating system's hands before
//! its caller hears of it, so a `kill -9` loses nothing that was acknowledged. Every commit is also forced to the disk
//! (`synchronous = FULL`), but for checkpoints in the middle of a turn: those wait for the next forced commit, at the
//! latest the turn's last checkpoint. So a power cut takes at most the turn that was still in work, and never damages
//! the file. It saves some six forced writes a turn that someone is waiting for.

mod checkpoints;
mod connection;
mod database;
mod job_runs;
mod memories;
mod people;
mod reembedding;
mod rows;
mod sessions;
mod vectors;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::blobs::remove_deleted_files;
use super::{DataDirLock, StoreError, StoredModel};
use crate::config::DataConfig;

pub(super) use connection::{APPLICATION_ID, Journal, open_reader, open_writer, prepare_schema};
pub(super) use database::Database;
pub(super) use people::delete_person;
pub use reembedding::SqliteReembedding;
pub(super) use rows::{parsed, timestamp_in, timestamp_now};
pub(super) use sessions::require_session;
pub(super) use writer::Durability;

/// Implements [`SessionStore`](super::SessionStore), [`CheckpointStore`](super::CheckpointStore),
/// [`MemoryStore`](super::MemoryStore) and [`JobRunStore`](super::JobRunStore). A clone is another handle to the same
/// store; the last one to go finishes what is queued and lets go of the folder.
#[derive(Clone)]
pub struct SqliteStore {
    shared: Arc<Shared>,
}

struct Shared {
    database: Database,
    blobs: PathBuf,
    dimension: AtomicUsize,
    /// Last, so that the folder is free only when everything above is closed.
    _lock: DataDirLock,
}

impl SqliteStore {
    /// Takes the folder for this process, makes or migrates the database, and removes the files of blobs whose
    /// deletion a crash cut short. Blocks for some milliseconds.
    ///
    /// # Errors
    /// `InUse` while another process has the folder, `Newer` where a later version wrote it, `Damaged` or `Failed`
    /// where it can't be opened.
    pub fn open(config: &DataConfig) -> Result<Self, StoreError> {
        let lock = DataDirLock::acquire(&config.dir)?;
        let path = config.database();
        let mut connection = open_writer(&path, Journal::WriteAhead)?;
        prepare_schema(&mut connection)?;
        let dimension = vectors::prepare(&connection)?;
        remove_deleted_files(&connection, &config.blobs())?;
        let database = Database::start(&path, connection)?;
        Ok(Self {
            shared: Arc::new(Shared {
                database,
                blobs: config.blobs(),
                dimension: AtomicUsize::new(dimension),
                _lock: lock,
            }),
        })
    }

    /// Remembers which model makes the embeddings, `dimension` wide. Call it before the first memory is stored.
    /// While there are no memories, another model may take over.
    ///
    /// # Errors
    /// `Model` or `Dimension` where there are memories of another model: their vectors mean nothing to this one, until a
    /// [`SqliteReembedding`] has made new ones.
    pub async fn bind_embedding_model(&self, model: &str, dimension: usize) -> Result<(), StoreError> {
        let model = model.to_owned();
        self.database()
            .write(Durability::PowerLoss, move |connection| vectors::bind_model(connection, &model, dimension))
            .await?;
        self.use_dimension(dimension);
        Ok(())
    }

    /// Which model embedded the memories of a data folder that a server may be using; `None` where there are none. Blocks for
    /// some milliseconds.
    ///
    /// # Errors
    /// Where the database can't be read.
    pub fn embedded_by(config: &DataConfig) -> Result<Option<StoredModel>, StoreError> {
        let path = config.database();
        match path.try_exists() {
            Ok(true) => vectors::stored_model(&open_reader(&path)?),
            Ok(false) => Ok(None),
            Err(source) => Err(StoreError::File { what: "cannot read", path, source }),
        }
    }

    fn use_dimension(&self, dimension: usize) {
        self.shared.dimension.store(dimension, Ordering::Release);
    }

    fn dimension(&self) -> usize {
        self.shared.dimension.load(Ordering::Acquire)
    }

    pub(super) fn database(&self) -> &Database {
        &self.shared.database
    }

    /// The folder that holds the blobs' files.
    pub(super) fn blobs(&self) -> &Path {
        &self.shared.blobs
    }
}
