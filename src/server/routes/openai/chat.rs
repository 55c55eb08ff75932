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

use super::body::{NotDone, ProtocolBody, ProtocolRequest, is_empty, is_false, is_zero, never, whole, within};
use super::caller::Caller;
use super::format::OpenAiResponseFormat;
use super::messages::{self, OpenAiMessage};
use super::tools::{self, OpenAiTool, OpenAiToolCall, OpenAiToolChoice};
use super::{data, now, refuse};
use crate::app::App;
use crate::graph::node::temperature_for;
use crate::providers::ProviderError;
use crate::providers::llm::{self, Delta, Finish, GenerationRequest, GenerationStream, Sampling, ToolCall, Usage};
use crate::server::error::{ApiError, OpenAiErrorEnvelope};
use crate::server::state::Server;

/// Where the client sets no limit.
const USUAL_TOKENS: usize = 1024;
const MOST_MESSAGES: usize = 1000;
const MOST_STOPS: usize = 4;

/// A reply to messages. `model` may have any name. Fields that are not listed are refused by name, but for `metadata`,
/// `safety_identifier`, `prompt_cache_key` and `prompt_cache_retention`, which change no answer.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenAiChatRequest {
    #[serde(default)]
    #[expect(dead_code, reason = "what answers is what the settings name")]
    model: Option<String>,
    messages: Vec<OpenAiMessage>,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
    /// -1 is the usual limit.
    #[serde(default, deserialize_with = "whole")]
    max_tokens: Option<i64>,
    #[serde(default, deserialize_with = "whole")]
    max_completion_tokens: Option<i64>,
    #[serde(default)]
    #[schema(minimum = 0, maximum = 2)]
    temperature: Option<f32>,
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1)]
    top_p: Option<f32>,
    #[serde(default, deserialize_with = "whole")]
    seed: Option<i64>,
    #[serde(default)]
    stop: Option<Stop>,
    /// 1.
    #[serde(default, deserialize_with = "whole")]
    n: Option<i64>,
    #[serde(default)]
    response_format: Option<OpenAiResponseFormat>,
    #[serde(default)]
    tools: Option<Vec<OpenAiTool>>,
    #[serde(default)]
    tool_choice: Option<OpenAiToolChoice>,
    /// Left out: yes.
    #[serde(default)]
    parallel_tool_calls: Option<bool>,
    /// Whom Rose speaks with: she answers as herself and remembers them. What is remembered belongs to the API key and the
    /// user together.
    #[serde(default)]
    user: Option<String>,
}

impl ProtocolRequest for OpenAiChatRequest {
    const NOT_DONE: &'static [NotDone] = &[
        NotDone { field: "logprobs", asks_nothing: is_false, instead: "no probabilities are given, leave it out" },
        NotDone { field: "top_logprobs", asks_nothing: is_zero, instead: "no probabilities are given, leave it out" },
        NotDone { field: "logit_bias", asks_nothing: is_empty, instead: "leave it out" },
        NotDone { field: "frequency_penalty", asks_nothing: is_zero, instead: "leave it out, or send 0" },
        NotDone { field: "presence_penalty", asks_nothing: is_zero, instead: "leave it out, or send 0" },
        NotDone {
            field: "modalities",
            asks_nothing: |value| *value == serde_json::json!(["text"]),
            instead: "a reply is text; /v1/audio/speech speaks it",
        },
        NotDone { field: "audio", asks_nothing: never, instead: "a reply is text; /v1/audio/speech speaks it" },
        NotDone { field: "prediction", asks_nothing: never, instead: "leave it out" },
        NotDone { field: "web_search_options", asks_nothing: never, instead: "nothing is searched" },
        NotDone {
            field: "reasoning_effort",
            asks_nothing: |value| value == "none",
            instead: "the settings say how long a backend's model reasons (`reasoning_effort` of its section)",
        },
        NotDone { field: "verbosity", asks_nothing: |value| value == "medium", instead: "leave it out" },
        NotDone {
            field: "service_tier",
            asks_nothing: |value| value == "auto" || value == "default",
            instead: "leave it out, or send `auto`",
        },
        NotDone { field: "store", asks_nothing: is_false, instead: "completions are not stored" },
        NotDone { field: "functions", asks_nothing: is_empty, instead: "send `tools`" },
        NotDone { field: "function_call", asks_nothing: |value| value == "none", instead: "send `tool_choice`" },
    ];
    const WITHOUT_EFFECT: &'static [&'static str] =
        &["metadata", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"];
}

#[derive(Deserialize, ToSchema)]
pub(crate) struct StreamOptions {
    #[serde(default)]
    include_usage: Option<bool>,
}

#[derive(Deserialize, ToSchema)]
#[serde(untagged, expecting = "`stop` is a text or a list of texts")]
pub(crate) enum Stop {
    One(String),
    Many(Vec<String>),
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
    /// `null` where functions are called and nothing is said; in a stream, left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    content: Option<Option<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<OpenAiToolCall>,
}

impl ChatDelta {
    fn text(text: String) -> Self {
        Self { content: Some(Some(text)), ..Self::default() }
    }

    fn whole(text: String, calls: Vec<ToolCall>) -> Self {
        let content = if text.is_empty() && !calls.is_empty() { None } else { Some(text) };
        let tool_calls = calls.into_iter().map(|call| OpenAiToolCall::new(call, None)).collect();
        Self { role: Some("assistant"), content: Some(content), tool_calls }
    }
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
    async fn generation(
        self,
        app: &App,
        max_upload_bytes: usize,
        cancel: CancellationToken,
    ) -> Result<GenerationRequest, ApiError> {
        let (config, model) = (&app.config.llm, &app.ports.llm);
        if self.messages.is_empty() || self.messages.len() > MOST_MESSAGES {
            return Err(refuse("messages", format!("`messages` has 1 to {MOST_MESSAGES} messages.")));
        }
        if self.n.is_some_and(|n| n != 1) {
            return Err(refuse("n", "`n` is 1: one reply at a time."));
        }
        let structured = self.response_format.as_ref().is_some_and(OpenAiResponseFormat::is_structured);
        let tools = tools::read(self.tools, self.tool_choice, self.parallel_tool_calls)?;
        let temperature = match self.temperature {
            Some(value) => within("temperature", value, 0.0, 2.0)?,
            None => config.temperature.unwrap_or_else(|| temperature_for(model.ability())),
        };
        let sampling = Sampling {
            temperature,
            top_p: within("top_p", self.top_p.unwrap_or(config.top_p), 0.0, 1.0)?,
            min_p: config.min_p,
            // JSON is made of the same marks again and again.
            repeat_penalty: if structured || tools.is_some() { 1.0 } else { config.repeat_penalty },
            // Any number is a seed; these bits of it are enough.
            seed: self.seed.map(|seed| seed as u32).or(config.seed),
        };
        let stop = match self.stop {
            None => Vec::new(),
            Some(Stop::One(text)) => vec![text],
            Some(Stop::Many(texts)) => texts,
        };
        if stop.len() > MOST_STOPS || stop.iter().any(String::is_empty) {
            return Err(refuse("stop", format!("`stop` is at most {MOST_STOPS} texts, none of them empty.")));
        }
        let context_tokens = model.context_tokens();
        // The prompt needs room too.
        let usual = USUAL_TOKENS.min(context_tokens / 2);
        let limit = match self.max_completion_tokens {
            Some(limit) => Some(("max_completion_tokens", limit)),
            None => self.max_tokens.map(|limit| ("max_tokens", limit)),
        };
        let max_tokens = match limit {
            // What clients of local servers mean by it.
            None | Some((_, -1)) => usual,
            Some((field, limit)) => usize::try_from(limit).ok().filter(|limit| *limit > 0).ok_or_else(|| {
                refuse(field, format!("`{field}` is at least 1, or -1 for the usual limit of {usual} tokens."))
            })?,
        };
        Ok(GenerationRequest {
            messages: messages::read(self.messages, app, max_upload_bytes, &cancel).await?,
            session: None,
            max_tokens: max_tokens.min(context_tokens),
            sampling,
            prefix: None,
            format: self.response_format.map(OpenAiResponseFormat::read).transpose()?.flatten(),
            tools,
            plain: false,
            stop,
            cancel,
        })
    }
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
    ProtocolBody(request): ProtocolBody<OpenAiChatRequest>,
) -> Result<Response, ApiError> {
    let app = server.app()?;
    let model = &app.ports.llm;
    let person = request.user.as_deref().filter(|user| !user.trim().is_empty());
    let person = person.map(|user| caller.person(&server, user)).transpose()?;
    let streamed = request.stream.unwrap_or(false);
    if request.stream_options.is_some() && !streamed {
        return Err(refuse("stream_options", "`stream_options` is for streams: send `stream` too, or leave it out."));
    }
    let tell_usage = request.stream_options.as_ref().and_then(|options| options.include_usage).unwrap_or(false);
    let cancel = server.turns().child_token();
    let guard = cancel.clone().drop_guard();
    let request = request.generation(app, server.config().max_upload_bytes, cancel).await?;
    let mut replying = app.conversation.complete(person, request).await?;
    let head =
        Head { id: format!("chatcmpl-{}", Uuid::new_v4().simple()), created: now(), model: model.describe().model };
    if !streamed {
        let reply = llm::collect(model.describe().backend, replying).await?;
        let message = ChatDelta::whole(reply.text, reply.calls);
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
        Finish::Calls => Ok("tool_calls"),
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

fn chunks(head: Head, replying: GenerationStream, tell_usage: bool) -> impl Stream<Item = SseEvent> {
    let role = head.chunk(ChatDelta { role: Some("assistant"), ..ChatDelta::text(String::new()) }, None);
    let rest = stream::unfold(Some((head, replying, false, 0)), move |state| async move {
        let (head, mut replying, said, called) = state?;
        let broken = || ProviderError::Failed { backend: "llm", reason: "the reply broke off".into() };
        let failed =
            |error: ProviderError| Some((vec![data(&OpenAiErrorEnvelope::from(&ApiError::from(error)))], None));
        loop {
            match replying.next().await.unwrap_or_else(|| Err(broken())) {
                Ok(Delta::Text(content)) => {
                    let event = head.chunk(ChatDelta::text(content), None);
                    return Some((vec![event], Some((head, replying, true, called))));
                }
                Ok(Delta::Call(call)) => {
                    let call = OpenAiToolCall::new(call, Some(called));
                    let event = head.chunk(ChatDelta { tool_calls: vec![call], ..ChatDelta::default() }, None);
                    return Some((vec![event], Some((head, replying, true, called + 1))));
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
