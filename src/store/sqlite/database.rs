//! One connection that writes, on its own thread, and a few that read. A read never waits for a write, and neither
//! blocks the async runtime.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::connection::open_reader;
use super::writer::{Durability, Writer};
use crate::store::StoreError;

/// Reads take well under a millisecond; with more at once they would wait for a processor instead.
const READERS: usize = 4;

/// For folding the log, beside readers and writers that are at work.
const FOLD_ATTEMPTS: usize = 10;
const FOLD_PATIENCE: Duration = Duration::from_secs(1);

pub(in crate::store) struct Database {
    readers: Arc<Readers>,
    path: PathBuf,
    /// After the readers, so that it closes last and folds the log into the file.
    writer: Writer,
}

/// Connections that read. A pool from a library was weighed: `r2d2` keeps three threads of its own, and brings a second
/// generation of locks and random numbers for what a semaphore does.
struct Readers {
    places: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    fn take(&self) -> Connection {
        self.lock().pop().expect("there is a connection for each place")
    }

    fn give_back(&self, connection: Connection) {
        self.lock().push(connection);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        // Nothing that could panic runs under the lock.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Database {
    /// `connection` becomes the writer's.
    pub(super) fn start(path: &Path, connection: Connection) -> Result<Self, StoreError> {
        let idle = (0..READERS).map(|_| open_reader(path)).collect::<Result<Vec<_>, _>>()?;
        let readers = Readers { places: Arc::new(Semaphore::new(idle.len())), idle: Mutex::new(idle) };
        Ok(Self { readers: Arc::new(readers), path: path.to_owned(), writer: Writer::start(connection)? })
    }

    /// Runs `work` on a reader's connection. It sees everything that was acknowledged before the call.
    pub(in crate::store) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let place = Arc::clone(&self.readers.places).acquire_owned().await.expect("nobody closes the semaphore");
        let readers = Arc::clone(&self.readers);
        spawn_blocking(move || {
            let connection = readers.take();
            // The connection goes back even where the work panics: a reader has nothing to undo.
            let result = catch_unwind(AssertUnwindSafe(|| work(&connection)));
            readers.give_back(connection);
            drop(place);
            result.unwrap_or_else(|_| Err(StoreError::Failed("a read panicked".into())))
        })
        .await
        .map_err(|_| StoreError::Failed("the runtime is shutting down".into()))?
    }

    /// Runs `work` inside a transaction of its own: all of it is kept, or nothing. Once asked for it happens, even
    /// where the caller no longer waits.
    pub(in crate::store) async fn write<T: Send + 'static>(
        &self,
        durability: Durability,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.run(durability, work).await
    }

    /// Folds the log into the file, and empties it: what was overwritten there is then nowhere else. Readers that are at
    /// work keep it from being emptied, so it is tried a few times.
    pub(super) async fn fold_log(&self) -> Result<(), StoreError> {
        for _ in 0..FOLD_ATTEMPTS {
            let path = self.path.clone();
            let busy: i64 = spawn_blocking(move || {
                let connection = Connection::open(&path)?;
                connection.busy_timeout(FOLD_PATIENCE)?;
                Ok::<_, StoreError>(connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?)
            })
            .await
            .map_err(|_| StoreError::Failed("the runtime is shutting down".into()))??;
            if busy == 0 {
                return Ok(());
            }
        }
        Err(StoreError::Failed("the log could not be folded into the file".into()))
    }
}
