//! All of a person's data as one archive, and its removal from the backups.

use std::fs::File as StdFile;
use std::io::{Seek, SeekFrom, Write};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::fs::File;
use tokio::task::spawn_blocking;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::app::App;
use crate::conversation::ConversationError;
use crate::domain::ids::UserId;
use crate::domain::memory::Memory;
use crate::store::{KEEP_BACKUPS, StoreError, forget_in_backups as forget_in_files};

/// Sessions that are read at once.
const PAGE: usize = 100;

#[derive(Debug, thiserror::Error)]
pub(super) enum TakeoutError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Conversation(#[from] ConversationError),
    #[error("the memories can't be read: {0}")]
    Memories(#[from] crate::memory::MemoryError),
    #[error("the archive can't be written: {0}")]
    Write(#[from] std::io::Error),
    #[error("the archive can't be written: {0}")]
    Archive(#[from] zip::result::ZipError),
    #[error("the archive can't be written: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the archive ended without an answer")]
    Ended,
}

/// A file without a name, which goes when it is closed; ready to be read.
pub(super) async fn archive(app: &App, user: UserId) -> Result<File, TakeoutError> {
    let mut archive = Archive { zip: Some(ZipWriter::new(tempfile::tempfile()?)) };
    archive.json("profile.json", &app.people.profile(user).await?).await?;
    let mut listed = 0;
    loop {
        let sessions = app.sessions.sessions(user, PAGE, listed).await?;
        for session in &sessions {
            let messages = app.conversation.history(user, session.id).await?;
            let conversation = json!({
                "id": session.id,
                "title": session.title,
                "created_at": session.created_at,
                "last_active_at": session.last_active_at,
                "messages": messages,
            });
            archive.json(&format!("conversations/{}.json", session.id), &conversation).await?;
        }
        listed += sessions.len();
        if sessions.len() < PAGE {
            break;
        }
    }
    let memories: Vec<Value> = app.memories.export(user).await?.iter().map(memory).collect();
    archive.json("memories.json", &memories).await?;
    for id in app.blobs.blobs_of(user).await? {
        let blob = match app.blobs.blob(user, id).await {
            Ok(blob) => blob,
            // It went meanwhile, at its age.
            Err(StoreError::NotFound(_)) => continue,
            Err(error) => return Err(error.into()),
        };
        let (folder, ending) = match blob.media_type.split_once('/') {
            Some(("image", kind)) => ("pictures", kind),
            Some((_, kind)) => ("recordings", kind),
            None => ("recordings", "bin"),
        };
        archive.put(format!("{folder}/{id}.{ending}"), blob.bytes.to_vec()).await?;
    }
    archive.finish().await
}

fn memory(memory: &Memory) -> Value {
    json!({"id": memory.id, "text": memory.text, "memory_type": memory.memory_type, "timestamp": memory.timestamp})
}

struct Archive {
    /// `None` only while a thread writes it.
    zip: Option<ZipWriter<StdFile>>,
}

impl Archive {
    async fn json(&mut self, name: &str, value: &impl Serialize) -> Result<(), TakeoutError> {
        self.put(name.to_owned(), serde_json::to_vec_pretty(value)?).await
    }

    async fn put(&mut self, name: String, bytes: Vec<u8>) -> Result<(), TakeoutError> {
        let mut zip = self.zip.take().ok_or(TakeoutError::Ended)?;
        let written = spawn_blocking(move || {
            zip.start_file(name, SimpleFileOptions::default())?;
            zip.write_all(&bytes)?;
            Ok::<_, TakeoutError>(zip)
        });
        self.zip = Some(written.await.map_err(|_| TakeoutError::Ended)??);
        Ok(())
    }

    async fn finish(mut self) -> Result<File, TakeoutError> {
        let mut file = self.zip.take().ok_or(TakeoutError::Ended)?.finish()?;
        file.seek(SeekFrom::Start(0))?;
        Ok(File::from_std(file))
    }
}

/// Writes the backups anew without the person; tells when the last one that still holds something is gone: now, or, where
/// one can't be written, when newer ones have taken its place.
pub(super) async fn forget_in_backups(app: &App, user: UserId) -> Timestamp {
    let config = app.config.data.clone();
    let rewritten = spawn_blocking(move || forget_in_files(&config, user)).await;
    match rewritten {
        Ok(Ok(_)) => Timestamp::now(),
        Ok(Err(error)) => {
            tracing::error!(error = %error, "a backup could not be written anew without a deleted person");
            by_age()
        }
        Err(_) => by_age(),
    }
}

/// One backup a day, and so many are kept.
fn by_age() -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(24 * (KEEP_BACKUPS as i64 + 1))
}
