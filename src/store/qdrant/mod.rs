//! Memories in Qdrant, each its owner's. One collection for each embedding model: vectors of two models never meet.
//! Format: <https://api.qdrant.tech/api-reference>.

mod client;
mod point;

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use self::client::Client;
use self::point::{Point, Stored, payload};
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
const PAGE: usize = 256;

/// Fields that searches filter by, and their kinds.
const INDEXES: [(&str, &str); 3] = [("user_id", "keyword"), ("memory_type", "keyword"), ("created_at", "integer")];

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
    /// `Failed` where the machine's TLS can't be set up.
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
        let collection = &self.collection;
        let found: Value = self.client.get(&format!("/collections/{collection}/exists")).await?;
        if found["exists"].as_bool().unwrap_or_default() {
            let found: Value = self.client.get(&format!("/collections/{collection}")).await?;
            let vectors = &found["config"]["params"]["vectors"];
            let width = vectors["size"].as_u64().and_then(|size| usize::try_from(size).ok()).unwrap_or_default();
            if width != self.dimension {
                return Err(StoreError::Dimension { expected: width, got: self.dimension });
            }
            if vectors["distance"] != "Cosine" {
                let got = "the distance Cosine".to_owned();
                return Err(StoreError::Model { expected: format!("the distance {}", vectors["distance"]), got });
            }
        } else {
            let vectors = json!({"vectors": {"size": self.dimension, "distance": "Cosine"}});
            let _: Value = self.client.put(&format!("/collections/{collection}"), &vectors).await?;
        }
        for (field_name, field_schema) in INDEXES {
            let index = json!({"field_name": field_name, "field_schema": field_schema});
            let _: Value = self.client.put(&format!("/collections/{collection}/index?wait=true"), &index).await?;
        }
        Ok(())
    }

    async fn points<T: serde::de::DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, StoreError> {
        self.prepare().await?;
        self.client.post(&format!("/collections/{}/points{path}", self.collection), body).await
    }

    async fn upsert(&self, memory: &Memory, embedding: &Embedding) -> Result<(), StoreError> {
        self.prepare().await?;
        let point = json!({"id": memory.id, "vector": embedding.as_slice(), "payload": payload(memory, has_direction(embedding))});
        let path = format!("/collections/{}/points?wait=true", self.collection);
        let _: Value = self.client.put(&path, &json!({"points": [point]})).await?;
        Ok(())
    }

    fn check_dimension(&self, embedding: &Embedding) -> Result<(), StoreError> {
        let (expected, got) = (self.dimension, embedding.dimension());
        if expected == got { Ok(()) } else { Err(StoreError::Dimension { expected, got }) }
    }

    /// All of a person's, newest first.
    async fn all(&self, user: UserId, kind: Option<&str>) -> Result<Vec<Stored>, StoreError> {
        let mut stored = Vec::new();
        let mut from = Value::Null;
        loop {
            let body = json!({"filter": of(user, kind), "limit": PAGE, "offset": from, "with_payload": true});
            let page: Page = self.points("/scroll", &body).await?;
            for point in page.points {
                stored.push(point.read(user)?);
            }
            match page.next_page_offset {
                None | Some(Value::Null) => break,
                Some(next) => from = next,
            }
        }
        stored.sort_by_key(|stored| std::cmp::Reverse(stored.memory.timestamp));
        Ok(stored)
    }
}

#[derive(serde::Deserialize)]
struct Page {
    points: Vec<Point>,
    next_page_offset: Option<Value>,
}

#[derive(serde::Deserialize)]
struct Nearest {
    points: Vec<Point>,
}

#[derive(serde::Deserialize)]
struct Counted {
    count: usize,
}

fn of(user: UserId, kind: Option<&str>) -> Value {
    let mut must = vec![json!({"key": "user_id", "match": {"value": user}})];
    must.extend(kind.map(|kind| json!({"key": "memory_type", "match": {"value": kind}})));
    json!({"must": must})
}

/// A name that a path takes, for a model's.
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
        let mut filter = of(user, None);
        filter["must_not"] = json!([{"key": "nowhere", "match": {"value": true}}]);
        let body = json!({
            "query": to.as_slice(),
            "filter": filter,
            "limit": k.min(MOST_NEIGHBOURS),
            "with_payload": true,
            // One person's memories are few: comparing them all is as fast, and finds what the embedded store finds.
            "params": {"exact": true},
        });
        let nearest: Nearest = self.points("/query", &body).await?;
        let nearest = nearest.points.into_iter().map(|point| {
            let score = point.score.unwrap_or_default();
            Ok(RecalledMemory { memory: point.read(user)?.memory, score })
        });
        nearest.collect()
    }

    async fn memories(&self, user: UserId, filter: MemoryFilter) -> Result<(Vec<Memory>, usize), StoreError> {
        // Qdrant looks for whole words, and can't skip in an ordered list: what a person looks through is few enough to be
        // looked through here.
        let needle = filter.contains.map(|text| text.to_lowercase());
        let mut found = self.all(user, filter.memory_type.map(|kind| kind.as_str())).await?;
        found.retain(|stored| needle.as_ref().is_none_or(|needle| stored.memory.text.to_lowercase().contains(needle)));
        let total = found.len();
        let page = found.into_iter().skip(filter.offset).take(filter.limit).map(|stored| stored.memory);
        Ok((page.collect(), total))
    }

    async fn memory(&self, user: UserId, id: MemoryId) -> Result<Memory, StoreError> {
        let found: Vec<Point> = self.points("", &json!({"ids": [id], "with_payload": true})).await?;
        let point = found.into_iter().next().ok_or(MISSING)?;
        point.read(user).map(|stored| stored.memory)
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
        let _: Value = self.points("/delete?wait=true", &json!({"points": [id]})).await?;
        Ok(())
    }

    async fn delete_all_memories(&self, user: UserId) -> Result<usize, StoreError> {
        let filter = of(user, None);
        let counted: Counted = self.points("/count", &json!({"filter": filter, "exact": true})).await?;
        let _: Value = self.points("/delete?wait=true", &json!({"filter": filter})).await?;
        Ok(counted.count)
    }
}
