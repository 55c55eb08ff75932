//! Conversations' states, one row after each node.

use async_trait::async_trait;
use rusqlite::{ErrorCode, Row, ffi, params};
use serde_json::Value;

use super::rows::{count, json, parsed, parsed_optional};
use super::{Durability, SqliteStore};
use crate::domain::ids::SessionId;
use crate::store::{Checkpoint, CheckpointStore, NewCheckpoint, StoreError};

fn checkpoint(row: &Row<'_>) -> Result<Checkpoint, StoreError> {
    Ok(Checkpoint {
        thread_id: parsed(row, "thread_id")?,
        checkpoint_id: parsed(row, "checkpoint_id")?,
        parent_checkpoint_id: parsed_optional(row, "parent_checkpoint_id")?,
        checkpoint: json(row, "checkpoint")?,
        metadata: json(row, "metadata")?,
    })
}

/// Only what says of itself that its turn goes on can wait for the next forced write.
fn durability(metadata: &Value) -> Durability {
    match metadata.get("finished") {
        Some(Value::Bool(false)) => Durability::ProcessDeath,
        _ => Durability::PowerLoss,
    }
}

#[async_trait]
impl CheckpointStore for SqliteStore {
    async fn save_checkpoint(&self, new: NewCheckpoint) -> Result<(), StoreError> {
        let durability = durability(&new.metadata);
        // Here rather than on the writer's thread, which everyone shares.
        let (state, metadata) = (new.checkpoint.to_string(), new.metadata.to_string());
        self.database()
            .write(durability, move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO checkpoints (thread_id, checkpoint_id, parent_checkpoint_id, checkpoint, metadata)
                         VALUES (?1, ?2, ?3, ?4, ?5)",
                    )?
                    .execute(params![
                        new.thread_id.to_string(),
                        new.checkpoint_id.to_string(),
                        new.parent_checkpoint_id.map(|id| id.to_string()),
                        state,
                        metadata
                    ])
                    .map_err(|error| match error {
                        rusqlite::Error::SqliteFailure(failure, _)
                            if failure.code == ErrorCode::ConstraintViolation
                                && failure.extended_code == ffi::SQLITE_CONSTRAINT_FOREIGNKEY =>
                        {
                            StoreError::NotFound("session")
                        }
                        other => other.into(),
                    })?;
                Ok(())
            })
            .await
    }

    async fn latest_checkpoint(&self, thread: SessionId) -> Result<Option<Checkpoint>, StoreError> {
        Ok(self.checkpoints(thread, 1).await?.pop())
    }

    async fn checkpoints(&self, thread: SessionId, limit: usize) -> Result<Vec<Checkpoint>, StoreError> {
        self.database()
            .read(move |connection| {
                connection
                    .prepare_cached("SELECT * FROM checkpoints WHERE thread_id = ?1 ORDER BY sequence DESC LIMIT ?2")?
                    .query_and_then(params![thread.to_string(), count(limit)], checkpoint)?
                    .collect()
            })
            .await
    }

    async fn prune_checkpoints(&self, thread: SessionId, keep: usize) -> Result<usize, StoreError> {
        self.database()
            .write(Durability::ProcessDeath, move |connection| {
                Ok(connection
                    .prepare_cached(
                        "DELETE FROM checkpoints WHERE thread_id = ?1 AND sequence NOT IN (
                             SELECT sequence FROM checkpoints WHERE thread_id = ?1 ORDER BY sequence DESC LIMIT ?2)",
                    )?
                    .execute(params![thread.to_string(), count(keep)])?)
            })
            .await
    }

    async fn unfinished_threads(&self) -> Result<Vec<SessionId>, StoreError> {
        self.database()
            .read(|connection| {
                connection
                    // With `max`, SQLite takes the other columns from the row that holds it.
                    .prepare_cached(
                        "SELECT thread_id FROM (
                             SELECT thread_id, max(sequence), metadata FROM checkpoints GROUP BY thread_id)
                         WHERE json_extract(metadata, '$.finished') = 0",
                    )?
                    .query_and_then([], |row| parsed(row, "thread_id"))?
                    .collect()
            })
            .await
    }
}
