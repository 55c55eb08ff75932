//! Everybody's memories, embedded by another model: batch by batch, so that a process that ends takes at most one along.

use super::MemoryError;
use crate::providers::embeddings::Embedder;
use crate::store::Reembedding;

/// Memories of one batch: as many texts as a service takes in one call.
const BATCH: usize = 32;

/// Embeds every memory that the new model has not embedded yet, and returns how many these were; `tell` hears after each batch
/// how many are embedded in all. The switch is the caller's.
///
/// # Errors
/// Where the embedder or the store fails; what was embedded before is kept.
pub async fn embed_anew(
    place: &dyn Reembedding,
    embedder: &dyn Embedder,
    tell: &(dyn Fn(usize) + Sync),
) -> Result<usize, MemoryError> {
    let before = place.embedded().await?;
    tell(before);
    let mut done = 0;
    loop {
        let memories = place.unembedded(BATCH).await?;
        if memories.is_empty() {
            return Ok(done);
        }
        let count = memories.len();
        let texts = memories.iter().map(|memory| memory.text.clone()).collect();
        let embedded = embedder.embed(texts).await?;
        place.keep(memories.into_iter().zip(embedded.embeddings).collect()).await?;
        done += count;
        tell(before + done);
    }
}
