//! The memories of everyone: what to recall for a turn, what to keep of a message.

use std::sync::Arc;

use jiff::Zoned;
use tokio_util::sync::CancellationToken;

use super::MemoryError;
use super::extraction::{Extracted, Extractor};
use super::judgement::{Judge, JudgementError, Relation};
use super::reconcile::{Step, reconcile};
use crate::config::MemoryConfig;
use crate::domain::embedding::Embedding;
use crate::domain::ids::{SessionId, UserId};
use crate::domain::memory::{Memory, RecalledMemory};
use crate::domain::stage::EngineTiming;
use crate::language::en::dates;
use crate::providers::embeddings::Embedder;
use crate::providers::ProviderError;
use crate::providers::llm::LanguageModel;
use crate::store::{MemoryChange, MemoryStore, NewMemory};

/// What a message's nearness counts for, the newest first: what was said last is what the turn is about, and the
/// messages before it tell who "she" is.
const WEIGHTS: [f32; 3] = [1.0, 0.85, 0.7];

/// Stored memories that a new one is compared with.
const COMPARED: usize = 5;

/// Cosine below which two memories can't be of one matter.
const MAY_BEAR_ON: f32 = 0.2;

/// Policy over one store and one embedder. Every call names the user, and touches no one else's memories.
pub struct Memories {
    pub(super) store: Arc<dyn MemoryStore>,
    pub(super) embedder: Arc<dyn Embedder>,
    extractor: Extractor,
    /// `None`: the rules judge.
    pub(super) judge: Option<Judge>,
    config: MemoryConfig,
}

/// Something that a person said, to be considered.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// In one of Rose's own sessions, or elsewhere.
    pub session: Option<SessionId>,
    pub message: &'a str,
    /// When, in the person's time zone.
    pub at: &'a Zoned,
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

impl Memories {
    /// `judge` judges what is worth keeping; without it the rules do. `name` is the character's, whom the person may
    /// speak to by it.
    pub fn new(
        store: Arc<dyn MemoryStore>,
        embedder: Arc<dyn Embedder>,
        judge: Option<Arc<dyn LanguageModel>>,
        name: &str,
        config: MemoryConfig,
    ) -> Self {
        let extractor = Extractor::new(Arc::clone(&embedder), name);
        Self { store, embedder, extractor, judge: judge.map(Judge::new), config }
    }

    /// Lets the judge compute what its prompts begin with.
    pub async fn prepare(&self) {
        if let Some(judge) = &self.judge
            && let Err(error) = judge.prepare().await
        {
            tracing::debug!(error = %error, "the judgement's prompts were not prepared");
        }
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

    /// Keeps what a person's own words say of them, if they say anything. What is known already is not stored twice;
    /// what contradicts a memory takes its place. Where the judge fails, answers otherwise than asked, or `hurry` says
    /// that someone waits, the rules judge. Returns what was written.
    ///
    /// # Errors
    /// Where the embedder or the store fails; what was written before stays.
    pub async fn consider(
        &self,
        user: UserId,
        said: Said<'_>,
        hurry: CancellationToken,
    ) -> Result<Vec<Memory>, MemoryError> {
        if let Some(judge) = &self.judge {
            match self.judged(judge, said, hurry.clone()).await {
                Ok(found) => return self.keep_all(user, said, found, Some((judge, hurry))).await,
                Err(JudgementError::Provider(ProviderError::Cancelled)) => {
                    tracing::debug!("the next turn waits: the rules judge what was said");
                }
                Err(error) => tracing::warn!(error = %error, "no judgement of what was said: the rules judge it"),
            }
        }
        let found = self.extractor.extract(said.message).await?;
        self.keep_all(user, said, found, None).await
    }

    /// What the judge finds worth keeping. Before a judge that needs them stand the rules: what they are sure of is kept or
    /// dropped by them.
    async fn judged(
        &self,
        judge: &Judge,
        said: Said<'_>,
        hurry: CancellationToken,
    ) -> Result<Vec<Extracted>, JudgementError> {
        let (mut found, doubtful) = match judge.judges_alone() {
            true => (Vec::new(), self.extractor.statements(said.message)),
            false => self.extractor.parted(said.message),
        };
        if !doubtful.is_empty() {
            found.extend(judge.notes(&doubtful, said.at, hurry).await?);
        }
        Ok(found)
    }

    async fn keep_all(
        &self,
        user: UserId,
        said: Said<'_>,
        found: Vec<Extracted>,
        judge: Option<(&Judge, CancellationToken)>,
    ) -> Result<Vec<Memory>, MemoryError> {
        let mut written = Vec::new();
        for mut new in found {
            new.text = dates::make_absolute(&new.text, said.at);
            written.extend(self.keep(user, said.session, new, judge.as_ref()).await?);
        }
        Ok(written)
    }

    async fn keep(
        &self,
        user: UserId,
        session: Option<SessionId>,
        new: Extracted,
        judge: Option<&(&Judge, CancellationToken)>,
    ) -> Result<Option<Memory>, MemoryError> {
        let embedding = self.embed(&new.text).await?;
        let near = self.store.nearest_memories(user, &embedding, COMPARED).await?;
        let mut step = reconcile(&new.text, &near, self.config.duplicate);
        if let (Step::Store, Some((judge, hurry))) = (&step, judge) {
            step = relate(judge, &new.text, near, hurry.clone()).await;
        }
        Ok(match step {
            Step::Skip => None,
            Step::Replace { id, text } => {
                let embedding = if text == new.text { embedding } else { self.embed(&text).await? };
                let change = MemoryChange { text, memory_type: new.memory_type, embedding };
                Some(self.store.change_memory(user, id, change).await?)
            }
            Step::Store => {
                let memory = NewMemory {
                    user_id: user,
                    session_id: session,
                    text: new.text,
                    memory_type: new.memory_type,
                    embedding,
                };
                Some(self.store.insert_memory(memory).await?)
            }
        })
    }

    pub(super) async fn embed(&self, text: &str) -> Result<Embedding, MemoryError> {
        let embedded = self.embedder.embed(vec![text.to_owned()]).await?;
        Ok(embedded.embeddings.into_iter().next().expect("one embedding for each text"))
    }
}

/// What the judge makes of a memory that the rules find new. Where it fails, the rules are right.
async fn relate(judge: &Judge, new: &str, mut near: Vec<RecalledMemory>, hurry: CancellationToken) -> Step {
    near.retain(|near| near.score >= MAY_BEAR_ON);
    if near.is_empty() {
        return Step::Store;
    }
    match judge.relation(new, &near, hurry).await {
        Ok(Relation::Same(_)) => Step::Skip,
        Ok(Relation::Changed(id)) => Step::Replace { id, text: new.to_owned() },
        Ok(Relation::None) => Step::Store,
        Err(error) => {
            tracing::debug!(error = %error, "no judgement of what a memory changes");
            Step::Store
        }
    }
}
