//! Messages in, a reply out, whole or as it is written. With `user`, Rose answers from what she remembers of that person;
//! without, the model alone.

use std::convert::Infallible;

use axum::Json;
use axum::extract::State;
use axum::response::sse::{Event as SseEvent, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;
use uuid::Uuid;

use super::caller::Caller;
use super::{now, refuse};
use crate::config::LlmConfig;
use crate::domain::image::Image;
use crate::domain::message::Role;
use crate::graph::node::temperature_for;
use crate::providers::ProviderError;
use crate::providers::llm::{
    self, Ability, ChatMessage, Delta, Finish, GenerationRequest, GenerationStream, Sampling, Usage,
};
use crate::server::error::{ApiError, OpenAiErrorEnvelope};
use crate::server::extract::Body;
use crate::server::routes::chat::{MOST_IMAGES, read_image};
use crate::server::state::Server;

/// Where the client sets no limit.
const USUAL_TOKENS: usize = 1024;
const MOST_MESSAGES: usize = 1000;
const MOST_STOPS: usize = 4;

/// What the protocol has beyond this is ignored, but for tools, which are refused.
#[derive(Deserialize, ToSchema)]
pub(crate) struct OpenAiChatRequest {
    messages: Vec<OpenAiMessage>,
    #[serde(default)]
    stream: bool,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
    #[serde(default)]
    max_tokens: Option<usize>,
    #[serde(default)]
    max_completion_tokens: Option<usize>,
    #[serde(default)]
    temperature: Option<f32>,
    #[serde(default)]
    top_p: Option<f32>,
    #[serde(default)]
    seed: Option<i64>,
    #[serde(default)]
    stop: Option<Stop>,
    #[serde(default)]
    n: Option<usize>,
    #[serde(default)]
    #[schema(value_type = Option<Vec<Object>>)]
    tools: Option<Vec<serde_json::Value>>,
    /// Whom Rose speaks with: she answers as herself and remembers them. What is remembered belongs to the API key and the
    /// user together.
    #[serde(default)]
    user: Option<String>,
}

#[derive(Deserialize, ToSchema)]
pub(crate) struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

#[derive(Deserialize, ToSchema)]
#[serde(untagged, expecting = "`stop` is a text or a list of texts")]
pub(crate) enum Stop {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize, ToSchema)]
pub(crate) struct OpenAiMessage {
    /// `system`, `developer`, `user` or `assistant`.
    role: OpenAiRole,
    #[serde(default)]
    content: Option<Content>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum OpenAiRole {
    System,
    Developer,
    User,
    Assistant,
}

#[derive(Deserialize, ToSchema)]
#[serde(untagged, expecting = "`content` is a text, or parts of type `text` and `image_url`")]
pub(crate) enum Content {
    Text(String),
    Parts(Vec<ContentPart>),
}

#[derive(Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ContentPart {
    Text { text: String },
    ImageUrl { image_url: ImageUrl },
}

#[derive(Deserialize, ToSchema)]
pub(crate) struct ImageUrl {
    /// `data:image/…;base64,…`: nothing is fetched from elsewhere.
    url: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct OpenAiChatCompletion {
    id: String,
    /// `chat.completion`, or `chat.completion.chunk` in a stream.
    object: &'static str,
    created: i64,
    model: String,
    choices: Vec<Choice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<ChatUsage>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Choice {
    index: usize,
    /// Not in a stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<ChatDelta>,
    /// In a stream only.
    #[serde(skip_serializing_if = "Option::is_none")]
    delta: Option<ChatDelta>,
    finish_reason: Option<&'static str>,
}

#[derive(Default, Serialize, ToSchema)]
pub(crate) struct ChatDelta {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ChatUsage {
    prompt_tokens: usize,
    completion_tokens: usize,
    total_tokens: usize,
}

impl From<Usage> for ChatUsage {
    fn from(usage: Usage) -> Self {
        let Usage { prompt_tokens, completion_tokens, .. } = usage;
        Self { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens }
    }
}

impl OpenAiChatRequest {
    fn generation(
        self,
        config: &LlmConfig,
        ability: Ability,
        max_image_bytes: usize,
        context_tokens: usize,
        cancel: CancellationToken,
    ) -> Result<GenerationRequest, ApiError> {
        if self.messages.is_empty() || self.messages.len() > MOST_MESSAGES {
            return Err(refuse(format!("`messages` has 1 to {MOST_MESSAGES} messages.")));
        }
        if self.tools.is_some_and(|tools| !tools.is_empty()) {
            return Err(refuse("`tools` are not taken here: leave them out."));
        }
        if self.n.is_some_and(|n| n != 1) {
            return Err(refuse("`n` is 1: one reply at a time."));
        }
        let within = |name: &str, value: Option<f32>, most: f32, usual: f32| match value {
            Some(value) if !(0.0..=most).contains(&value) => Err(refuse(format!("`{name}` is 0 to {most}."))),
            value => Ok(value.unwrap_or(usual)),
        };
        let sampling = Sampling {
            temperature: within(
                "temperature",
                self.temperature,
                2.0,
                config.temperature.unwrap_or_else(|| temperature_for(ability)),
            )?,
            top_p: within("top_p", self.top_p, 1.0, config.top_p)?,
            min_p: config.min_p,
            repeat_penalty: config.repeat_penalty,
            // Any number is a seed; these bits of it are enough.
            seed: self.seed.map(|seed| seed as u32).or(config.seed),
        };
        let stop = match self.stop {
            None => Vec::new(),
            Some(Stop::One(text)) => vec![text],
            Some(Stop::Many(texts)) => texts,
        };
        if stop.len() > MOST_STOPS || stop.iter().any(String::is_empty) {
            return Err(refuse(format!("`stop` is at most {MOST_STOPS} texts, none of them empty.")));
        }
        // The prompt needs room too.
        let usual = USUAL_TOKENS.min(context_tokens / 2);
        let max_tokens = self.max_completion_tokens.or(self.max_tokens).unwrap_or(usual);
        if max_tokens == 0 {
            return Err(refuse("`max_tokens` is at least 1."));
        }
        let messages = self.messages.into_iter().map(|message| message.read(max_image_bytes));
        Ok(GenerationRequest {
            messages: messages.collect::<Result<_, _>>()?,
            session: None,
            max_tokens: max_tokens.min(context_tokens),
            sampling,
            prefix: None,
            format: None,
            plain: false,
            stop,
            cancel,
        })
    }
}

impl OpenAiMessage {
    fn read(self, max_image_bytes: usize) -> Result<ChatMessage, ApiError> {
        let role = match self.role {
            OpenAiRole::System | OpenAiRole::Developer => Role::System,
            OpenAiRole::User => Role::User,
            OpenAiRole::Assistant => Role::Assistant,
        };
        let (text, images) = match self.content {
            None => (String::new(), Vec::new()),
            Some(Content::Text(text)) => (text, Vec::new()),
            Some(Content::Parts(parts)) => read_parts(parts, max_image_bytes)?,
        };
        Ok(ChatMessage { images, ..ChatMessage::new(role, text) })
    }
}

fn read_parts(parts: Vec<ContentPart>, max_image_bytes: usize) -> Result<(String, Vec<Image>), ApiError> {
    let (mut texts, mut images) = (Vec::new(), Vec::new());
    for part in parts {
        match part {
            ContentPart::Text { text } => texts.push(text),
            ContentPart::ImageUrl { image_url } if image_url.url.starts_with("data:") => {
                images.push(read_image(&image_url.url, max_image_bytes)?);
            }
            ContentPart::ImageUrl { .. } => {
                return Err(refuse("An `image_url` is `data:image/…;base64,…`: nothing is fetched from elsewhere."));
            }
        }
    }
    if images.len() > MOST_IMAGES {
        return Err(refuse(format!("At most {MOST_IMAGES} pictures are taken with one message.")));
    }
    Ok((texts.join("\n"), images))
}

/// Replies to messages.
#[utoipa::path(
    post,
    path = "/v1/chat/completions", operation_id = "openai_create_chat_completion", tag = "openai",
    request_body = OpenAiChatRequest,
    responses(
        (status = 200, description = "Whole, or with `stream` as server-sent events up to `[DONE]`", content(
            (OpenAiChatCompletion = "application/json"),
            (OpenAiChatCompletion = "text/event-stream"),
        )),
        ApiError
    )
)]
pub(crate) async fn create(
    State(server): State<Server>,
    caller: Caller,
    Body(request): Body<OpenAiChatRequest>,
) -> Result<Response, ApiError> {
    let app = server.app()?;
    let model = &app.ports.llm;
    let person = request.user.as_deref().filter(|user| !user.trim().is_empty());
    let person = person.map(|user| caller.person(&server, user)).transpose()?;
    let streamed = request.stream;
    let tell_usage = request.stream_options.as_ref().is_some_and(|options| options.include_usage);
    let cancel = server.turns().child_token();
    let guard = cancel.clone().drop_guard();
    let most = server.config().max_upload_bytes;
    let request = request.generation(&app.config.llm, model.ability(), most, model.context_tokens(), cancel)?;
    let mut replying = app.conversation.complete(person, request).await?;
    let head =
        Head { id: format!("chatcmpl-{}", Uuid::new_v4().simple()), created: now(), model: model.describe().model };
    if !streamed {
        let reply = llm::collect(model.describe().backend, replying).await?;
        let message = ChatDelta { role: Some("assistant"), content: Some(reply.text) };
        let finish_reason = Some(finish_reason(reply.usage.finish)?);
        let choice = Choice { index: 0, message: Some(message), delta: None, finish_reason };
        return Ok(Json(head.completion("chat.completion", vec![choice], Some(reply.usage.into()))).into_response());
    }
    // What can be refused is refused with a status: it shows before the first word.
    let first = match replying.next().await {
        Some(Err(error)) => return Err(error.into()),
        first => first,
    };
    let replying: GenerationStream = Box::pin(stream::iter(first).chain(replying));
    let chunks = chunks(head, replying, tell_usage).map(move |event| {
        // Whoever goes away ends the work.
        let _held = &guard;
        Ok::<_, Infallible>(event)
    });
    Ok(Sse::new(chunks).into_response())
}

/// # Errors
/// `Cancelled`, where the reply was ended from here.
fn finish_reason(finish: Finish) -> Result<&'static str, ProviderError> {
    match finish {
        Finish::Stop => Ok("stop"),
        Finish::Length => Ok("length"),
        Finish::Cancelled => Err(ProviderError::Cancelled),
    }
}

/// What all pieces of a reply share.
struct Head {
    id: String,
    created: i64,
    model: String,
}

impl Head {
    fn completion(&self, object: &'static str, choices: Vec<Choice>, usage: Option<ChatUsage>) -> OpenAiChatCompletion {
        let (id, created, model) = (self.id.clone(), self.created, self.model.clone());
        OpenAiChatCompletion { id, object, created, model, choices, usage }
    }

    fn chunk(&self, delta: ChatDelta, finish_reason: Option<&'static str>) -> SseEvent {
        let choice = Choice { index: 0, message: None, delta: Some(delta), finish_reason };
        data(&self.completion("chat.completion.chunk", vec![choice], None))
    }
}

fn data(of: &impl Serialize) -> SseEvent {
    SseEvent::default().json_data(of).expect("the event is made of strings and numbers")
}

fn chunks(head: Head, replying: GenerationStream, tell_usage: bool) -> impl Stream<Item = SseEvent> {
    let role = head.chunk(ChatDelta { role: Some("assistant"), content: Some(String::new()) }, None);
    let rest = stream::unfold(Some((head, replying, false)), move |state| async move {
        let (head, mut replying, said) = state?;
        let broken = || ProviderError::Failed { backend: "llm", reason: "the reply broke off".into() };
        let failed =
            |error: ProviderError| Some((vec![data(&OpenAiErrorEnvelope::from(&ApiError::from(error)))], None));
        loop {
            match replying.next().await.unwrap_or_else(|| Err(broken())) {
                Ok(Delta::Text(content)) => {
                    let event = head.chunk(ChatDelta { role: None, content: Some(content) }, None);
                    return Some((vec![event], Some((head, replying, true))));
                }
                // Nothing was sent yet, so the next backend's reply is the first.
                Ok(Delta::Again) if !said => {}
                Ok(Delta::Again) => return failed(broken()),
                Ok(Delta::Done(usage)) => {
                    let reason = match finish_reason(usage.finish) {
                        Ok(reason) => reason,
                        Err(error) => return failed(error),
                    };
                    let mut events = vec![head.chunk(ChatDelta::default(), Some(reason))];
                    if tell_usage {
                        let usage = Some(usage.into());
                        events.push(data(&head.completion("chat.completion.chunk", Vec::new(), usage)));
                    }
                    events.push(SseEvent::default().data("[DONE]"));
                    return Some((events, None));
                }
                Err(error) => return failed(error),
            }
        }
    });
    let rest: BoxStream<'static, SseEvent> = rest.flat_map(stream::iter).boxed();
    stream::iter([role]).chain(rest)
}
