//! Sessions, each its owner's.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::rows::{count, parsed, timestamp_in, timestamp_now};
use super::{Durability, SqliteStore};
use crate::domain::ids::{SessionId, UserId};
use crate::domain::session::Session;
use crate::store::{SessionStore, StoreError};

const MISSING: StoreError = StoreError::NotFound("session");

fn session(row: &Row<'_>) -> Result<Session, StoreError> {
    Ok(Session {
        id: parsed(row, "id")?,
        user_id: parsed(row, "user_id")?,
        title: row.get("title")?,
        created_at: timestamp_in(row, "created_at")?,
        last_active_at: timestamp_in(row, "last_active_at")?,
    })
}

fn find(connection: &Connection, user: UserId, id: SessionId) -> Result<Session, StoreError> {
    connection
        .prepare_cached("SELECT * FROM sessions WHERE id = ?1 AND user_id = ?2")?
        .query_and_then(params![id.to_string(), user.to_string()], session)?
        .next()
        .ok_or(MISSING)?
}

#[async_trait]
impl SessionStore for SqliteStore {
    async fn create_session(&self, user: UserId) -> Result<Session, StoreError> {
        let now = timestamp_now();
        let session =
            Session { id: SessionId::generate(), user_id: user, title: None, created_at: now, last_active_at: now };
        let row = session.clone();
        self.database()
            .write(Durability::PowerLoss, move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO sessions (id, user_id, created_at, last_active_at) VALUES (?1, ?2, ?3, ?3)",
                    )?
                    .execute(params![row.id.to_string(), row.user_id.to_string(), now.as_microsecond()])?;
                Ok(())
            })
            .await?;
        Ok(session)
    }

    async fn session(&self, user: UserId, id: SessionId) -> Result<Session, StoreError> {
        self.database().read(move |connection| find(connection, user, id)).await
    }

    async fn sessions(&self, user: UserId, limit: usize, offset: usize) -> Result<Vec<Session>, StoreError> {
        self.database()
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT * FROM sessions WHERE user_id = ?1
                         ORDER BY last_active_at DESC, id LIMIT ?2 OFFSET ?3",
                    )?
                    .query_and_then(params![user.to_string(), count(limit), count(offset)], session)?
                    .collect()
            })
            .await
    }

    async fn rename_session(&self, user: UserId, id: SessionId, title: &str) -> Result<Session, StoreError> {
        let title = title.to_owned();
        self.database()
            .write(Durability::PowerLoss, move |connection| {
                connection
                    .prepare_cached("UPDATE sessions SET title = ?3 WHERE id = ?1 AND user_id = ?2 RETURNING *")?
                    .query_and_then(params![id.to_string(), user.to_string(), title], session)?
                    .next()
                    .ok_or(MISSING)?
            })
            .await
    }

    async fn touch_session(&self, id: SessionId) -> Result<(), StoreError> {
        self.database()
            // After a power cut a session may look idle since a little longer.
            .write(Durability::ProcessDeath, move |connection| {
                let touched = connection
                    .prepare_cached("UPDATE sessions SET last_active_at = max(last_active_at, ?2) WHERE id = ?1")?
                    .execute(params![id.to_string(), timestamp_now().as_microsecond()])?;
                if touched == 0 { Err(MISSING) } else { Ok(()) }
            })
            .await
    }

    async fn delete_session(&self, user: UserId, id: SessionId) -> Result<(), StoreError> {
        self.database()
            .write(Durability::PowerLoss, move |connection| {
                let deleted = connection
                    .prepare_cached("DELETE FROM sessions WHERE id = ?1 AND user_id = ?2")?
                    .execute(params![id.to_string(), user.to_string()])?;
                if deleted == 0 { Err(MISSING) } else { Ok(()) }
            })
            .await?;
        self.remove_deleted_files().await
    }

    async fn delete_idle_sessions(&self, before: Timestamp) -> Result<usize, StoreError> {
        let deleted = self
            .database()
            .write(Durability::PowerLoss, move |connection| {
                Ok(connection
                    .prepare_cached("DELETE FROM sessions WHERE last_active_at < ?1")?
                    .execute([before.as_microsecond()])?)
            })
            .await?;
        self.remove_deleted_files().await?;
        Ok(deleted)
    }
}

/// For rows that name both: the session must be the user's own.
pub(in crate::store) fn require_session(
    connection: &Connection,
    user: UserId,
    id: SessionId,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("SELECT 1 FROM sessions WHERE id = ?1 AND user_id = ?2")?
        .query_row(params![id.to_string(), user.to_string()], |_| Ok(()))
        .optional()?
        .ok_or(MISSING)
}
