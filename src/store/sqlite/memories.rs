//! Memories, each its owner's. The text is in one table, the vector in another, both written in one transaction.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::rows::{count, parsed, parsed_optional, timestamp_in, timestamp_now};
use super::{Durability, SqliteStore, vectors};
use crate::domain::embedding::Embedding;
use crate::domain::ids::{MemoryId, UserId};
use crate::domain::memory::{Memory, MemoryType, RecalledMemory};
use crate::store::{MemoryChange, MemoryFilter, MemoryStore, NewMemory, StoreError};

const MISSING: StoreError = StoreError::NotFound("memory");

pub(super) fn memory(row: &Row<'_>) -> Result<Memory, StoreError> {
    Ok(Memory {
        id: parsed(row, "id")?,
        user_id: parsed(row, "user_id")?,
        session_id: parsed_optional(row, "session_id")?,
        text: row.get("text")?,
        memory_type: memory_type(row)?,
        timestamp: timestamp_in(row, "created_at")?,
    })
}

fn memory_type(row: &Row<'_>) -> Result<MemoryType, StoreError> {
    let name: String = row.get("memory_type")?;
    MemoryType::ALL
        .into_iter()
        .find(|kind| kind.as_str() == name)
        .ok_or_else(|| StoreError::Damaged("memory_type can't be read".into()))
}

/// Case aside, as far as Unicode's simple lower case goes.
fn folded(text: &str) -> String {
    text.to_lowercase()
}

fn sequence_of(connection: &Connection, user: UserId, id: MemoryId) -> Result<i64, StoreError> {
    connection
        .prepare_cached("SELECT sequence FROM memories WHERE id = ?1 AND user_id = ?2")?
        .query_row(params![id.to_string(), user.to_string()], |row| row.get(0))
        .optional()?
        .ok_or(MISSING)
}

impl SqliteStore {
    fn check_dimension(&self, embedding: &Embedding) -> Result<(), StoreError> {
        let (expected, got) = (self.dimension(), embedding.dimension());
        if expected == got { Ok(()) } else { Err(StoreError::Dimension { expected, got }) }
    }
}

#[async_trait]
impl MemoryStore for SqliteStore {
    async fn insert_memory(&self, new: NewMemory) -> Result<Memory, StoreError> {
        self.check_dimension(&new.embedding)?;
        let memory = Memory {
            id: MemoryId::generate(),
            user_id: new.user_id,
            session_id: new.session_id,
            text: new.text,
            memory_type: new.memory_type,
            timestamp: timestamp_now(),
        };
        let row = memory.clone();
        self.database()
            .write(Durability::PowerLoss, move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO memories (id, user_id, session_id, text, folded, memory_type, created_at)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    )?
                    .execute(params![
                        row.id.to_string(),
                        row.user_id.to_string(),
                        row.session_id.map(|id| id.to_string()),
                        row.text,
                        folded(&row.text),
                        row.memory_type.as_str(),
                        row.timestamp.as_microsecond()
                    ])?;
                vectors::insert(connection, connection.last_insert_rowid(), row.user_id, &new.embedding)
            })
            .await?;
        Ok(memory)
    }

    async fn nearest_memories(
        &self,
        user: UserId,
        to: &Embedding,
        k: usize,
    ) -> Result<Vec<RecalledMemory>, StoreError> {
        self.check_dimension(to)?;
        if k == 0 || !vectors::has_direction(to) {
            return Ok(Vec::new());
        }
        let query = vectors::bytes(to);
        self.database()
            .read(move |connection| {
                connection
                    // The owner is asked twice: the vectors' partition picks the rows, the memory's own column vouches
                    // for them.
                    .prepare_cached(
                        "WITH nearest AS (
                             SELECT memory_sequence, distance FROM memory_vectors
                             WHERE embedding MATCH ?2 AND k = ?3 AND user_id = ?1)
                         SELECT memories.*, nearest.distance FROM nearest
                         JOIN memories ON memories.sequence = nearest.memory_sequence
                         WHERE memories.user_id = ?1
                         ORDER BY nearest.distance, memories.sequence",
                    )?
                    .query_and_then(params![user.to_string(), query, count(k.min(vectors::MOST_NEIGHBOURS))], |row| {
                        let distance: f32 = row.get("distance")?;
                        Ok(RecalledMemory { memory: memory(row)?, score: 1.0 - distance })
                    })?
                    .collect()
            })
            .await
    }

    async fn memories(&self, user: UserId, filter: MemoryFilter) -> Result<(Vec<Memory>, usize), StoreError> {
        let needle = filter.contains.as_deref().map(folded);
        let kind = filter.memory_type.map(MemoryType::as_str);
        self.database()
            .read(move |connection| {
                let user = user.to_string();
                // `instr` takes the needle as it is; with LIKE its `%` and `_` would have to be escaped.
                let total: i64 = connection
                    .prepare_cached(
                        "SELECT count(*) FROM memories WHERE user_id = ?1
                         AND (?2 IS NULL OR instr(folded, ?2) > 0) AND (?3 IS NULL OR memory_type = ?3)",
                    )?
                    .query_row(params![user, needle, kind], |row| row.get(0))?;
                let found = connection
                    .prepare_cached(
                        "SELECT * FROM memories WHERE user_id = ?1
                         AND (?2 IS NULL OR instr(folded, ?2) > 0) AND (?3 IS NULL OR memory_type = ?3)
                         ORDER BY created_at DESC, sequence DESC LIMIT ?4 OFFSET ?5",
                    )?
                    .query_and_then(params![user, needle, kind, count(filter.limit), count(filter.offset)], memory)?
                    .collect::<Result<_, _>>()?;
                Ok((found, usize::try_from(total).unwrap_or_default()))
            })
            .await
    }

    async fn memory(&self, user: UserId, id: MemoryId) -> Result<Memory, StoreError> {
        self.database()
            .read(move |connection| {
                connection
                    .prepare_cached("SELECT * FROM memories WHERE id = ?1 AND user_id = ?2")?
                    .query_and_then(params![id.to_string(), user.to_string()], memory)?
                    .next()
                    .ok_or(MISSING)?
            })
            .await
    }

    async fn change_memory(&self, user: UserId, id: MemoryId, change: MemoryChange) -> Result<Memory, StoreError> {
        self.check_dimension(&change.embedding)?;
        self.database()
            .write(Durability::PowerLoss, move |connection| {
                let sequence = sequence_of(connection, user, id)?;
                vectors::delete(connection, sequence)?;
                vectors::insert(connection, sequence, user, &change.embedding)?;
                connection
                    .prepare_cached(
                        "UPDATE memories SET text = ?2, folded = ?3, memory_type = ?4 WHERE sequence = ?1 RETURNING *",
                    )?
                    .query_and_then(
                        params![sequence, change.text, folded(&change.text), change.memory_type.as_str()],
                        memory,
                    )?
                    .next()
                    .ok_or(MISSING)?
            })
            .await
    }

    async fn delete_memory(&self, user: UserId, id: MemoryId) -> Result<(), StoreError> {
        self.database()
            .write(Durability::PowerLoss, move |connection| {
                let sequence = sequence_of(connection, user, id)?;
                vectors::delete(connection, sequence)?;
                connection.prepare_cached("DELETE FROM memories WHERE sequence = ?1")?.execute([sequence])?;
                Ok(())
            })
            .await
    }

    async fn delete_all_memories(&self, user: UserId) -> Result<usize, StoreError> {
        self.database().write(Durability::PowerLoss, move |connection| delete_all(connection, user)).await
    }
}

/// Returns how many went.
pub(super) fn delete_all(connection: &Connection, user: UserId) -> Result<usize, StoreError> {
    let sequences: Vec<i64> = connection
        .prepare_cached("DELETE FROM memories WHERE user_id = ?1 RETURNING sequence")?
        .query_map([user.to_string()], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for sequence in &sequences {
        vectors::delete(connection, *sequence)?;
    }
    Ok(sequences.len())
}
