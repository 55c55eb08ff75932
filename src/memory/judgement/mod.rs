//! What a message changes among a person's memories, judged by a model whose answers are constrained. What it writes must
//! be borne out by the person's own words.

mod format;
mod grounding;
mod prompt;

use std::sync::Arc;

use jiff::Zoned;
use tokio_util::sync::CancellationToken;

use crate::domain::ids::MemoryId;
use crate::domain::memory::{Memory, RecalledMemory};
use crate::language::en::{dates, words};
use crate::memory::extraction::Extracted;
use crate::providers::ProviderError;
use crate::providers::llm::{Ability, ChatMessage, GenerationRequest, LanguageModel, ReplyFormat, Sampling, collect};

pub(super) use grounding::share_a_word;

/// Memories that a judgement is shown.
pub(super) const MOST_SHOWN: usize = 8;

/// The beginnings of its prompts.
const NOTES: &str = "notes";
const MATTER: &str = "matter";
const FORGETTING: &str = "forgetting";

/// For about three notes.
const MOST_TOKENS: usize = 120;

/// What a new memory is to one that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    /// Both say the same.
    Same(MemoryId),
    /// The old one is no longer right.
    Changed(MemoryId),
    /// It stands beside all of them.
    None,
}

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

    /// Whether it needs no rules before it.
    pub(super) fn judges_alone(&self) -> bool {
        self.llm.ability() >= Ability::Strong
    }

    /// Computes the beginnings of its prompts, so that the first judgement is as fast as the next.
    ///
    /// # Errors
    /// The model's own; nothing is lost but the head start.
    pub(super) async fn prepare(&self) -> Result<(), ProviderError> {
        for (messages, prefix) in [
            (prompt::notes_beginning(), NOTES),
            (prompt::matter_beginning(), MATTER),
            (prompt::forgetting_beginning(), FORGETTING),
        ] {
            self.llm.prepare(&self.request(messages, None, prefix, CancellationToken::new())).await?;
        }
        Ok(())
    }

    /// What is worth keeping of the `statements`, said at that time. Only what they bear out.
    ///
    /// # Errors
    /// The model's own, and `Invalid` for an answer that breaks the format.
    pub(super) async fn notes(
        &self,
        statements: &[String],
        at: &Zoned,
        cancel: CancellationToken,
    ) -> Result<Vec<Extracted>, JudgementError> {
        // Resolved by code: a small model counts days wrong.
        let said: Vec<String> = statements.iter().map(|statement| dates::make_absolute(statement, at)).collect();
        let said = said.join(" ");
        let format = format::notes(words::is_english(&said));
        let answer = self.ask(prompt::notes(&said, at), format, NOTES, cancel).await?;
        let mut notes = format::read_notes(&answer).map_err(JudgementError::Invalid)?;
        notes.retain(|note| grounding::is_grounded(&note.text, &said));
        Ok(notes)
    }

    /// What the new memory is to those of `known`, the nearest first.
    ///
    /// # Errors
    /// As [`Judge::notes`].
    pub(super) async fn relation(
        &self,
        new: &str,
        known: &[RecalledMemory],
        cancel: CancellationToken,
    ) -> Result<Relation, JudgementError> {
        let known = &known[..known.len().min(MOST_SHOWN)];
        let texts: Vec<&str> = known.iter().map(|near| near.memory.text.as_str()).collect();
        let answer = self.ask(prompt::matter(new, &texts), format::matter(known.len()), MATTER, cancel).await?;
        format::read_matter(&answer, known).map_err(JudgementError::Invalid)
    }

    /// Which of `known` a person's `wish` to have something forgotten means.
    ///
    /// # Errors
    /// As [`Judge::notes`].
    pub(super) async fn meant(
        &self,
        wish: &str,
        known: &[Memory],
        cancel: CancellationToken,
    ) -> Result<Vec<MemoryId>, JudgementError> {
        let known = &known[..known.len().min(MOST_SHOWN)];
        let texts: Vec<&str> = known.iter().map(|memory| memory.text.as_str()).collect();
        let answer =
            self.ask(prompt::forgetting(wish, &texts), format::numbers(known.len()), FORGETTING, cancel).await?;
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
            tools: None,
            plain: false,
            stop: Vec::new(),
            cancel,
        }
    }
}
