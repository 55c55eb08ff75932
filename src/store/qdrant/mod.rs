//! Memories in Qdrant, each its owner's. One collection for each embedding model: vectors of two models never meet.
//! Spoken to over gRPC, by Qdrant's own client.

mod client;
mod point;

use async_trait::async_trait;
use qdrant_client::qdrant::vectors_config::Config as VectorsKind;
use qdrant_client::qdrant::{
    Condition, CountPoints, CountPointsBuilder, CreateCollection, CreateCollectionBuilder, CreateFieldIndexCollection,
    CreateFieldIndexCollectionBuilder, DeletePoints, DeletePointsBuilder, Distance, FieldType, Filter,
    GetCollectionInfoResponse, GetPoints, GetPointsBuilder, PointId, QueryPoints, QueryPointsBuilder, ScrollPoints,
    ScrollPointsBuilder, SearchParamsBuilder, UpsertPoints, UpsertPointsBuilder, VectorParams, VectorParamsBuilder,
};
use tokio::sync::OnceCell;

use self::client::Client;
pub use self::client::QdrantFault;
use super::sqlite::timestamp_now;
use super::{MemoryChange, MemoryFilter, MemoryStore, NewMemory, StoreError};
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
        let collection = format!("{}-{}-{dimension}", config.model, slug(model));
        Ok(Self { client: Client::new(config)?, collection, dimension, prepared: OnceCell::new() })
    }

    pub fn status(&self) -> BackendStatus {
        self.client.status(&self.collection)
    }

    /// Makes the collection and its indexes where they are not there.
    ///
    /// # Errors
    /// `Dimension` where a collection of that name is of another width, `Model` where it measures another distance, `Failed`
    /// where the service doesn't answer.
    pub async fn prepare(&self) -> Result<(), StoreError> {
        self.prepared.get_or_try_init(|| self.make_collection()).await.copied()
    }

    async fn make_collection(&self) -> Result<(), StoreError> {
        let name = self.collection.as_str();
        let found = self.client.call(name, |qdrant, name| async move { qdrant.collection_exists(name).await }).await?;
        if found {
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
            let expected = "vectors that have names".to_owned();
            return Err(StoreError::Model { expected, got: "vectors without".into() });
        };
        let expected = usize::try_from(size).unwrap_or(usize::MAX);
        if expected != self.dimension {
            return Err(StoreError::Dimension { expected, got: self.dimension });
        }
        if distance != Distance::Cosine as i32 {
            let name = Distance::try_from(distance).map_or("that is unknown", |distance| distance.as_str_name());
            return Err(StoreError::Model {
                expected: format!("the distance {name}"),
                got: "the distance Cosine".into(),
            });
        }
        Ok(())
    }

    async fn upsert(&self, memory: &Memory, embedding: &Embedding) -> Result<(), StoreError> {
        self.prepare().await?;
        let point = point::write(memory, embedding, !has_direction(embedding));
        let request: UpsertPoints = UpsertPointsBuilder::new(&self.collection, vec![point]).wait(true).build();
        self.client.call(request, |qdrant, request| async move { qdrant.upsert_points(request).await }).await?;
        Ok(())
    }

    async fn delete(&self, request: DeletePointsBuilder) -> Result<(), StoreError> {
        let request: DeletePoints = request.wait(true).build();
        self.client.call(request, |qdrant, request| async move { qdrant.delete_points(request).await }).await?;
        Ok(())
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
        Ok(memory)
    }

    async fn delete_memory(&self, user: UserId, id: MemoryId) -> Result<(), StoreError> {
        self.memory(user, id).await?;
        self.delete(DeletePointsBuilder::new(&self.collection).points([id.to_string()])).await
    }

    async fn delete_all_memories(&self, user: UserId) -> Result<usize, StoreError> {
        self.prepare().await?;
        let filter = of(user, None);
        let request: CountPoints = CountPointsBuilder::new(&self.collection).filter(filter.clone()).exact(true).build();
        let counted = self.client.call(request, |qdrant, request| async move { qdrant.count(request).await }).await?;
        self.delete(DeletePointsBuilder::new(&self.collection).points(filter)).await?;
        let count = counted.result.map_or(0, |counted| counted.count);
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }
}
