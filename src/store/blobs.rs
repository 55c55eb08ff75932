//! Recordings and pictures: the bytes are files in one folder, each named by its id; whose they are is in the database.
//!
//! The row is written before the file, and the file goes after the row: whatever a crash cuts short, no recording is
//! left that nobody owns. A row without a file reads as not found, and goes with its session or at its age.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use tokio::task::spawn_blocking;

use super::lock::{make_private_folder, sync_folder};
use super::sqlite::{Durability, parsed, require_session, timestamp_in, timestamp_now};
use super::{Blob, BlobScope, BlobStore, NewBlob, SqliteStore, StoreError};
use crate::domain::ids::{BlobId, UserId};

const MISSING: StoreError = StoreError::NotFound("recording or picture");

/// Blobs of the store that it was made from.
#[derive(Clone)]
pub struct FileBlobs {
    store: SqliteStore,
}

impl FileBlobs {
    pub fn new(store: &SqliteStore) -> Self {
        Self { store: store.clone() }
    }

    /// Removes files that no row names and that are older than `before`: those of sessions begun after a backup that
    /// was since restored.
    async fn remove_unknown_files(&self, before: Timestamp) -> Result<usize, StoreError> {
        let folder = self.store.blobs().to_owned();
        self.store
            .database()
            .read(move |connection| {
                let known: HashSet<String> = connection
                    .prepare_cached("SELECT id FROM blobs")?
                    .query_map([], |row| row.get(0))?
                    .collect::<Result<_, _>>()?;
                let mut removed = 0;
                for entry in list(&folder)? {
                    let path = entry.path();
                    let name = entry.file_name();
                    let id = name.to_str().map(|name| name.strip_suffix(PART).unwrap_or(name));
                    let ours = id.is_some_and(|id| id.parse::<BlobId>().is_ok() && !known.contains(id));
                    if ours && older(&entry, before).map_err(StoreError::file("cannot read", &path))? {
                        remove(&path)?;
                        removed += 1;
                    }
                }
                Ok(removed)
            })
            .await
    }
}

#[async_trait]
impl BlobStore for FileBlobs {
    async fn put_blob(&self, new: NewBlob) -> Result<BlobId, StoreError> {
        let id = BlobId::generate();
        let size = new.bytes.len();
        self.store
            .database()
            .write(Durability::PowerLoss, move |connection| {
                if let Some(session) = new.session_id {
                    require_session(connection, new.user_id, session)?;
                }
                connection
                    .prepare_cached(
                        "INSERT INTO blobs (id, user_id, session_id, media_type, size_bytes, created_at)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    )?
                    .execute(params![
                        id.to_string(),
                        new.user_id.to_string(),
                        new.session_id.map(|id| id.to_string()),
                        new.media_type,
                        i64::try_from(size).unwrap_or(i64::MAX),
                        timestamp_now().as_microsecond()
                    ])?;
                Ok(())
            })
            .await?;
        let folder = self.store.blobs().to_owned();
        let written = spawn_blocking(move || write_file(&folder, id, &new.bytes))
            .await
            .map_err(|_| StoreError::Failed("writing a file panicked".into()))
            .and_then(|written| written);
        // The session may have been deleted meanwhile, before there was a file to remove.
        let kept = self
            .store
            .database()
            .write(Durability::ProcessDeath, move |connection| {
                let id = id.to_string();
                if written.is_ok() {
                    let row = connection
                        .prepare_cached("SELECT 1 FROM blobs WHERE id = ?1")?
                        .query_row([&id], |_| Ok(()))
                        .optional()?;
                    if row.is_none() {
                        connection.execute("INSERT OR IGNORE INTO blob_removals (id) VALUES (?1)", [&id])?;
                        return Ok(Err(StoreError::NotFound("session")));
                    }
                } else {
                    connection.execute("DELETE FROM blobs WHERE id = ?1", [&id])?;
                }
                Ok(written)
            })
            .await?;
        if kept.is_err() {
            self.store.remove_deleted_files().await?;
        }
        kept.map(|()| id)
    }

    async fn blobs_of(&self, user: UserId) -> Result<Vec<BlobId>, StoreError> {
        self.store
            .database()
            .read(move |connection| {
                connection
                    .prepare_cached("SELECT id FROM blobs WHERE user_id = ?1 ORDER BY created_at, id")?
                    .query_and_then([user.to_string()], |row| parsed(row, "id"))?
                    .collect()
            })
            .await
    }

    async fn blob(&self, user: UserId, id: BlobId) -> Result<Blob, StoreError> {
        let path = self.store.blobs().join(id.to_string());
        self.store
            .database()
            .read(move |connection| {
                let (media_type, size_bytes, created_at) = connection
                    .prepare_cached(
                        "SELECT media_type, size_bytes, created_at FROM blobs WHERE id = ?1 AND user_id = ?2",
                    )?
                    .query_and_then(params![id.to_string(), user.to_string()], |row| -> Result<_, StoreError> {
                        Ok((row.get("media_type")?, row.get::<_, i64>("size_bytes")?, timestamp_in(row, "created_at")?))
                    })?
                    .next()
                    .ok_or(MISSING)??;
                let bytes = match fs::read(&path) {
                    Ok(bytes) => Bytes::from(bytes),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(MISSING),
                    Err(source) => return Err(StoreError::File { what: "cannot read", path, source }),
                };
                if i64::try_from(bytes.len()).ok() != Some(size_bytes) {
                    return Err(StoreError::Damaged(format!("{} has not the length it was given", path.display())));
                }
                Ok(Blob { id, media_type, bytes, created_at })
            })
            .await
    }

    async fn delete_old_blobs(&self, scope: BlobScope, before: Timestamp) -> Result<usize, StoreError> {
        let deleted = self
            .store
            .database()
            .write(Durability::PowerLoss, move |connection| {
                let condition = match scope {
                    BlobScope::Audio => "media_type LIKE 'audio/%'",
                    BlobScope::Unattached => "session_id IS NULL",
                };
                Ok(connection.execute(
                    &format!("DELETE FROM blobs WHERE created_at < ?1 AND {condition}"),
                    [before.as_microsecond()],
                )?)
            })
            .await?;
        self.store.remove_deleted_files().await?;
        match scope {
            BlobScope::Audio => Ok(deleted),
            BlobScope::Unattached => Ok(deleted + self.remove_unknown_files(before).await?),
        }
    }
}

impl SqliteStore {
    /// Removes the files of blobs whose rows are gone.
    pub(super) async fn remove_deleted_files(&self) -> Result<(), StoreError> {
        let folder = self.blobs().to_owned();
        let removed = self
            .database()
            .read(move |connection| {
                let removals = removals(connection)?;
                remove_files(&folder, &removals)?;
                Ok(removals)
            })
            .await?;
        if removed.is_empty() {
            return Ok(());
        }
        self.database().write(Durability::ProcessDeath, move |connection| forget_removals(connection, &removed)).await
    }
}

/// The same, while the store is being opened.
pub(super) fn remove_deleted_files(connection: &Connection, folder: &Path) -> Result<(), StoreError> {
    let removals = removals(connection)?;
    remove_files(folder, &removals)?;
    forget_removals(connection, &removals)
}

fn removals(connection: &Connection) -> Result<Vec<BlobId>, StoreError> {
    connection.prepare_cached("SELECT id FROM blob_removals")?.query_and_then([], |row| parsed(row, "id"))?.collect()
}

fn remove_files(folder: &Path, ids: &[BlobId]) -> Result<(), StoreError> {
    for id in ids {
        remove(&folder.join(id.to_string()))?;
        remove(&folder.join(format!("{id}{PART}")))?;
    }
    Ok(())
}

fn forget_removals(connection: &Connection, ids: &[BlobId]) -> Result<(), StoreError> {
    for id in ids {
        connection.prepare_cached("DELETE FROM blob_removals WHERE id = ?1")?.execute([id.to_string()])?;
    }
    Ok(())
}

/// How a file's name ends until all of it is on the disk.
const PART: &str = ".part";

fn write_file(folder: &Path, id: BlobId, bytes: &[u8]) -> Result<(), StoreError> {
    make_private_folder(folder)?;
    let part = folder.join(format!("{id}{PART}"));
    let path = folder.join(id.to_string());
    File::create_new(&part)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&part, &path))
        .map_err(StoreError::file("cannot write", &path))?;
    sync_folder(folder)
}

/// A file that is not there is removed.
fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::File { what: "cannot remove", path: path.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}

fn list(folder: &Path) -> Result<Vec<fs::DirEntry>, StoreError> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.collect::<Result<_, _>>(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
    .map_err(StoreError::file("cannot list", folder))
}

fn older(entry: &fs::DirEntry, before: Timestamp) -> io::Result<bool> {
    match entry.metadata() {
        Ok(metadata) => Ok(metadata.modified()? < SystemTime::from(before)),
        // Gone since it was listed.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
