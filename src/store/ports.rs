//! The traits behind which a store stands.

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

use super::StoreError;
use crate::domain::danger::{Alarm, Counted};
use crate::domain::embedding::Embedding;
use crate::domain::ids::{BlobId, CheckpointId, MemoryId, SessionId, UserId};
use crate::domain::memory::{Memory, MemoryType, RecalledMemory};
use crate::domain::person::Profile;
use crate::domain::session::Session;

/// Every call names the user; another's session is `NotFound`.
#[async_trait]
pub trait SessionStore: Send + Sync {
    async fn create_session(&self, user: UserId) -> Result<Session, StoreError>;
    async fn session(&self, user: UserId, id: SessionId) -> Result<Session, StoreError>;
    /// Newest activity first.
    async fn sessions(&self, user: UserId, limit: usize, offset: usize) -> Result<Vec<Session>, StoreError>;
    async fn rename_session(&self, user: UserId, id: SessionId, title: &str) -> Result<Session, StoreError>;
    /// Marks activity now.
    async fn touch_session(&self, id: SessionId) -> Result<(), StoreError>;
    /// With its checkpoints and blobs; memories stay.
    async fn delete_session(&self, user: UserId, id: SessionId) -> Result<(), StoreError>;
    /// Deletes sessions idle since before `before`; returns how many.
    async fn delete_idle_sessions(&self, before: Timestamp) -> Result<usize, StoreError>;
}

/// A conversation's state after a node.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    pub thread_id: SessionId,
    pub checkpoint_id: CheckpointId,
    pub parent_checkpoint_id: Option<CheckpointId>,
    /// The graph's versioned state.
    pub checkpoint: serde_json::Value,
    /// Which node made it, in which turn.
    pub metadata: serde_json::Value,
}

#[derive(Debug, Clone, PartialEq)]
pub struct NewCheckpoint {
    pub thread_id: SessionId,
    pub checkpoint_id: CheckpointId,
    pub parent_checkpoint_id: Option<CheckpointId>,
    pub checkpoint: serde_json::Value,
    pub metadata: serde_json::Value,
}

#[async_trait]
pub trait CheckpointStore: Send + Sync {
    /// Durable once it returns, whatever becomes of the process. What a power cut may take is the store's to say.
    ///
    /// # Errors
    /// `NotFound` where the thread's session is gone.
    async fn save_checkpoint(&self, checkpoint: NewCheckpoint) -> Result<(), StoreError>;
    async fn latest_checkpoint(&self, thread: SessionId) -> Result<Option<Checkpoint>, StoreError>;
    /// Newest first.
    async fn checkpoints(&self, thread: SessionId, limit: usize) -> Result<Vec<Checkpoint>, StoreError>;
    /// Keeps the newest `keep` of a thread; returns how many went.
    async fn prune_checkpoints(&self, thread: SessionId, keep: usize) -> Result<usize, StoreError>;
    /// Threads whose newest checkpoint's metadata has `"finished": false`: a turn was cut off there.
    async fn unfinished_threads(&self) -> Result<Vec<SessionId>, StoreError>;
}

#[derive(Debug, Clone, PartialEq)]
pub struct NewMemory {
    pub user_id: UserId,
    pub session_id: Option<SessionId>,
    pub text: String,
    pub memory_type: MemoryType,
    pub embedding: Embedding,
}

/// What an owner lists.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MemoryFilter {
    /// Only memories whose text contains this, case ignored.
    pub contains: Option<String>,
    pub memory_type: Option<MemoryType>,
    pub limit: usize,
    pub offset: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub struct MemoryChange {
    pub text: String,
    pub memory_type: MemoryType,
    pub embedding: Embedding,
}

/// Every call names the user; another's memory is `NotFound` and never found.
#[async_trait]
pub trait MemoryStore: Send + Sync {
    async fn insert_memory(&self, memory: NewMemory) -> Result<Memory, StoreError>;
    /// The `k` nearest by cosine, nearest first.
    async fn nearest_memories(&self, user: UserId, to: &Embedding, k: usize)
    -> Result<Vec<RecalledMemory>, StoreError>;
    /// Newest first, with the count of all that match.
    async fn memories(&self, user: UserId, filter: MemoryFilter) -> Result<(Vec<Memory>, usize), StoreError>;
    async fn memory(&self, user: UserId, id: MemoryId) -> Result<Memory, StoreError>;
    async fn change_memory(&self, user: UserId, id: MemoryId, change: MemoryChange) -> Result<Memory, StoreError>;
    async fn delete_memory(&self, user: UserId, id: MemoryId) -> Result<(), StoreError>;
    /// Returns how many went.
    async fn delete_all_memories(&self, user: UserId) -> Result<usize, StoreError>;
}

/// The model that embedded what a store holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredModel {
    /// As far as the store knows its name.
    pub model: String,
    pub dimension: usize,
    /// How many memories it embedded.
    pub memories: usize,
}

/// Everybody's memories, embedded by another model in a place beside the one that answers, which it takes once all are there.
/// What is kept outlives the process: a later one goes on from there.
#[async_trait]
pub trait Reembedding: Send + Sync {
    /// The model that answers until then.
    fn from(&self) -> &StoredModel;
    /// How many are embedded already.
    async fn embedded(&self) -> Result<usize, StoreError>;
    /// At most `limit` memories that the new model has not embedded as they are now; none where all are.
    async fn unembedded(&self, limit: usize) -> Result<Vec<Memory>, StoreError>;
    /// Keeps the new embeddings. One whose memory is gone or says something else by now is dropped.
    ///
    /// # Errors
    /// `Dimension` where one is not as wide as it was said.
    async fn keep(&self, embedded: Vec<(Memory, Embedding)>) -> Result<(), StoreError>;
    /// The new embeddings take the place of the old ones in one step, and these are deleted. Nothing else may use the store
    /// meanwhile. Returns how many there are.
    ///
    /// # Errors
    /// `Incomplete` where one is missing, `InUse` where a server has the data folder; nothing has changed then.
    async fn switch(&self) -> Result<usize, StoreError>;
}

#[derive(Debug, Clone, PartialEq)]
pub struct NewBlob {
    pub user_id: UserId,
    pub session_id: Option<SessionId>,
    pub media_type: String,
    pub bytes: Bytes,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Blob {
    pub id: BlobId,
    pub media_type: String,
    pub bytes: Bytes,
    pub created_at: Timestamp,
}

/// Recordings and pictures. Every read names the user.
#[async_trait]
pub trait BlobStore: Send + Sync {
    async fn put_blob(&self, blob: NewBlob) -> Result<BlobId, StoreError>;
    async fn blob(&self, user: UserId, id: BlobId) -> Result<Blob, StoreError>;
    /// All of a person's, the oldest first.
    async fn blobs_of(&self, user: UserId) -> Result<Vec<BlobId>, StoreError>;
    /// Deletes the blobs of `scope` that were made before `before`; returns how many.
    async fn delete_old_blobs(&self, scope: BlobScope, before: Timestamp) -> Result<usize, StoreError>;
}

/// What a cleanup goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobScope {
    /// Recordings and spoken replies. Pictures stay: they are part of a conversation's history.
    Audio,
    /// What belongs to no session, and would otherwise never go.
    Unattached,
}

/// What becomes of a profile.
pub type ProfileChange = Box<dyn FnOnce(&mut Profile) + Send>;

/// What is known of people beyond their conversations.
#[async_trait]
pub trait PeopleStore: Send + Sync {
    /// An empty one where nothing is known.
    async fn profile(&self, user: UserId) -> Result<Profile, StoreError>;
    /// Reads, changes and writes in one step; returns what came of it.
    async fn change_profile(&self, user: UserId, change: ProfileChange) -> Result<Profile, StoreError>;
    /// Everything that is theirs: conversations, recordings and pictures, memories, profile. Backups are not touched.
    async fn delete_person(&self, user: UserId) -> Result<(), StoreError>;
}

/// How often care answered, without anybody's words.
#[async_trait]
pub trait CareCounts: Send + Sync {
    async fn count_alarm(&self, day: jiff::civil::Date, alarm: Alarm) -> Result<(), StoreError>;
    /// By day.
    async fn counted(&self, year: i16) -> Result<Vec<Counted>, StoreError>;
}

/// When each job last finished, so that one missed while the process was down is made up for.
#[async_trait]
pub trait JobRunStore: Send + Sync {
    async fn last_run(&self, job: &str) -> Result<Option<Timestamp>, StoreError>;
    async fn record_run(&self, job: &str, at: Timestamp) -> Result<(), StoreError>;
}
