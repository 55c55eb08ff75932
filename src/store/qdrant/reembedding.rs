//! Embeddings of another model, in a collection of its own beside the one that answers until all are there. The switch is one
//! change of an alias.

use async_trait::async_trait;
use qdrant_client::qdrant::{DeletePointsBuilder, Filter, PointId};
use tokio::sync::Mutex;

use super::aliases::{Aliases, CURRENT, NEXT, REPLACED};
use super::{PAGE, QdrantMemories, has_direction, point};
use crate::config::ApiConfig;
use crate::domain::embedding::Embedding;
use crate::domain::ids::MemoryId;
use crate::domain::memory::Memory;
use crate::store::{Reembedding, StoreError, StoredModel};

pub struct QdrantReembedding {
    /// The new model's.
    to: QdrantMemories,
    /// The collection that answers.
    collection: String,
    from: StoredModel,
    /// Whether an alias says that the collection is Rose's. One that is only known by its name is left where it is.
    ours: bool,
    /// Where the next look goes on.
    next_page: Mutex<NextPage>,
}

enum NextPage {
    First,
    From(PointId),
}

impl QdrantReembedding {
    /// `None` where the memories, if there are any, are `model`'s already. `config` is as for [`QdrantMemories::new`].
    ///
    /// # Errors
    /// `Collection` where the new model's collection holds memories of an earlier time, `Failed` where the service doesn't
    /// answer.
    pub async fn begin(config: &ApiConfig, model: &str, dimension: usize) -> Result<Option<Self>, StoreError> {
        let to = QdrantMemories::new(config, model, dimension)?;
        to.finish_switch(&to.aliases().await?).await?;
        let aliases = to.aliases().await?;
        let exists = to.exists(&to.collection).await?;
        let Some(collection) = to.answering(&aliases, exists).await?.filter(|name| *name != to.collection) else {
            return Ok(None);
        };
        let stored = to.stored(&collection).await?;
        let from = match stored {
            Some(stored) => stored,
            // An alias of an empty collection: the new model's takes its place all the same.
            None => {
                let (model, dimension) = to.model_of(&collection).unwrap_or((collection.clone(), dimension));
                StoredModel { model, dimension, memories: 0 }
            }
        };
        make_place(&to, &aliases, exists).await?;
        let ours = aliases.current.is_some();
        Ok(Some(Self { to, collection, from, ours, next_page: Mutex::new(NextPage::First) }))
    }

    /// Of the memories, those that the new collection has not as they are.
    async fn missing(&self, memories: Vec<Memory>) -> Result<Vec<Memory>, StoreError> {
        let there = self.to.found(&self.to.collection, memories.iter().map(|memory| memory.id)).await?;
        Ok(memories.into_iter().filter(|memory| there.get(&memory.id) != Some(memory)).collect())
    }

    /// Deletes what was deleted in the collection that answers after it was embedded anew.
    async fn delete_surplus(&self) -> Result<(), StoreError> {
        let mut from = None;
        loop {
            let (page, next) = self.to.page(&self.to.collection, from, PAGE).await?;
            let there = self.to.found(&self.collection, page.iter().map(|memory| memory.id)).await?;
            let gone: Vec<MemoryId> =
                page.into_iter().map(|memory| memory.id).filter(|id| !there.contains_key(id)).collect();
            if !gone.is_empty() {
                let ids: Vec<PointId> = gone.into_iter().map(|id| id.to_string().into()).collect();
                self.to.delete_in(DeletePointsBuilder::new(&self.to.collection).points(ids)).await?;
            }
            match next {
                None => return Ok(()),
                next => from = next,
            }
        }
    }
}

/// The new model's collection, marked as what it is.
async fn make_place(to: &QdrantMemories, aliases: &Aliases, exists: bool) -> Result<(), StoreError> {
    let own = &to.collection;
    match &aliases.next {
        Some(next) if next == own => {}
        other => {
            // Another model's, which is no longer wanted.
            if let Some(other) = other {
                to.delete_collection(other).await?;
            }
            if exists && to.count(own, Filter::default()).await? > 0 {
                return Err(StoreError::Collection(format!(
                    "{own} holds memories of an earlier time already; delete it where they are not wanted"
                )));
            }
            to.make_collection(exists).await?;
            return to.set_alias(NEXT, own).await;
        }
    }
    to.make_collection(exists).await
}

#[async_trait]
impl Reembedding for QdrantReembedding {
    fn from(&self) -> &StoredModel {
        &self.from
    }

    async fn embedded(&self) -> Result<usize, StoreError> {
        self.to.count(&self.to.collection, Filter::default()).await
    }

    async fn unembedded(&self, limit: usize) -> Result<Vec<Memory>, StoreError> {
        let limit = u32::try_from(limit).unwrap_or(PAGE).clamp(1, PAGE);
        let mut next_page = self.next_page.lock().await;
        // One that was looked at already may say something else by now: none is left once all were looked at in one call.
        let mut begun = false;
        loop {
            let from = match &*next_page {
                NextPage::First if begun => return Ok(Vec::new()),
                NextPage::First => {
                    begun = true;
                    None
                }
                NextPage::From(from) => Some(from.clone()),
            };
            let (page, next) = self.to.page(&self.collection, from, limit).await?;
            *next_page = next.map_or(NextPage::First, NextPage::From);
            let missing = self.missing(page).await?;
            if !missing.is_empty() {
                return Ok(missing);
            }
        }
    }

    async fn keep(&self, embedded: Vec<(Memory, Embedding)>) -> Result<(), StoreError> {
        for (_, embedding) in &embedded {
            self.to.check_dimension(embedding)?;
        }
        let now = self.to.found(&self.collection, embedded.iter().map(|(memory, _)| memory.id)).await?;
        let points: Vec<_> = embedded
            .iter()
            .filter(|(memory, _)| now.get(&memory.id) == Some(memory))
            .map(|(memory, embedding)| point::write(memory, embedding, !has_direction(embedding)))
            .collect();
        if points.is_empty() { Ok(()) } else { self.to.write(points).await }
    }

    async fn switch(&self) -> Result<usize, StoreError> {
        self.delete_surplus().await?;
        let (mut from, mut memories, mut missing) = (None, 0, 0);
        loop {
            let (page, next) = self.to.page(&self.collection, from, PAGE).await?;
            memories += page.len();
            missing += self.missing(page).await?.len();
            match next {
                None => break,
                next => from = next,
            }
        }
        let counted = self.embedded().await?;
        if missing > 0 || counted != memories {
            return Err(StoreError::Incomplete { embedded: counted.min(memories.saturating_sub(missing)), memories });
        }
        if self.ours {
            self.to.set_alias(REPLACED, &self.collection).await?;
        } else {
            tracing::info!(
                collection = self.collection,
                "the old collection is left as it is: no alias calls it Rose's"
            );
        }
        self.to.set_alias(CURRENT, &self.to.collection).await?;
        self.to.finish_switch(&self.to.aliases().await?).await?;
        Ok(memories)
    }
}
