//! The memories of everyone: what to recall for a turn, what to keep of a message.

use std::sync::Arc;

use jiff::Zoned;
use tokio_util::sync::CancellationToken;

use super::MemoryError;
use super::extraction::{Extracted, Extractor, Parted};
use super::judgement::{Judge, JudgementError, Relation, share_a_word};
use super::reconcile::{Step, reconcile};
use crate::config::MemoryConfig;
use crate::domain::embedding::Embedding;
use crate::domain::ids::{SessionId, UserId};
use crate::domain::memory::{Memory, MemoryType, RecalledMemory};
use crate::domain::stage::EngineTiming;
use crate::language::en::dates;
use crate::providers::ProviderError;
use crate::providers::embeddings::Embedder;
use crate::providers::llm::LanguageModel;
use crate::store::{MemoryChange, MemoryStore, NewMemory};

/// What a message's nearness counts for, the newest first: what was said last is what the turn is about, and the
/// messages before it tell who "she" is.
const WEIGHTS: [f32; 3] = [1.0, 0.85, 0.7];

/// Stored memories that a new one is compared with.
const COMPARED: usize = 5;

/// Cosine below which two memories can't be of one matter.
const MAY_BEAR_ON: f32 = 0.2;

/// The same where a message is not of the person, and may only correct.
const CORRECTS: f32 = 0.3;

/// A longer message tells, and corrects nothing.
const MOST_WORDS_OF_A_CORRECTION: usize = 30;

/// Beside others, a note of so few words says nothing.
const LEAST_WORDS_BESIDE_OTHERS: usize = 3;

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
                Ok(judged) => return self.keep_judged(user, said, judged, judge, hurry).await,
                Err(JudgementError::Provider(ProviderError::Cancelled)) => {
                    tracing::debug!("the next turn waits: the rules judge what was said");
                }
                Err(error) => tracing::warn!(error = %error, "no judgement of what was said: the rules judge it"),
            }
        }
        let mut written = Vec::new();
        for mut new in self.extractor.extract(said.message).await? {
            new.text = dates::make_absolute(&new.text, said.at);
            written.extend(self.keep(user, said.session, new, None).await?);
        }
        Ok(written)
    }

    /// What the judge finds worth keeping. Before a judge that needs them stand the rules: what they are sure of is kept or
    /// dropped by them.
    async fn judged(&self, judge: &Judge, said: Said<'_>, hurry: CancellationToken) -> Result<Parted, JudgementError> {
        let mut parted = match judge.judges_alone() {
            true => Parted { doubtful: self.extractor.statements(said.message), ..Parted::default() },
            false => self.extractor.parted(said.message),
        };
        if !parted.doubtful.is_empty() {
            parted.certain.extend(judge.notes(&parted.doubtful, said.at, hurry).await?);
        }
        Ok(parted)
    }

    async fn keep_judged(
        &self,
        user: UserId,
        said: Said<'_>,
        judged: Parted,
        judge: &Judge,
        hurry: CancellationToken,
    ) -> Result<Vec<Memory>, MemoryError> {
        let whole = dates::make_absolute(&judged.whole, said.at);
        let mut found = judged.certain;
        if found.len() > 1 {
            // "They have moved." tells nothing beside where to.
            found.retain(|new| new.text.split_whitespace().count() > LEAST_WORDS_BESIDE_OTHERS);
        }
        let several = found.len() > 1;
        let mut written = Vec::new();
        for mut new in found {
            new.text = dates::make_absolute(&new.text, said.at);
            // What it corrects may stand in another clause: "I left the bank, I'm a gardener now."
            let context = if several || whole.is_empty() { new.text.clone() } else { whole.clone() };
            let related = Related { judge, context: &context, hurry: hurry.clone() };
            written.extend(self.keep(user, said.session, new, Some(related)).await?);
        }
        if written.is_empty() && !whole.is_empty() && !several {
            written.extend(self.correct(user, &whole, judge, hurry).await?);
        }
        Ok(written)
    }

    /// Something that the rules find nothing in may yet say that a memory is no longer right: "Pickle died last night."
    async fn correct(
        &self,
        user: UserId,
        whole: &str,
        judge: &Judge,
        hurry: CancellationToken,
    ) -> Result<Option<Memory>, MemoryError> {
        if whole.split_whitespace().count() > MOST_WORDS_OF_A_CORRECTION {
            return Ok(None);
        }
        let embedding = self.embed(whole).await?;
        let mut near = self.store.nearest_memories(user, &embedding, COMPARED).await?;
        near.retain(|near| near.score >= CORRECTS && share_a_word(&near.memory.text, whole));
        if near.is_empty() {
            return Ok(None);
        }
        match judge.relation(whole, &near, hurry).await {
            Ok(Relation::Changed(id)) => {
                let memory_type = near.iter().find(|near| near.memory.id == id).map(|near| near.memory.memory_type);
                let memory_type = memory_type.unwrap_or(MemoryType::Fact);
                let change = MemoryChange { text: whole.to_owned(), memory_type, embedding };
                Ok(Some(self.store.change_memory(user, id, change).await?))
            }
            Ok(Relation::Same(_) | Relation::None) => Ok(None),
            Err(error) => {
                tracing::debug!(error = %error, "no judgement of what a message corrects");
                Ok(None)
            }
        }
    }

    async fn keep(
        &self,
        user: UserId,
        session: Option<SessionId>,
        new: Extracted,
        related: Option<Related<'_>>,
    ) -> Result<Option<Memory>, MemoryError> {
        let embedding = self.embed(&new.text).await?;
        let near = self.store.nearest_memories(user, &embedding, COMPARED).await?;
        let mut step = reconcile(&new.text, &near, self.config.duplicate);
        if let (Step::Store, Some(related)) = (&step, related) {
            step = related.step(&new.text, near).await;
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

/// Who is asked what a new memory is to those that are there.
struct Related<'a> {
    judge: &'a Judge,
    /// The new memory as it was said.
    context: &'a str,
    hurry: CancellationToken,
}

impl Related<'_> {
    /// Of a memory that the rules find new. Where the judge fails, the rules are right.
    async fn step(self, new: &str, mut near: Vec<RecalledMemory>) -> Step {
        near.retain(|near| near.score >= MAY_BEAR_ON);
        if near.is_empty() {
            return Step::Store;
        }
        match self.judge.relation(self.context, &near, self.hurry).await {
            Ok(Relation::Same(_)) => Step::Skip,
            Ok(Relation::Changed(id)) => Step::Replace { id, text: new.to_owned() },
            Ok(Relation::None) => Step::Store,
            Err(error) => {
                tracing::debug!(error = %error, "no judgement of what a memory changes");
                Step::Store
            }
        }
    }
}
