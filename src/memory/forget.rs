//! Forgetting what a person wishes forgotten.

use tokio_util::sync::CancellationToken;

use super::judgement::{MOST_SHOWN, share_a_word};
use super::{Memories, MemoryError};
use crate::domain::ids::UserId;
use crate::domain::memory::{Memory, RecalledMemory};
use crate::language::en::forgetting::{Wish, wish};
use crate::store::MemoryFilter;

/// Cosine from which a memory is what was meant, whatever words it has: by the rules, and where a judge says so.
const MEANT: f32 = 0.5;
const MEANT_AS_JUDGED: f32 = 0.25;
/// Cosine from which a word in common is enough.
const MEANT_WITH_A_WORD: f32 = 0.1;
/// Cosine from which a memory is what a whole sentence said, which the person then took back.
const TAKEN_BACK: f32 = 0.45;

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
            Some(Wish::About(words)) => Some((words, MEANT_WITH_A_WORD)),
            Some(Wish::Sentence(words)) => Some((words, TAKEN_BACK)),
        };
        let meant = match about {
            None => {
                let newest = MemoryFilter { limit: 1, ..MemoryFilter::default() };
                self.store.memories(user, newest).await?.0
            }
            Some((words, least)) => self.meant(user, &words, least, cancel).await?,
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
        least: f32,
        cancel: CancellationToken,
    ) -> Result<Vec<Memory>, MemoryError> {
        let mut near = self.store.nearest_memories(user, &self.embed(words).await?, MOST_SHOWN).await?;
        near.retain(|near| near.score >= least);
        if near.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(judge) = &self.judge {
            let known: Vec<Memory> = near.iter().map(|near| near.memory.clone()).collect();
            match judge.meant(words, &known, cancel).await {
                Ok(ids) if !ids.is_empty() => {
                    near.retain(|near| ids.contains(&near.memory.id) && is_meant(near, words, MEANT_AS_JUDGED));
                    return Ok(near.into_iter().map(|near| near.memory).collect());
                }
                Ok(_) => {
                    near.retain(|near| share_a_word(words, &near.memory.text));
                    return Ok(near.into_iter().map(|near| near.memory).collect());
                }
                Err(error) => tracing::warn!(error = %error, "no judgement of what is to be forgotten: by words"),
            }
        }
        Ok(near.into_iter().filter(|near| is_meant(near, words, MEANT)).map(|near| near.memory).collect())
    }
}

fn is_meant(near: &RecalledMemory, words: &str, meant: f32) -> bool {
    near.score >= meant || share_a_word(words, &near.memory.text)
}
