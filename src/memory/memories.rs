//! The memories of everyone: what to recall for a turn, what to keep of a message.

use std::sync::Arc;

use super::MemoryError;
use super::extraction::{Extracted, Extractor};
use super::reconcile::{Step, reconcile};
use crate::config::MemoryConfig;
use crate::domain::embedding::Embedding;
use crate::domain::ids::{SessionId, UserId};
use crate::domain::memory::{Memory, RecalledMemory};
use crate::domain::stage::EngineTiming;
use crate::providers::embeddings::Embedder;
use crate::store::{MemoryChange, MemoryStore, NewMemory};

/// What a message's nearness counts for, the newest first: what was said last is what the turn is about, and the
/// messages before it tell who "she" is.
const WEIGHTS: [f32; 3] = [1.0, 0.85, 0.7];

/// Stored memories that a new one is compared with.
const COMPARED: usize = 5;

/// Policy over one store and one embedder. Every call names the user, and touches no one else's memories.
pub struct Memories {
    pub(super) store: Arc<dyn MemoryStore>,
    pub(super) embedder: Arc<dyn Embedder>,
    extractor: Extractor,
    config: MemoryConfig,
}

/// What a turn may draw on.
#[derive(Debug, Clone, PartialEq)]
pub struct Recalled {
    /// Nearest first; at most as many as the config says, none below its floor.
    pub memories: Vec<RecalledMemory>,
    /// Of the newest message, for whoever needs it next. `None` where there was no message.
    pub newest: Option<Embedding>,
    pub timing: EngineTiming,
}

/// A memory that `consider` wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    pub memory: Memory,
    /// It took the place of an older one, which it corrects.
    pub corrected: bool,
}

impl Memories {
    pub fn new(store: Arc<dyn MemoryStore>, embedder: Arc<dyn Embedder>, config: MemoryConfig) -> Self {
        Self { store, extractor: Extractor::new(Arc::clone(&embedder)), embedder, config }
    }

    /// What this person told that the last of `recent_messages` (oldest first) call to mind.
    ///
    /// # Errors
    /// Where the embedder or the store fails.
    pub async fn recall(&self, user: UserId, recent_messages: &[String]) -> Result<Recalled, MemoryError> {
        let texts: Vec<String> = recent_messages.iter().rev().take(WEIGHTS.len()).cloned().collect();
        let embedded = self.embedder.embed(texts).await?;
        let mut found: Vec<RecalledMemory> = Vec::new();
        for (embedding, weight) in embedded.embeddings.iter().zip(WEIGHTS) {
            for mut near in self.store.nearest_memories(user, embedding, self.config.recall).await? {
                near.score *= weight;
                match found.iter_mut().find(|other| other.memory.id == near.memory.id) {
                    Some(other) => other.score = other.score.max(near.score),
                    None => found.push(near),
                }
            }
        }
        found.retain(|memory| memory.score >= self.config.recall_floor);
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        found.truncate(self.config.recall);
        Ok(Recalled { memories: found, newest: embedded.embeddings.into_iter().next(), timing: embedded.timing })
    }

    /// Keeps what the person's own `message` says of them, if it says anything. What is known already is not stored
    /// twice; what contradicts a memory takes its place. `session` is where it was said, if it was in one of Rose's own.
    ///
    /// # Errors
    /// Where the embedder or the store fails; what was written before stays.
    pub async fn consider(
        &self,
        user: UserId,
        session: impl Into<Option<SessionId>>,
        message: &str,
    ) -> Result<Vec<Kept>, MemoryError> {
        let session = session.into();
        let extracted = self.extractor.extract(message).await?;
        let mut kept = Vec::new();
        for new in extracted {
            kept.extend(self.keep(user, session, new).await?);
        }
        Ok(kept)
    }

    async fn keep(
        &self,
        user: UserId,
        session: Option<SessionId>,
        new: Extracted,
    ) -> Result<Option<Kept>, MemoryError> {
        let embedding = self.embed(&new.text).await?;
        let near = self.store.nearest_memories(user, &embedding, COMPARED).await?;
        match reconcile(&new.text, &near, self.config.duplicate) {
            Step::Skip => Ok(None),
            Step::Replace { id, text } => {
                let embedding = if text == new.text { embedding } else { self.embed(&text).await? };
                let change = MemoryChange { text, memory_type: new.memory_type, embedding };
                let memory = self.store.change_memory(user, id, change).await?;
                Ok(Some(Kept { memory, corrected: true }))
            }
            Step::Store => {
                let memory = NewMemory {
                    user_id: user,
                    session_id: session,
                    text: new.text,
                    memory_type: new.memory_type,
                    embedding,
                };
                Ok(Some(Kept { memory: self.store.insert_memory(memory).await?, corrected: false }))
            }
        }
    }

    pub(super) async fn embed(&self, text: &str) -> Result<Embedding, MemoryError> {
        let embedded = self.embedder.embed(vec![text.to_owned()]).await?;
        Ok(embedded.embeddings.into_iter().next().expect("one embedding for each text"))
    }
}
