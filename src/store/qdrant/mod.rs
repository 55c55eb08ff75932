//! Memories in Qdrant, each its owner's. One collection for each embedding model: vectors of two models never meet. An alias
//! tells which one holds the memories. Spoken to over gRPC, by Qdrant's own client.

mod aliases;
mod client;
mod point;
mod reembedding;

use std::collections::HashMap;

use async_trait::async_trait;
use qdrant_client::qdrant::vectors_config::Config as VectorsKind;
use qdrant_client::qdrant::{
    Condition, CountPoints, CountPointsBuilder, CreateCollection, CreateCollectionBuilder, CreateFieldIndexCollection,
    CreateFieldIndexCollectionBuilder, DeletePoints, DeletePointsBuilder, Distance, FieldType, Filter,
    GetCollectionInfoResponse, GetPoints, GetPointsBuilder, PointId, PointStruct, QueryPoints, QueryPointsBuilder,
    ScrollPoints, ScrollPointsBuilder, SearchParamsBuilder, UpsertPoints, UpsertPointsBuilder, VectorParams,
    VectorParamsBuilder,
};
use tokio::sync::OnceCell;

use self::aliases::Aliases;
use self::client::Client;
pub use self::client::QdrantFault;
pub use self::reembedding::QdrantReembedding;
use super::sqlite::timestamp_now;
use super::{MemoryChange, MemoryFilter, MemoryStore, NewMemory, StoreError, StoredModel};
use crate::config::ApiConfig;
use crate::domain::embedding::Embedding;
use crate::domain::ids::{MemoryId, UserId};
use crate::domain::memory::{Memory, RecalledMemory};
use crate::providers::BackendStatus;

const MISSING: StoreError = StoreError::NotFound("memory");

/// Nobody has more near ones in mind; as the embedded store.
const MOST_NEIGHBOURS: usize = 4096;

/// Points of one page of a list.
const PAGE: u32 = 256;

/// Fields that searches filter by, and their kinds.
const INDEXES: [(&str, FieldType); 3] =
    [("user_id", FieldType::Keyword), ("memory_type", FieldType::Keyword), ("created_at", FieldType::Integer)];

pub struct QdrantMemories {
    client: Client,
    /// What the names of all collections begin with.
    prefix: String,
    model: String,
    /// This model's.
    collection: String,
    dimension: usize,
    /// Whether the collection is there and as it must be.
    prepared: OnceCell<()>,
}

impl QdrantMemories {
    /// `config.model` is what its collections' names begin with; `model` makes the embeddings, `dimension` wide. Nothing is
    /// asked of the service before the first use, or [`prepare`](Self::prepare).
    ///
    /// # Errors
    /// `Failed` where the address or the key can't be one.
    pub fn new(config: &ApiConfig, model: &str, dimension: usize) -> Result<Self, StoreError> {
        let (prefix, model) = (config.model.clone(), model.to_owned());
        let collection = format!("{prefix}-{}-{dimension}", slug(&model));
        Ok(Self { client: Client::new(config)?, prefix, model, collection, dimension, prepared: OnceCell::new() })
    }

    pub fn status(&self) -> BackendStatus {
        self.client.status(&self.collection)
    }

    /// Makes the collection and its indexes where they are not there.
    ///
    /// # Errors
    /// `Model` where another model embedded the memories, `Dimension` where it is the same in another width, `Collection` where
    /// one is there that can't be used, `Failed` where the service doesn't answer.
    pub async fn prepare(&self) -> Result<(), StoreError> {
        self.prepared.get_or_try_init(|| self.take_up()).await.copied()
    }

    async fn take_up(&self) -> Result<(), StoreError> {
        let aliases = self.aliases().await?;
        let exists = self.exists(&self.collection).await?;
        if let Some(other) = self.answering(&aliases, exists).await?.filter(|other| *other != self.collection) {
            let (expected, dimension) = self.model_of(&other).unwrap_or((other, self.dimension));
            if expected == slug(&self.model) {
                return Err(StoreError::Dimension { expected: dimension, got: self.dimension });
            }
            return Err(StoreError::Model { expected, got: self.model.clone() });
        }
        self.make_collection(exists).await?;
        if aliases.current.is_none() {
            self.set_alias(aliases::CURRENT, &self.collection).await?;
        }
        self.finish_switch(&aliases).await
    }

    /// The collection that holds the memories. Where no alias says so it is this model's, unless only another one holds any.
    async fn answering(&self, aliases: &Aliases, exists: bool) -> Result<Option<String>, StoreError> {
        if aliases.current.is_some() {
            return Ok(aliases.current.clone());
        }
        if exists && self.count(&self.collection, Filter::default()).await? > 0 {
            return Ok(Some(self.collection.clone()));
        }
        let all = self.client.call((), |qdrant, ()| async move { qdrant.list_collections().await }).await?;
        let mut others = Vec::new();
        for name in all.collections.into_iter().map(|one| one.name).filter(|name| *name != self.collection) {
            if self.model_of(&name).is_some() && self.count(&name, Filter::default()).await? > 0 {
                others.push(name);
            }
        }
        if others.len() > 1 {
            let names = others.join(", ");
            return Err(StoreError::Collection(format!(
                "that holds the memories is not known: there are {names}; delete those that are not wanted"
            )));
        }
        Ok(others.pop())
    }

    /// The model of a collection, as its name writes it, and its width; `None` where the name is none of ours.
    fn model_of(&self, collection: &str) -> Option<(String, usize)> {
        let (model, dimension) = collection.strip_prefix(&self.prefix)?.strip_prefix('-')?.rsplit_once('-')?;
        Some((model.to_owned(), dimension.parse().ok()?))
    }

    /// Which model embedded the memories; `None` where there are none. Changes nothing.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare).
    pub async fn embedded_by(&self) -> Result<Option<StoredModel>, StoreError> {
        let aliases = self.aliases().await?;
        let exists = self.exists(&self.collection).await?;
        match self.answering(&aliases, exists).await? {
            Some(name) => self.stored(&name).await,
            None => Ok(None),
        }
    }

    async fn stored(&self, collection: &str) -> Result<Option<StoredModel>, StoreError> {
        let memories = self.count(collection, Filter::default()).await?;
        let (model, dimension) = self.model_of(collection).unwrap_or((collection.to_owned(), self.dimension));
        // Its name writes the model otherwise than the settings do.
        let model = if model == slug(&self.model) { self.model.clone() } else { model };
        Ok((memories > 0).then_some(StoredModel { model, dimension, memories }))
    }

    async fn exists(&self, name: &str) -> Result<bool, StoreError> {
        self.client.call(name, |qdrant, name| async move { qdrant.collection_exists(name).await }).await
    }

    async fn count(&self, collection: &str, filter: Filter) -> Result<usize, StoreError> {
        let request: CountPoints = CountPointsBuilder::new(collection).filter(filter).exact(true).build();
        let counted = self.client.call(request, |qdrant, request| async move { qdrant.count(request).await }).await?;
        let count = counted.result.map_or(0, |counted| counted.count);
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// With its indexes; `exists` where it is there already.
    async fn make_collection(&self, exists: bool) -> Result<(), StoreError> {
        let name = self.collection.as_str();
        if exists {
            let found =
                self.client.call(name, |qdrant, name| async move { qdrant.collection_info(name).await }).await?;
            self.check_collection(found)?;
        } else {
            let size = self.dimension as u64;
            let request: CreateCollection = CreateCollectionBuilder::new(name)
                .vectors_config(VectorParamsBuilder::new(size, Distance::Cosine))
                .build();
            self.client.call(request, |qdrant, request| async move { qdrant.create_collection(request).await }).await?;
        }
        for (field, kind) in INDEXES {
            let request: CreateFieldIndexCollection =
                CreateFieldIndexCollectionBuilder::new(name, field, kind).wait(true).build();
            self.client
                .call(request, |qdrant, request| async move { qdrant.create_field_index(request).await })
                .await?;
        }
        Ok(())
    }

    /// Whether it holds vectors of this width under this distance.
    fn check_collection(&self, found: GetCollectionInfoResponse) -> Result<(), StoreError> {
        let params = found.result.and_then(|info| info.config).and_then(|config| config.params);
        let vectors = params.and_then(|params| params.vectors_config).and_then(|vectors| vectors.config);
        let Some(VectorsKind::Params(VectorParams { size, distance, .. })) = vectors else {
            let name = &self.collection;
            return Err(StoreError::Collection(format!("{name} has vectors with names; Rose's have none")));
        };
        let expected = usize::try_from(size).unwrap_or(usize::MAX);
        if expected != self.dimension {
            return Err(StoreError::Dimension { expected, got: self.dimension });
        }
        if distance != Distance::Cosine as i32 {
            let found = Distance::try_from(distance).map_or("unknown", |distance| distance.as_str_name());
            let name = &self.collection;
            return Err(StoreError::Collection(format!("{name} measures the distance {found}; Rose's is Cosine")));
        }
        Ok(())
    }

    async fn upsert(&self, memory: &Memory, embedding: &Embedding) -> Result<(), StoreError> {
        self.prepare().await?;
        self.write(vec![point::write(memory, embedding, !has_direction(embedding))]).await
    }

    async fn write(&self, points: Vec<PointStruct>) -> Result<(), StoreError> {
        let request: UpsertPoints = UpsertPointsBuilder::new(&self.collection, points).wait(true).build();
        self.client.call(request, |qdrant, request| async move { qdrant.upsert_points(request).await }).await?;
        Ok(())
    }

    /// Deletes what `which` picks, here and where another model embeds it anew.
    async fn delete(&self, which: impl Fn(&str) -> DeletePointsBuilder) -> Result<(), StoreError> {
        self.delete_in(which(&self.collection)).await?;
        self.delete_beside(which).await
    }

    /// What another model embedded of it goes: nobody's words outlive their deletion there.
    async fn delete_beside(&self, which: impl Fn(&str) -> DeletePointsBuilder) -> Result<(), StoreError> {
        match self.aliases().await?.next {
            Some(next) if next != self.collection => self.delete_in(which(&next)).await,
            _ => Ok(()),
        }
    }

    async fn delete_in(&self, request: DeletePointsBuilder) -> Result<(), StoreError> {
        let request: DeletePoints = request.wait(true).build();
        self.client.call(request, |qdrant, request| async move { qdrant.delete_points(request).await }).await?;
        Ok(())
    }

    /// A page of everybody's memories, from `from` on, and where the next page begins.
    async fn page(
        &self,
        collection: &str,
        from: Option<PointId>,
        limit: u32,
    ) -> Result<(Vec<Memory>, Option<PointId>), StoreError> {
        let page = ScrollPointsBuilder::new(collection).limit(limit).with_payload(true);
        let request: ScrollPoints = match from {
            Some(from) => page.offset(from).build(),
            None => page.build(),
        };
        let page = self.client.call(request, |qdrant, request| async move { qdrant.scroll(request).await }).await?;
        let memories = page.result.into_iter().map(point::read_anyones).collect::<Result<_, _>>()?;
        Ok((memories, page.next_page_offset))
    }

    /// Those of `ids` that are there.
    async fn found(
        &self,
        collection: &str,
        ids: impl Iterator<Item = MemoryId>,
    ) -> Result<HashMap<MemoryId, Memory>, StoreError> {
        let ids: Vec<PointId> = ids.map(|id| id.to_string().into()).collect();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let request: GetPoints = GetPointsBuilder::new(collection, ids).with_payload(true).build();
        let found =
            self.client.call(request, |qdrant, request| async move { qdrant.get_points(request).await }).await?;
        let read = |point| point::read_anyones(point).map(|memory| (memory.id, memory));
        found.result.into_iter().map(read).collect()
    }

    fn check_dimension(&self, embedding: &Embedding) -> Result<(), StoreError> {
        let (expected, got) = (self.dimension, embedding.dimension());
        if expected == got { Ok(()) } else { Err(StoreError::Dimension { expected, got }) }
    }

    /// All of a person's, newest first.
    async fn all(&self, user: UserId, kind: Option<&str>) -> Result<Vec<Memory>, StoreError> {
        self.prepare().await?;
        let mut memories = Vec::new();
        let mut from: Option<PointId> = None;
        loop {
            let page = ScrollPointsBuilder::new(&self.collection).filter(of(user, kind)).limit(PAGE).with_payload(true);
            let request: ScrollPoints = match from {
                Some(from) => page.offset(from).build(),
                None => page.build(),
            };
            let page = self.client.call(request, |qdrant, request| async move { qdrant.scroll(request).await }).await?;
            for point in page.result {
                memories.push(point::read(point, user)?);
            }
            match page.next_page_offset {
                None => break,
                next => from = next,
            }
        }
        memories.sort_by_key(|memory| std::cmp::Reverse(memory.timestamp));
        Ok(memories)
    }
}

/// Whether Qdrant answers, and takes the key: one call that costs nothing.
///
/// # Errors
/// Why it doesn't.
pub async fn ask_qdrant(config: &ApiConfig) -> Result<(), QdrantFault> {
    Client::new(config)?.once(|qdrant| async move { qdrant.list_collections().await }).await.map(|_| ())
}

fn of(user: UserId, kind: Option<&str>) -> Filter {
    let matches = |field: &str, value: String| Condition::matches(field, value);
    let kind = kind.map(|kind| matches("memory_type", kind.to_owned()));
    Filter::must([matches("user_id", user.to_string())].into_iter().chain(kind))
}

/// A name that a collection may have, for a model's.
fn slug(model: &str) -> String {
    model.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
}

/// A zero vector points nowhere: it is near nothing.
fn has_direction(embedding: &Embedding) -> bool {
    let squares: f32 = embedding.as_slice().iter().map(|value| value * value).sum();
    squares.is_finite() && squares > 0.0
}

#[async_trait]
impl MemoryStore for QdrantMemories {
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
        self.upsert(&memory, &new.embedding).await?;
        Ok(memory)
    }

    async fn nearest_memories(
        &self,
        user: UserId,
        to: &Embedding,
        k: usize,
    ) -> Result<Vec<RecalledMemory>, StoreError> {
        self.check_dimension(to)?;
        if k == 0 || !has_direction(to) {
            return Ok(Vec::new());
        }
        self.prepare().await?;
        let mut filter = of(user, None);
        filter.must_not.push(Condition::matches("nowhere", true));
        let request: QueryPoints = QueryPointsBuilder::new(&self.collection)
            .query(to.as_slice().to_vec())
            .filter(filter)
            .limit(k.min(MOST_NEIGHBOURS) as u64)
            .with_payload(true)
            // One person's memories are few: comparing them all is as fast, and finds what the embedded store finds.
            .params(SearchParamsBuilder::default().exact(true))
            .build();
        let nearest = self.client.call(request, |qdrant, request| async move { qdrant.query(request).await }).await?;
        let nearest = nearest.result.into_iter().map(|point| {
            let score = point.score;
            Ok(RecalledMemory { memory: point::read(point, user)?, score })
        });
        nearest.collect()
    }

    async fn memories(&self, user: UserId, filter: MemoryFilter) -> Result<(Vec<Memory>, usize), StoreError> {
        // Qdrant looks for whole words, and can't skip in an ordered list: what a person looks through is few enough to be
        // looked through here.
        let needle = filter.contains.map(|text| text.to_lowercase());
        let mut found = self.all(user, filter.memory_type.map(|kind| kind.as_str())).await?;
        found.retain(|memory| needle.as_ref().is_none_or(|needle| memory.text.to_lowercase().contains(needle)));
        let total = found.len();
        let page = found.into_iter().skip(filter.offset).take(filter.limit);
        Ok((page.collect(), total))
    }

    async fn memory(&self, user: UserId, id: MemoryId) -> Result<Memory, StoreError> {
        self.prepare().await?;
        let request: GetPoints =
            GetPointsBuilder::new(&self.collection, vec![id.to_string().into()]).with_payload(true).build();
        let found =
            self.client.call(request, |qdrant, request| async move { qdrant.get_points(request).await }).await?;
        point::read(found.result.into_iter().next().ok_or(MISSING)?, user)
    }

    async fn change_memory(&self, user: UserId, id: MemoryId, change: MemoryChange) -> Result<Memory, StoreError> {
        self.check_dimension(&change.embedding)?;
        let mut memory = self.memory(user, id).await?;
        memory.text = change.text;
        memory.memory_type = change.memory_type;
        self.upsert(&memory, &change.embedding).await?;
        self.delete_beside(|collection| DeletePointsBuilder::new(collection).points([id.to_string()])).await?;
        Ok(memory)
    }

    async fn delete_memory(&self, user: UserId, id: MemoryId) -> Result<(), StoreError> {
        self.memory(user, id).await?;
        self.delete(|collection| DeletePointsBuilder::new(collection).points([id.to_string()])).await
    }

    async fn delete_all_memories(&self, user: UserId) -> Result<usize, StoreError> {
        self.prepare().await?;
        let filter = of(user, None);
        let count = self.count(&self.collection, filter.clone()).await?;
        self.delete(|collection| DeletePointsBuilder::new(collection).points(filter.clone())).await?;
        Ok(count)
    }
}
