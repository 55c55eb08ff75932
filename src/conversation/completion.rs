//! One reply to messages that the caller keeps: no session, no graph. For a known person with what Rose remembers of them;
//! else the model alone.

use std::sync::Arc;

use futures::StreamExt;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::ConversationError;
use super::start::{Conversation, Inner};
use crate::domain::ids::UserId;
use crate::domain::message::Role;
use crate::domain::stage::EngineTiming;
use crate::graph::nodes::known_of_them;
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
        let danger = &inner.ports.character.danger;
        if let Some(kind) = danger.judge(&newest) {
            let said = request.messages.iter().filter(|message| message.role == Role::Assistant);
            let reply = danger.reply(kind, said.map(|message| message.text.as_str()));
            return Ok(prepared(reply));
        }
        let recalled = inner.ports.memories.recall(user, &told).await.map_err(of_memory)?;
        let known = known_of_them(recalled.memories.iter().map(|recalled| recalled.memory.text.as_str()));
        if request.messages.iter().all(|message| message.role != Role::System) {
            let character = &inner.ports.character;
            let persona = ChatMessage::new(Role::System, character.persona.clone());
            let beginning = std::iter::once(persona).chain(character.examples.iter().cloned());
            request.messages = beginning.chain(request.messages).collect();
        }
        if let (Some(known), Some(last)) =
            (known, request.messages.iter_mut().rev().find(|message| message.role == Role::User))
        {
            last.text = format!("({known})\n{}", last.text);
        }
        let stream = inner.ports.llm.stream(request).await?;
        Ok(remembering(stream, Arc::clone(inner), user, newest))
    }
}

/// The stream itself; once it has ended well, what the person said is considered.
fn remembering(stream: GenerationStream, inner: Arc<Inner>, user: UserId, message: String) -> GenerationStream {
    let mut told = Some(message);
    Box::pin(stream.inspect(move |item| {
        if !matches!(item, Ok(Delta::Done(_))) {
            return;
        }
        let Some(message) = told.take() else { return };
        let memories = Arc::clone(&inner.ports.memories);
        let at = (inner.ports.clock)();
        // The conversation is the caller's: its memories belong to no session of Rose's.
        inner.tasks.spawn(async move {
            let said = Said { session: None, message: &message, at: &at };
            if let Err(error) = memories.consider(user, said, CancellationToken::new()).await {
                warn!(error = %error, "what a person said could not be considered");
            }
        });
    }))
}

/// Words that no model writes.
fn prepared(reply: &str) -> GenerationStream {
    let usage = Usage {
        prompt_tokens: 0,
        computed_prompt_tokens: 0,
        completion_tokens: 0,
        finish: Finish::Stop,
        timing: EngineTiming::default(),
    };
    Box::pin(futures::stream::iter([Ok(Delta::Text(reply.to_owned())), Ok(Delta::Done(usage))]))
}

fn of_memory(error: MemoryError) -> ConversationError {
    match error {
        MemoryError::Provider(error) => error.into(),
        MemoryError::Store(error) => error.into(),
        MemoryError::Empty | MemoryError::TooLong { .. } => ConversationError::Graph(error.to_string()),
    }
}
