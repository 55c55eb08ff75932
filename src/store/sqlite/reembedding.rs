//! Embeddings of another model, kept beside the vectors that answer until all are there.
//!
//! They lie in a table of their own, from which a memory's deletion takes them, as does a change of its text: a server that
//! goes on meanwhile needs to know nothing of them. The switch is one transaction.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::connection::has_this_schema;
use super::memories::memory;
use super::rows::count;
use super::{Database, Durability, Journal, SqliteStore, open_writer, vectors};
use crate::config::DataConfig;
use crate::domain::embedding::Embedding;
use crate::domain::memory::Memory;
use crate::store::{Reembedding, StoreError, StoredModel};

/// Which model the embeddings in the making are of.
const MODEL: &str = "reembedding_model";
const DIMENSION: &str = "reembedding_dimension";

pub struct SqliteReembedding {
    at: At,
    from: StoredModel,
    to: Target,
    /// The last memory that was looked at: not all are asked for again for each batch.
    looked_at: AtomicI64,
}

enum At {
    /// Nobody else has the data folder.
    Held(SqliteStore),
    /// A server has it.
    Beside { database: Database, dir: PathBuf },
}

#[derive(Clone)]
struct Target {
    model: String,
    dimension: usize,
}

impl SqliteReembedding {
    /// Of a store that nothing uses yet. `None` where its memories, if there are any, are `model`'s already.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn begin(store: &SqliteStore, model: &str, dimension: usize) -> Result<Option<Self>, StoreError> {
        Self::at(At::Held(store.clone()), model, dimension).await
    }

    /// Beside a server that goes on answering, and with everything but the switch.
    ///
    /// # Errors
    /// `InUse` where that server is of another version.
    pub async fn begin_beside(config: &DataConfig, model: &str, dimension: usize) -> Result<Option<Self>, StoreError> {
        let path = config.database();
        let connection = open_writer(&path, Journal::WriteAhead)?;
        if !has_this_schema(&connection)? {
            return Err(StoreError::InUse { dir: config.dir.clone() });
        }
        let database = Database::start(&path, connection)?;
        Self::at(At::Beside { database, dir: config.dir.clone() }, model, dimension).await
    }

    async fn at(at: At, model: &str, dimension: usize) -> Result<Option<Self>, StoreError> {
        let to = Target { model: model.to_owned(), dimension };
        let wanted = to.clone();
        let from = at
            .database()
            .write(Durability::PowerLoss, move |connection| {
                let from = vectors::stored_model(connection)?;
                match from.filter(|from| (&from.model, from.dimension) != (&wanted.model, wanted.dimension)) {
                    Some(from) => wanted.begin(connection).map(|()| Some(from)),
                    None => Ok(None),
                }
            })
            .await?;
        Ok(from.map(|from| Self { at, from, to, looked_at: AtomicI64::new(0) }))
    }
}

impl At {
    fn database(&self) -> &Database {
        match self {
            At::Held(store) => store.database(),
            At::Beside { database, .. } => database,
        }
    }
}

impl Target {
    fn is_under_way(&self, connection: &Connection) -> Result<bool, StoreError> {
        let model = vectors::meta(connection, MODEL)?;
        let dimension = vectors::meta(connection, DIMENSION)?;
        Ok(model.as_ref() == Some(&self.model) && dimension == Some(self.dimension.to_string()))
    }

    /// What was made for another model goes.
    fn begin(&self, connection: &Connection) -> Result<(), StoreError> {
        if !self.is_under_way(connection)? {
            connection.execute("DELETE FROM memory_reembeddings", [])?;
            vectors::set_meta(connection, MODEL, &self.model)?;
            vectors::set_meta(connection, DIMENSION, &self.dimension.to_string())?;
        }
        Ok(())
    }

    fn must_be_under_way(&self, connection: &Connection) -> Result<(), StoreError> {
        match self.is_under_way(connection)? {
            true => Ok(()),
            false => Err(StoreError::Failed("the memories are being embedded with another model meanwhile".into())),
        }
    }
}

fn number_of(connection: &Connection, table: &str) -> Result<usize, StoreError> {
    let number: i64 = connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))?;
    Ok(usize::try_from(number).unwrap_or_default())
}

/// In the order of saving, those after `after`.
fn unembedded(connection: &Connection, after: i64, limit: usize) -> Result<Vec<(i64, Memory)>, StoreError> {
    connection
        .prepare_cached(
            "SELECT * FROM memories WHERE sequence > ?1
             AND NOT EXISTS (SELECT 1 FROM memory_reembeddings WHERE memory_sequence = sequence)
             ORDER BY sequence LIMIT ?2",
        )?
        .query_and_then(params![after, count(limit)], |row| Ok((row.get("sequence")?, memory(row)?)))?
        .collect()
}

#[async_trait]
impl Reembedding for SqliteReembedding {
    fn from(&self) -> &StoredModel {
        &self.from
    }

    async fn embedded(&self) -> Result<usize, StoreError> {
        self.at.database().read(|connection| number_of(connection, "memory_reembeddings")).await
    }

    async fn unembedded(&self, limit: usize) -> Result<Vec<Memory>, StoreError> {
        let after = self.looked_at.load(Ordering::Relaxed);
        let mut found = self.at.database().read(move |connection| unembedded(connection, after, limit)).await?;
        if found.is_empty() && after > 0 {
            // One that was looked at already may say something else by now.
            found = self.at.database().read(move |connection| unembedded(connection, 0, limit)).await?;
        }
        self.looked_at.store(found.last().map_or(0, |(sequence, _)| *sequence), Ordering::Relaxed);
        Ok(found.into_iter().map(|(_, memory)| memory).collect())
    }

    async fn keep(&self, embedded: Vec<(Memory, Embedding)>) -> Result<(), StoreError> {
        let expected = self.to.dimension;
        if let Some((_, other)) = embedded.iter().find(|(_, embedding)| embedding.dimension() != expected) {
            return Err(StoreError::Dimension { expected, got: other.dimension() });
        }
        let to = self.to.clone();
        self.at
            .database()
            .write(Durability::PowerLoss, move |connection| {
                to.must_be_under_way(connection)?;
                let mut statement = connection.prepare_cached(
                    "INSERT INTO memory_reembeddings (memory_sequence, embedding)
                     SELECT sequence, ?3 FROM memories WHERE id = ?1 AND text = ?2
                     ON CONFLICT (memory_sequence) DO UPDATE SET embedding = excluded.embedding",
                )?;
                for (memory, embedding) in embedded {
                    let vector = vectors::has_direction(&embedding).then(|| vectors::bytes(&embedding));
                    statement.execute(params![memory.id.to_string(), memory.text, vector])?;
                }
                Ok(())
            })
            .await
    }

    async fn switch(&self) -> Result<usize, StoreError> {
        let store = match &self.at {
            At::Held(store) => store,
            At::Beside { dir, .. } => return Err(StoreError::InUse { dir: dir.clone() }),
        };
        let to = self.to.clone();
        let memories = store
            .database()
            .write(Durability::PowerLoss, move |connection| {
                to.must_be_under_way(connection)?;
                let memories = number_of(connection, "memories")?;
                let embedded = number_of(connection, "memory_reembeddings")?;
                if embedded != memories {
                    return Err(StoreError::Incomplete { embedded, memories });
                }
                vectors::replace_all(connection, &to.model, to.dimension)?;
                // sqlite-vec refuses a vector of another width.
                connection.execute(
                    "INSERT INTO memory_vectors (memory_sequence, user_id, embedding)
                     SELECT sequence, user_id, embedding FROM memories
                     JOIN memory_reembeddings ON memory_sequence = sequence WHERE embedding IS NOT NULL",
                    [],
                )?;
                connection.execute("DELETE FROM memory_reembeddings", [])?;
                connection.execute("DELETE FROM meta WHERE key IN (?1, ?2)", [MODEL, DIMENSION])?;
                Ok(memories)
            })
            .await?;
        store.use_dimension(self.to.dimension);
        // The log still holds the old vectors, until it is folded into the file.
        if let Err(error) = store.database().fold_log().await {
            tracing::warn!(error = %error, "the old vectors are in the database's log until it is next folded");
        }
        Ok(memories)
    }
}
