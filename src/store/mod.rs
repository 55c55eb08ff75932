//! What outlives the process. The only room that knows SQL and Qdrant.

mod backup;
mod blobs;
mod error;
mod lock;
mod ports;
mod qdrant;
mod sqlite;

pub use backup::{
    BackupSummary, KEEP_BACKUPS, RestoreSummary, back_up, back_up_daily, forget_in_backups, new_backup_name, restore,
};
pub use blobs::FileBlobs;
pub use error::StoreError;
pub use lock::DataDirLock;
pub use ports::{
    Blob, BlobScope, BlobStore, CareCounts, Checkpoint, CheckpointStore, JobRunStore, MemoryChange, MemoryFilter,
    MemoryStore, NewBlob, NewCheckpoint, NewMemory, PeopleStore, ProfileChange, Reembedding, SessionStore, StoredModel,
};
pub use qdrant::{QdrantFault, QdrantMemories, QdrantReembedding, ask_qdrant};
pub use sqlite::{SqliteReembedding, SqliteStore};
