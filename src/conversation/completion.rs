//! One reply to messages that the caller keeps: no session, no graph. For a known person with what Rose remembers of them;
//! else the model alone.

use std::sync::Arc;

use futures::StreamExt;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::ConversationError;
use super::careful::{HeldTo, careful};
use super::start::{Conversation, Inner};
use crate::care::{Alarm, Layer, Level, Watch};
use crate::domain::ids::UserId;
use crate::domain::message::Role;
use crate::domain::stage::EngineTiming;
use crate::graph::nodes::{count_alarm, known_of_them};
use crate::memory::{MemoryError, Said};
use crate::providers::llm::{ChatMessage, Delta, Finish, GenerationRequest, GenerationStream, Usage};

impl Conversation {
    /// Starts a reply to `request`. Where `person` is known, Rose answers: in her character where the messages bring no
    /// other, with the memories that the person's last messages call to mind, with the prepared words where the last one
    /// speaks of danger; and what it says of them is kept once the reply is over.
    ///
    /// # Errors
    /// Where the memories can't be read or the model can't begin.
    pub async fn complete(
        &self,
        person: Option<UserId>,
        mut request: GenerationRequest,
    ) -> Result<GenerationStream, ConversationError> {
        let inner = &self.inner;
        let Some(user) = person else { return Ok(inner.ports.llm.stream(request).await?) };
        let told: Vec<String> = request
            .messages
            .iter()
            .filter(|message| message.role == Role::User && !message.text.trim().is_empty())
            .map(|message| message.text.clone())
            .collect();
        let Some(newest) = told.last().cloned() else { return Ok(inner.ports.llm.stream(request).await?) };
        let said: Vec<String> = request
            .messages
            .iter()
            .rev()
            .filter(|message| message.role == Role::Assistant)
            .map(|message| message.text.clone())
            .collect();
        let mut profile = inner.ports.people.profile(user).await?;
        profile.minor |= inner.ports.character.danger.says_under_age(&newest);
        let minor = inner.ports.is_minor(&profile);
        let answering = Arc::clone(inner);
        let alarmed = move |alarm: Alarm| {
            answering.count(alarm);
            answering.ports.answer(alarm, &profile, said.iter().map(String::as_str)).written
        };
        if let Some(kind) = inner.ports.character.danger.judge(&newest) {
            let alarm = Alarm { level: Level::Danger, kind, layer: Layer::Patterns };
            return Ok(prepared(&alarmed(alarm)));
        }
        let watch = inner.ports.care.watch(&told.iter().map(String::as_str).collect::<Vec<_>>());
        let recalled = inner.ports.memories.recall(user, &told).await.map_err(of_memory)?;
        let known = known_of_them(recalled.memories.iter().map(|recalled| recalled.memory.text.as_str()));
        if request.messages.iter().all(|message| message.role != Role::System) {
            let character = &inner.ports.character;
            let persona = ChatMessage::new(Role::System, character.persona.clone());
            let beginning = std::iter::once(persona).chain(character.examples.iter().cloned());
            request.messages = beginning.chain(request.messages).collect();
        }
        let guidance = inner.ports.character.guardrail.guidance();
        let notes = guidance.asked(&newest, minor).map(|topic| topic.note.clone()).filter(|note| !note.is_empty());
        let note: Vec<String> = known.into_iter().chain(notes).collect();
        if let Some(last) = request.messages.iter_mut().rev().find(|message| message.role == Role::User)
            && !note.is_empty()
        {
            last.text = format!("({})\n{}", note.join(" "), last.text);
        }
        let held_to = HeldTo { watch: watch.clone(), told, minor, formatted: request.format.is_some() };
        let stream = inner.ports.llm.stream(request).await?;
        let stream = careful(inner, stream, held_to, alarmed);
        Ok(remembering(stream, Arc::clone(inner), user, newest, watch))
    }
}

/// The stream itself; once it has ended well, what the person said is considered.
/// Nothing of a message that speaks of danger.
fn remembering(
    stream: GenerationStream,
    inner: Arc<Inner>,
    user: UserId,
    message: String,
    watch: Watch,
) -> GenerationStream {
    let mut told = Some(message);
    Box::pin(stream.inspect(move |item| {
        if !matches!(item, Ok(Delta::Done(_))) {
            return;
        }
        let Some(message) = told.take() else { return };
        let memories = Arc::clone(&inner.ports.memories);
        let at = (inner.ports.clock)();
        let watch = watch.clone();
        // The conversation is the caller's: its memories belong to no session of Rose's.
        inner.tasks.spawn(async move {
            if watch.verdict().await.is_some() {
                return;
            }
            let said = Said { session: None, message: &message, at: &at };
            if let Err(error) = memories.consider(user, said, CancellationToken::new()).await {
                warn!(error = %error, "what a person said could not be considered");
            }
        });
    }))
}

/// Words that no model writes.
fn prepared(reply: &str) -> GenerationStream {
    Box::pin(futures::stream::iter([Ok(Delta::Text(reply.to_owned())), Ok(Delta::Done(nothing_computed()))]))
}

pub(super) fn nothing_computed() -> Usage {
    Usage {
        prompt_tokens: 0,
        computed_prompt_tokens: 0,
        completion_tokens: 0,
        finish: Finish::Stop,
        timing: EngineTiming::default(),
    }
}

impl Inner {
    /// Counts an alarm of a door without a graph; the answer doesn't wait for it.
    fn count(self: &Arc<Self>, alarm: Alarm) {
        let inner = Arc::clone(self);
        self.tasks.spawn(async move { count_alarm(&inner.ports, alarm).await });
    }
}

fn of_memory(error: MemoryError) -> ConversationError {
    match error {
        MemoryError::Provider(error) => error.into(),
        MemoryError::Store(error) => error.into(),
        MemoryError::Empty | MemoryError::TooLong { .. } => ConversationError::Graph(error.to_string()),
    }
}
