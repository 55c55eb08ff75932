//! A model's judgement of a doubtful message: is a picture asked for, a spoken reply, or neither?

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::domain::message::Role;
use crate::domain::route::Route;
use crate::providers::ProviderError;
use crate::providers::llm::{ChatMessage, GenerationRequest, LanguageModel, ReplyFormat, Sampling, collect};

const TASK: &str = "\
Decide what a message to a voice companion asks for. image: that she makes or draws a picture now. audio: that she says, \
reads or sings something aloud, or lets her voice be heard. conversation: anything else, such as a talk about pictures, \
songs or voices, or drawing and painting that the person or someone else does. Answer as JSON.";

const EXAMPLES: &[(&str, Route)] = &[
    ("Paint me a meadow in the morning.", Route::Image),
    ("My daughter drew a lovely picture of our house.", Route::Conversation),
    ("Could you read that poem out to me?", Route::Audio),
    ("Run me a warm bath.", Route::Conversation),
    ("I'd love to see what that dragon looks like, make me an image.", Route::Image),
    ("What colour should we paint the bedroom?", Route::Conversation),
    ("Sing something for me.", Route::Audio),
    ("Talk to me about my father's death.", Route::Conversation),
    ("Can I hear you say good night?", Route::Audio),
    ("His voice on the phone was cold.", Route::Conversation),
    ("Don't draw anything, just listen.", Route::Conversation),
    ("A sketch of an old lighthouse would be nice.", Route::Image),
];

/// For the longest answer.
const MOST_TOKENS: usize = 16;

pub(super) struct RouteJudge {
    llm: Arc<dyn LanguageModel>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    asks_for: Route,
}

fn answer(route: Route) -> String {
    json!({"asks_for": route.as_str()}).to_string()
}

fn beginning() -> Vec<ChatMessage> {
    let examples = EXAMPLES.iter().flat_map(|(message, route)| {
        [ChatMessage::new(Role::User, *message), ChatMessage::new(Role::Assistant, answer(*route))]
    });
    std::iter::once(ChatMessage::new(Role::System, TASK)).chain(examples).collect()
}

fn format() -> ReplyFormat {
    let routes = [Route::Conversation, Route::Image, Route::Audio].map(Route::as_str);
    let answers = routes.map(|route| format!(r#""{{\"asks_for\":\"{route}\"}}""#));
    let schema = json!({
        "type": "object",
        "properties": {"asks_for": {"type": "string", "enum": routes}},
        "required": ["asks_for"],
        "additionalProperties": false,
    });
    ReplyFormat::written(format!("root ::= {}", answers.join(" | ")), schema)
}

impl RouteJudge {
    pub(super) fn new(llm: Arc<dyn LanguageModel>) -> Self {
        Self { llm }
    }

    pub(super) async fn prepare(&self) -> Result<(), ProviderError> {
        self.llm.prepare(&self.request(beginning(), None, CancellationToken::new())).await
    }

    /// # Errors
    /// The model's own, and `Failed` for an answer that breaks the format.
    pub(super) async fn route(&self, message: &str, cancel: CancellationToken) -> Result<Route, ProviderError> {
        let mut messages = beginning();
        messages.push(ChatMessage::new(Role::User, message));
        let backend = self.llm.describe().backend;
        let stream = self.llm.stream(self.request(messages, Some(format()), cancel)).await?;
        let text = collect(backend, stream).await?.text;
        let answer: Answer = serde_json::from_str(&text).map_err(|error| ProviderError::Failed {
            backend,
            reason: format!("the judgement is not what was asked for: {:?} error", error.classify()),
        })?;
        Ok(answer.asks_for)
    }

    fn request(
        &self,
        messages: Vec<ChatMessage>,
        format: Option<ReplyFormat>,
        cancel: CancellationToken,
    ) -> GenerationRequest {
        GenerationRequest {
            messages,
            session: None,
            prefix: Some("route"),
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
