//! Forgetting what a person wishes forgotten.

use tokio_util::sync::CancellationToken;

use super::judgement::MOST_NOTES;
use super::{Memories, MemoryError};
use crate::domain::ids::UserId;
use crate::domain::memory::{Memory, RecalledMemory};
use crate::language::en::forgetting::{Wish, wish};
use crate::language::en::words::content_stems;
use crate::store::MemoryFilter;

/// Cosine from which a memory is what was meant, whatever words it has.
const MEANT: f32 = 0.5;
/// Cosine from which a word in common is enough.
const MEANT_WITH_A_WORD: f32 = 0.2;

/// What became of a wish to have something forgotten.
#[derive(Debug, Clone, PartialEq)]
pub enum Forgotten {
    /// So many memories: all that there were.
    Everything(usize),
    /// None where nothing of the kind was known.
    These(Vec<Memory>),
}

impl Memories {
    /// Deletes what `message` asks to have forgotten. `None` where it asks for nothing of the kind.
    ///
    /// # Errors
    /// Where the embedder or the store fails; what was deleted before stays deleted.
    pub async fn forget(
        &self,
        user: UserId,
        message: &str,
        cancel: CancellationToken,
    ) -> Result<Option<Forgotten>, MemoryError> {
        let about = match wish(message) {
            None => return Ok(None),
            Some(Wish::Everything) => return Ok(Some(Forgotten::Everything(self.delete_all(user).await?))),
            Some(Wish::Newest) => None,
            Some(Wish::About(words)) => Some(words),
        };
        let meant = match about {
            None => {
                let newest = MemoryFilter { limit: 1, ..MemoryFilter::default() };
                self.store.memories(user, newest).await?.0
            }
            Some(words) => self.meant(user, &words, cancel).await?,
        };
        for memory in &meant {
            self.store.delete_memory(user, memory.id).await?;
        }
        Ok(Some(Forgotten::These(meant)))
    }

    async fn meant(
        &self,
        user: UserId,
        words: &str,
        cancel: CancellationToken,
    ) -> Result<Vec<Memory>, MemoryError> {
        let near = self.store.nearest_memories(user, &self.embed(words).await?, MOST_NOTES).await?;
        if near.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(judge) = &self.judge {
            let known: Vec<Memory> = near.iter().map(|near| near.memory.clone()).collect();
            match judge.meant(words, &known, cancel).await {
                Ok(ids) => return Ok(known.into_iter().filter(|memory| ids.contains(&memory.id)).collect()),
                Err(error) => tracing::warn!(error = %error, "no judgement of what is to be forgotten: by words"),
            }
        }
        Ok(near.into_iter().filter(|near| is_meant(near, words)).map(|near| near.memory).collect())
    }
}

fn is_meant(near: &RecalledMemory, words: &str) -> bool {
    let known: Vec<String> = content_stems(&near.memory.text).collect();
    let shares = content_stems(words).any(|word| known.contains(&word));
    near.score >= MEANT || (shares && near.score >= MEANT_WITH_A_WORD)
}
