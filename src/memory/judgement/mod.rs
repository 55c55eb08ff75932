//! What a message changes among a person's memories, judged by a model whose answer is constrained; what it proposes
//! must be borne out by the person's own words.

mod format;
mod grounding;
mod prompt;

use std::sync::Arc;

use jiff::Zoned;
use tokio_util::sync::CancellationToken;

use crate::domain::ids::MemoryId;
use crate::domain::memory::{Memory, MemoryType};
use crate::language::en::dates;
use crate::providers::ProviderError;
use crate::providers::llm::{ChatMessage, GenerationRequest, LanguageModel, ReplyFormat, Sampling, collect};

pub(super) use grounding::is_grounded;

/// What becomes of the memories.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Operation {
    Add { memory_type: MemoryType, text: String },
    Update { id: MemoryId, memory_type: MemoryType, text: String },
    Delete { id: MemoryId },
}

/// A message as it is judged.
pub(super) struct Told<'a> {
    /// The sentences that may tell of the person.
    pub(super) statements: &'a [String],
    /// The memories that they may bear on; at most [`MOST_NOTES`] are shown.
    pub(super) known: &'a [Memory],
    /// When it was said, in the person's time zone.
    pub(super) at: &'a Zoned,
}

/// Memories that a judgement is shown.
pub(super) const MOST_NOTES: usize = 8;

/// The beginnings of its prompts.
const CHANGES: &str = "memory changes";
const FORGETTING: &str = "forgetting";

/// For about three notes.
const MOST_TOKENS: usize = 160;

pub(super) struct Judge {
    llm: Arc<dyn LanguageModel>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum JudgementError {
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// Never carries what stood there: it may be someone's words.
    #[error("the judgement is not what was asked for: {0}")]
    Invalid(String),
}

impl Judge {
    pub(super) fn new(llm: Arc<dyn LanguageModel>) -> Self {
        Self { llm }
    }

    /// Computes the beginnings of its prompts, so that the first judgement is as fast as the next.
    ///
    /// # Errors
    /// The model's own; nothing is lost but the head start.
    pub(super) async fn prepare(&self) -> Result<(), ProviderError> {
        for (messages, prefix) in
            [(prompt::changes_beginning(), CHANGES), (prompt::forgetting_beginning(), FORGETTING)]
        {
            let request = self.request(messages, None, prefix, CancellationToken::new());
            self.llm.prepare(&request).await?;
        }
        Ok(())
    }

    /// What `told` changes. Only what its own words bear out.
    ///
    /// # Errors
    /// The model's own, and `Invalid` for an answer that breaks the format.
    pub(super) async fn changes(
        &self,
        told: &Told<'_>,
        cancel: CancellationToken,
    ) -> Result<Vec<Operation>, JudgementError> {
        let known = &told.known[..told.known.len().min(MOST_NOTES)];
        // Resolved by code: a small model counts days wrong.
        let said: Vec<String> =
            told.statements.iter().map(|statement| dates::make_absolute(statement, told.at)).collect();
        let said = said.join(" ");
        let messages = prompt::changes(&said, known, told.at);
        let answer = self.ask(messages, format::changes(known.len()), CHANGES, cancel).await?;
        let proposed = format::read_changes(&answer, known).map_err(JudgementError::Invalid)?;
        Ok(proposed.into_iter().filter(|operation| is_borne_out(operation, &said, known)).collect())
    }

    /// Which of `known` a person's `wish` to have something forgotten means.
    ///
    /// # Errors
    /// As [`Judge::changes`].
    pub(super) async fn meant(
        &self,
        wish: &str,
        known: &[Memory],
        cancel: CancellationToken,
    ) -> Result<Vec<MemoryId>, JudgementError> {
        let known = &known[..known.len().min(MOST_NOTES)];
        let messages = prompt::forgetting(wish, known);
        let answer = self.ask(messages, format::numbers(known.len()), FORGETTING, cancel).await?;
        format::read_numbers(&answer, known).map_err(JudgementError::Invalid)
    }

    async fn ask(
        &self,
        messages: Vec<ChatMessage>,
        format: ReplyFormat,
        prefix: &'static str,
        cancel: CancellationToken,
    ) -> Result<String, JudgementError> {
        let request = self.request(messages, Some(format), prefix, cancel);
        let stream = self.llm.stream(request).await?;
        Ok(collect(self.llm.describe().backend, stream).await?.text)
    }

    fn request(
        &self,
        messages: Vec<ChatMessage>,
        format: Option<ReplyFormat>,
        prefix: &'static str,
        cancel: CancellationToken,
    ) -> GenerationRequest {
        GenerationRequest {
            messages,
            session: None,
            prefix: Some(prefix),
            max_tokens: MOST_TOKENS,
            sampling: Sampling { temperature: 0.0, repeat_penalty: 1.0, ..Sampling::default() },
            format,
            plain: false,
            stop: Vec::new(),
            cancel,
        }
    }
}

fn is_borne_out(operation: &Operation, said: &str, known: &[Memory]) -> bool {
    let old = |id: &MemoryId| known.iter().find(|memory| memory.id == *id).map(|memory| memory.text.as_str());
    match operation {
        Operation::Add { text, .. } => is_grounded(text, said, None),
        Operation::Update { id, text, .. } => is_grounded(text, said, old(id)),
        // Of what is deleted something must have been said.
        Operation::Delete { id } => old(id).is_some_and(|old| grounding::share_a_word(old, said)),
    }
}
