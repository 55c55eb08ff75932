//! What outlives the process. The only room that knows SQL.

mod error;
mod ports;

pub use error::StoreError;
pub use ports::{
    Blob, BlobStore, Checkpoint, CheckpointStore, MemoryChange, MemoryFilter, MemoryStore, NewBlob, NewCheckpoint,
    NewMemory, SessionStore,
};
