//! Language models: one contract over every backend, and what only one of them promises.

mod contract;
mod fake;
#[cfg(feature = "llm-llama")]
mod local;
mod openai;
mod ordered;

use std::sync::Arc;

use futures::StreamExt;
use rose::domain::ids::SessionId;
use rose::domain::message::Role;
use rose::providers::ProviderError;
use rose::providers::llm::{
    ChatMessage, Delta, Generation, GenerationRequest, GenerationStream, LanguageModel, Sampling, Tool, ToolChoice,
    Tools, collect,
};
use tokio_util::sync::CancellationToken;

/// What a backend is built with.
#[derive(Clone, Copy)]
struct Room {
    context_tokens: usize,
    /// Requests taken before one is told that it is busy.
    places: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self { context_tokens: 1024, places: 4 }
    }
}

/// One question, answered with the likeliest tokens.
fn ask(text: &str) -> GenerationRequest {
    request(vec![ChatMessage::new(Role::System, "You are a kind friend."), ChatMessage::new(Role::User, text)])
}

fn request(messages: Vec<ChatMessage>) -> GenerationRequest {
    GenerationRequest {
        messages,
        session: Some(SessionId::generate()),
        max_tokens: 24,
        sampling: Sampling { temperature: 0.0, repeat_penalty: 1.1, ..Sampling::default() },
        prefix: None,
        format: None,
        tools: None,
        plain: false,
        stop: Vec::new(),
        cancel: CancellationToken::new(),
    }
}

/// One function, and how it is to be called.
fn weather(choice: ToolChoice) -> Tools {
    let parameters = serde_json::json!({
        "type": "object",
        "properties": {"city": {"type": "string"}, "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}},
        "required": ["city", "unit"],
        "additionalProperties": false,
    });
    let description = Some("Tells the weather in a city.".into());
    let tool = Tool { name: "get_weather".into(), description, parameters, strict: None };
    Tools { offered: vec![tool], choice, parallel: false }
}

async fn answer(model: &Arc<dyn LanguageModel>, request: GenerationRequest) -> Generation {
    let stream = model.stream(request).await.expect("the request is taken");
    collect(model.describe().backend, stream).await.expect("the reply is whole")
}

/// The next piece of text.
async fn piece(stream: &mut GenerationStream) -> String {
    match stream.next().await {
        Some(Ok(Delta::Text(text))) => text,
        Some(Ok(Delta::Call(_))) => panic!("no function was offered"),
        Some(Ok(Delta::Again)) => panic!("the reply began anew"),
        Some(Ok(Delta::Done(_))) => panic!("the reply ended early"),
        Some(Err(error)) => panic!("the reply broke off: {error}"),
        None => panic!("the stream ended without its end"),
    }
}

/// Asks again and again until a place is free: a place is given back soon after its stream is gone, not at once.
async fn answer_once_free(model: &Arc<dyn LanguageModel>, request: GenerationRequest) -> Generation {
    loop {
        match model.stream(request.clone()).await {
            Ok(stream) => return collect(model.describe().backend, stream).await.expect("the reply is whole"),
            Err(ProviderError::Busy { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("the request is refused: {error}"),
        }
    }
}
