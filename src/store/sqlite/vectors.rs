//! The embeddings' table: a `vec0` table of sqlite-vec, partitioned by user, as wide as the embedding model.

use rusqlite::{Connection, OptionalExtension, params};

use crate::domain::embedding::Embedding;
use crate::domain::ids::UserId;
use crate::store::{StoreError, StoredModel};

/// Until a model is bound: that of all-MiniLM-L6-v2, the embedded default.
const DEFAULT_DIMENSION: usize = 384;

/// Vectors in one chunk. A person with one memory takes a whole chunk: 98 kB at width 384, where sqlite-vec's own
/// 1,024 would take 1.5 MB. The search reads chunk by chunk and is no slower for it.
const CHUNK: usize = 64;

/// sqlite-vec refuses to return more.
pub(super) const MOST_NEIGHBOURS: usize = 4096;

/// Makes the table where there is none; returns its width.
pub(super) fn prepare(connection: &Connection) -> Result<usize, StoreError> {
    let dimension = match meta(connection, "embedding_dimension")? {
        Some(text) => text.parse().map_err(|_| StoreError::Damaged("the embeddings' width can't be read".into()))?,
        None => DEFAULT_DIMENSION,
    };
    make_table(connection, dimension)?;
    Ok(dimension)
}

/// Which model embedded the memories; `None` where there are none, or nobody said.
pub(super) fn stored_model(connection: &Connection) -> Result<Option<StoredModel>, StoreError> {
    let memories: i64 = connection.query_row("SELECT count(*) FROM memories", [], |row| row.get(0))?;
    let Some(model) = meta(connection, "embedding_model")?.filter(|_| memories > 0) else { return Ok(None) };
    let dimension = meta(connection, "embedding_dimension")?.and_then(|text| text.parse().ok());
    let dimension = dimension.ok_or_else(|| StoreError::Damaged("the embeddings' width can't be read".into()))?;
    Ok(Some(StoredModel { model, dimension, memories: usize::try_from(memories).unwrap_or_default() }))
}

/// Replaces every vector by those of another model, `dimension` wide; what was there is gone.
pub(super) fn replace_all(connection: &Connection, model: &str, dimension: usize) -> Result<(), StoreError> {
    connection.execute_batch("DROP TABLE IF EXISTS memory_vectors")?;
    make_table(connection, dimension)?;
    set_meta(connection, "embedding_model", model)?;
    set_meta(connection, "embedding_dimension", &dimension.to_string())
}

pub(super) fn bind_model(connection: &Connection, model: &str, dimension: usize) -> Result<(), StoreError> {
    let bound = meta(connection, "embedding_model")?;
    let width = prepare(connection)?;
    let memories: bool = connection.query_row("SELECT EXISTS (SELECT 1 FROM memories)", [], |row| row.get(0))?;
    if memories {
        if let Some(expected) = bound.filter(|bound| bound != model) {
            return Err(StoreError::Model { expected, got: model.to_owned() });
        }
        if width != dimension {
            return Err(StoreError::Dimension { expected: width, got: dimension });
        }
    } else if width != dimension {
        connection.execute_batch("DROP TABLE memory_vectors")?;
        make_table(connection, dimension)?;
    }
    set_meta(connection, "embedding_model", model)?;
    set_meta(connection, "embedding_dimension", &dimension.to_string())
}

fn make_table(connection: &Connection, dimension: usize) -> Result<(), StoreError> {
    // A virtual table takes no parameters.
    connection.execute_batch(&format!(
        "CREATE VIRTUAL TABLE IF NOT EXISTS memory_vectors USING vec0(
             memory_sequence INTEGER PRIMARY KEY,
             user_id TEXT PARTITION KEY,
             embedding FLOAT[{dimension}] DISTANCE_METRIC=cosine,
             chunk_size={CHUNK})"
    ))?;
    Ok(())
}

/// A zero vector points nowhere: it is near nothing, and its distance would be no number.
pub(super) fn has_direction(embedding: &Embedding) -> bool {
    let squares: f32 = embedding.as_slice().iter().map(|value| value * value).sum();
    squares.is_finite() && squares > 0.0
}

pub(super) fn insert(
    connection: &Connection,
    sequence: i64,
    user: UserId,
    embedding: &Embedding,
) -> Result<(), StoreError> {
    if has_direction(embedding) {
        connection
            .prepare_cached("INSERT INTO memory_vectors (memory_sequence, user_id, embedding) VALUES (?1, ?2, ?3)")?
            .execute(params![sequence, user.to_string(), bytes(embedding)])?;
    }
    Ok(())
}

/// sqlite-vec zeroes the vector's place, and frees a chunk that has become empty.
pub(super) fn delete(connection: &Connection, sequence: i64) -> Result<(), StoreError> {
    connection.prepare_cached("DELETE FROM memory_vectors WHERE memory_sequence = ?1")?.execute([sequence])?;
    Ok(())
}

/// As sqlite-vec reads a vector: `f32` after `f32`, little-endian.
pub(super) fn bytes(embedding: &Embedding) -> Vec<u8> {
    embedding.as_slice().iter().flat_map(|value| value.to_le_bytes()).collect()
}

pub(super) fn meta(connection: &Connection, key: &str) -> Result<Option<String>, StoreError> {
    Ok(connection.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0)).optional()?)
}

pub(super) fn set_meta(connection: &Connection, key: &str, value: &str) -> Result<(), StoreError> {
    connection.execute(
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        [key, value],
    )?;
    Ok(())
}
