//! Memory policy: what to keep, what to recall. Knows no SQL and no prompt.

mod error;
mod extraction;
mod forget;
mod judgement;
mod memories;
mod owner;
mod reconcile;
mod reembed;

pub use error::MemoryError;
pub use extraction::{Extracted, Extractor, MAX_CHARS};
pub use forget::Forgotten;
pub use memories::{Memories, Recalled, Said};
pub use reembed::embed_anew;
