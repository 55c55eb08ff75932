//! What outlives the process. The only room that knows SQL and Qdrant.

mod backup;
mod blobs;
mod error;
mod lock;
mod ports;
mod qdrant;
mod sqlite;

pub use backup::{BackupSummary, RestoreSummary, back_up, back_up_daily, new_backup_name, restore};
pub use blobs::FileBlobs;
pub use error::StoreError;
pub use lock::DataDirLock;
pub use ports::{
    Blob, BlobScope, BlobStore, Checkpoint, CheckpointStore, JobRunStore, MemoryChange, MemoryFilter, MemoryStore,
    NewBlob, NewCheckpoint, NewMemory, SessionStore,
};
pub use qdrant::QdrantMemories;
pub use sqlite::SqliteStore;
