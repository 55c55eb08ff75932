//! A language model behind the OpenAI protocol's chat completions: Groq, vLLM, TGI, llama-server.
//! Format: <https://platform.openai.com/docs/api-reference/chat-streaming>, <https://console.groq.com/docs/openai>;
//! pictures: <https://console.groq.com/docs/vision>.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eventsource_stream::Eventsource;
use futures::StreamExt;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::thoughts::ThoughtFilter;
use super::{
    ChatMessage, Delta, Finish, GenerationRequest, GenerationStream, LanguageModel, ReplyFormat, SchemaFormat,
    ToolCall, ToolChoice, Usage,
};
use crate::config::RemoteLlmConfig;
use crate::domain::metering::Unit;
use crate::domain::stage::EngineTiming;
use crate::providers::breaker::Permit;
use crate::providers::http::Service;
use crate::providers::meter;
use crate::providers::{BackendStatus, Description, Place, ProviderError};

/// English runs at about 4 characters a token; this errs high.
const CHARS_PER_TOKEN: usize = 3;

/// The protocol takes no more.
const MOST_STOPS: usize = 4;

/// What a service may call in one reply.
const MOST_CALLS: usize = 128;
const CALL_BYTES: usize = 256 * 1024;

pub struct OpenAiLanguageModel {
    service: Arc<Service>,
    config: RemoteLlmConfig,
}

impl OpenAiLanguageModel {
    /// # Errors
    /// `Failed` where the machine's TLS can't be set up.
    pub fn new(backend: &'static str, config: &RemoteLlmConfig, place: Place) -> Result<Self, ProviderError> {
        let service = Arc::new(Service::new(backend, &config.api, place)?);
        Ok(Self { service, config: config.clone() })
    }

    /// The model that a request goes to, and how long it is told to think.
    fn serves(&self, request: &GenerationRequest) -> (&str, Option<&str>) {
        let pictures = request.messages.iter().any(|message| !message.images.is_empty());
        let reasoning = &self.config.reasoning;
        match &self.config.vision_model {
            Some(model) if pictures => (model, reasoning.vision_effort.as_deref()),
            _ => (&self.service.config().model, reasoning.effort.as_deref()),
        }
    }

    fn body(&self, request: &GenerationRequest) -> Value {
        let (model, effort) = self.serves(request);
        let reasoning = &self.config.reasoning;
        let mut body = json!({
            "model": model,
            "messages": request.messages.iter().map(message).collect::<Vec<_>>(),
            "max_tokens": request.max_tokens + reasoning.tokens(effort),
            "temperature": request.sampling.temperature,
            "top_p": request.sampling.top_p,
            "stream": true,
            "stream_options": {"include_usage": true},
        });
        if let Some(seed) = request.sampling.seed {
            body["seed"] = seed.into();
        }
        if let Some(format) = &request.format {
            body["response_format"] = response_format(format);
        }
        if let Some(tools) = &request.tools {
            body["tools"] = tools.to_json();
            body["tool_choice"] = match &tools.choice {
                ToolChoice::Auto => "auto".into(),
                ToolChoice::Never => "none".into(),
                ToolChoice::Required => "required".into(),
                ToolChoice::Named(name) => json!({"type": "function", "function": {"name": name}}),
            };
            body["parallel_tool_calls"] = tools.parallel.into();
        }
        if !request.stop.is_empty() {
            body["stop"] = request.stop.iter().take(MOST_STOPS).cloned().collect();
        }
        if let Some(effort) = effort {
            body["reasoning_effort"] = effort.into();
        }
        if let Some(format) = &reasoning.format {
            body["reasoning_format"] = format.as_str().into();
        }
        for (key, value) in &self.config.extra_body {
            body[key] = value.clone();
        }
        body
    }
}

fn response_format(format: &ReplyFormat) -> Value {
    match format {
        ReplyFormat::Object => json!({"type": "json_object"}),
        ReplyFormat::Schema(SchemaFormat { name, schema, strict, .. }) => {
            json!({"type": "json_schema", "json_schema": {"name": name, "strict": strict, "schema": schema}})
        }
    }
}

fn message(message: &ChatMessage) -> Value {
    if message.images.is_empty() {
        return message.to_json(message.text.as_str());
    }
    let mut parts = vec![json!({"type": "text", "text": message.text})];
    for image in &message.images {
        let url = format!("data:{};base64,{}", image.format.media_type(), STANDARD.encode(&image.bytes));
        parts.push(json!({"type": "image_url", "image_url": {"url": url}}));
    }
    message.to_json(parts)
}

#[async_trait]
impl LanguageModel for OpenAiLanguageModel {
    fn describe(&self) -> Description {
        Description { backend: self.service.backend(), model: self.service.config().model.clone() }
    }

    fn backends(&self) -> Vec<BackendStatus> {
        vec![self.service.status()]
    }

    fn context_tokens(&self) -> usize {
        self.config.context_tokens
    }

    fn count_tokens(&self, text: &str) -> usize {
        text.chars().count().div_ceil(CHARS_PER_TOKEN)
    }

    /// The service refuses where its model doesn't.
    fn sees_pictures(&self) -> bool {
        true
    }

    async fn stream(&self, request: GenerationRequest) -> Result<GenerationStream, ProviderError> {
        let backend = self.service.backend();
        let prompt: usize = request.messages.iter().map(|message| self.count_tokens(&message.text)).sum();
        let holds = self.config.context_tokens;
        if prompt == 0 || prompt >= holds {
            let reason = format!("the prompt has about {prompt} tokens, the context holds {holds}");
            return Err(ProviderError::InvalidInput { backend, reason });
        }
        let (model, effort) = self.serves(&request);
        let served = Description { backend, model: model.to_owned() };
        let reasons = self.config.reasoning.tokens(effort) > 0;
        let body = self.body(&request);
        let started = Instant::now();
        let cancel = request.cancel.clone();
        let sent = cancel.run_until_cancelled(self.service.post("/chat/completions", |to| to.json(&body))).await;
        let (response, permit) = sent.ok_or(ProviderError::Cancelled)??;

        let usage = Usage {
            // Until the service tells its own count.
            prompt_tokens: prompt,
            computed_prompt_tokens: prompt,
            completion_tokens: 0,
            finish: Finish::Stop,
            timing: EngineTiming::default(),
        };
        let reading = Reading {
            service: Arc::clone(&self.service),
            permit: Some(permit),
            events: Box::pin(response.bytes_stream().eventsource()),
            cancel,
            usage,
            most_pieces: reasons.then_some(request.max_tokens),
            thoughts: ThoughtFilter::default(),
            pieces: 0,
            calls: Vec::new(),
            said: false,
            served,
            finished: false,
            started,
        };
        Ok(Box::pin(futures::stream::unfold(Some(reading), |reading| async move {
            let mut reading = reading?;
            let item = reading.next().await;
            let more = matches!(item, Ok(Delta::Text(_) | Delta::Call(_)));
            Some((item, more.then_some(reading)))
        })))
    }
}

type EventResult = Result<eventsource_stream::Event, eventsource_stream::EventStreamError<reqwest::Error>>;

/// An answer on its way.
struct Reading {
    service: Arc<Service>,
    /// Until the outcome is told.
    permit: Option<Permit>,
    events: Pin<Box<dyn futures::Stream<Item = EventResult> + Send>>,
    cancel: CancellationToken,
    usage: Usage,
    /// Of the answer, where the service was given room to reason: it doesn't tell the two apart.
    most_pieces: Option<usize>,
    thoughts: ThoughtFilter,
    /// Of text that came: about as many as tokens, should the service not tell them.
    pieces: usize,
    /// As far as they have come: they are passed on whole, at the end.
    calls: Vec<PartialCall>,
    /// Whether any of it is an answer.
    said: bool,
    /// With the model that really answers.
    served: Description,
    /// Whether the service said why it ended: without that the stream was cut.
    finished: bool,
    started: Instant,
}

impl Reading {
    async fn next(&mut self) -> Result<Delta, ProviderError> {
        let idle = self.service.config().timeouts.idle;
        loop {
            let Some(event) = self.cancel.run_until_cancelled(within(idle, self.events.next())).await else {
                return Ok(self.done(Finish::Cancelled));
            };
            let data = match event {
                None => {
                    let backend = self.service.backend();
                    return Err(self.fault(ProviderError::Timeout { backend, after: idle }));
                }
                Some(None) if self.finished => return self.end(),
                Some(None) => return Err(self.failed("the reply was cut")),
                Some(Some(Err(eventsource_stream::EventStreamError::Transport(error)))) => {
                    let error = self.service.broken(&error);
                    return Err(self.fault(error));
                }
                Some(Some(Err(_))) => return Err(self.failed("the reply is no event stream")),
                Some(Some(Ok(event))) => event.data,
            };
            if data == "[DONE]" {
                return self.end();
            }
            let Ok(chunk) = serde_json::from_str::<Chunk>(&data) else {
                return Err(self.failed("the reply holds something that is no chunk"));
            };
            if chunk.error.is_some() {
                return Err(self.failed("the service ended the reply with an error"));
            }
            if let Some(counts) = chunk.usage {
                self.usage.prompt_tokens = counts.prompt_tokens;
                let cached = counts.prompt_tokens_details.map_or(0, |details| details.cached_tokens);
                self.usage.computed_prompt_tokens = counts.prompt_tokens.saturating_sub(cached);
                self.usage.completion_tokens = counts.completion_tokens;
            }
            let Some(choice) = chunk.choices.into_iter().next() else { continue };
            if let Some(reason) = choice.finish_reason {
                self.finished = true;
                self.usage.finish = match reason.as_str() {
                    "length" => Finish::Length,
                    "tool_calls" => Finish::Calls,
                    _ => Finish::Stop,
                };
            }
            for part in choice.delta.tool_calls.into_iter().flatten() {
                if !self.take_part(part) {
                    return Err(self.failed("the reply calls more than was asked for"));
                }
            }
            // What it reasons stands in fields of its own, which nobody reads.
            let Some(text) = choice.delta.content.filter(|text| !text.is_empty()) else { continue };
            if self.most_pieces.is_some_and(|most| self.pieces >= most) {
                self.usage.completion_tokens = self.usage.completion_tokens.max(self.pieces);
                return Ok(self.done(Finish::Length));
            }
            let text = self.thoughts.push(&text);
            if !text.is_empty() {
                self.pieces += 1;
                self.said = true;
                return Ok(Delta::Text(text));
            }
        }
    }

    /// `false` where the calls grow out of bounds.
    fn take_part(&mut self, part: CallDelta) -> bool {
        let CallDelta { index, id, function } = part;
        // Services that send each call whole may leave the index out.
        let at = index.unwrap_or(self.calls.len());
        if at >= MOST_CALLS || at > self.calls.len() {
            return false;
        }
        if at == self.calls.len() {
            self.calls.push(PartialCall::default());
        }
        let call = &mut self.calls[at];
        call.id.push_str(&id.unwrap_or_default());
        let function = function.unwrap_or_default();
        call.name.push_str(&function.name.unwrap_or_default());
        call.arguments.push_str(&function.arguments.unwrap_or_default());
        call.id.len() + call.name.len() + call.arguments.len() <= CALL_BYTES
    }

    /// The service says that this was all. A reply of reasoning alone is none: the next backend may do better.
    fn end(&mut self) -> Result<Delta, ProviderError> {
        let rest = self.thoughts.finish();
        if !rest.is_empty() {
            // The stream is read once more, for its end.
            self.finished = true;
            self.said = true;
            return Ok(Delta::Text(rest));
        }
        if !self.calls.is_empty() {
            let PartialCall { id, name, arguments } = self.calls.remove(0);
            if name.is_empty() {
                return Err(self.failed("the reply calls a function without a name"));
            }
            self.finished = true;
            self.said = true;
            // Some services end such a reply with "stop".
            self.usage.finish = if self.usage.finish == Finish::Stop { Finish::Calls } else { self.usage.finish };
            let arguments = if arguments.trim().is_empty() { "{}".into() } else { arguments };
            return Ok(Delta::Call(ToolCall { id, name, arguments }));
        }
        if self.said {
            return Ok(self.done(self.usage.finish));
        }
        if let Some(permit) = self.permit.take() {
            permit.succeeded();
        }
        let backend = self.service.backend();
        Err(ProviderError::Failed { backend, reason: "the reply has no words".into() })
    }

    fn done(&mut self, finish: Finish) -> Delta {
        if let Some(permit) = self.permit.take() {
            permit.succeeded();
        }
        self.usage.finish = finish;
        self.usage.timing = EngineTiming { queued: Duration::ZERO, inference: self.started.elapsed() };
        Delta::Done(self.usage)
    }

    fn failed(&mut self, reason: &str) -> ProviderError {
        let backend = self.service.backend();
        self.fault(ProviderError::Failed { backend, reason: reason.into() })
    }

    fn fault(&mut self, error: ProviderError) -> ProviderError {
        if let Some(permit) = self.permit.take() {
            permit.failed();
        }
        error
    }
}

impl Drop for Reading {
    /// However it ended: services charge for what was written of a reply that nobody waited for.
    fn drop(&mut self) {
        meter::note(&self.served, Unit::PromptTokens, self.usage.prompt_tokens as f64);
        meter::note(&self.served, Unit::CompletionTokens, self.usage.completion_tokens.max(self.pieces) as f64);
    }
}

/// `None` where the time is up first.
async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, future).await.ok()
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Counts>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Content,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Content {
    content: Option<String>,
    tool_calls: Option<Vec<CallDelta>>,
}

#[derive(Deserialize)]
struct CallDelta {
    index: Option<usize>,
    id: Option<String>,
    function: Option<FunctionDelta>,
}

#[derive(Default, Deserialize)]
struct FunctionDelta {
    name: Option<String>,
    arguments: Option<String>,
}

#[derive(Default)]
struct PartialCall {
    id: String,
    name: String,
    arguments: String,
}

#[derive(Deserialize)]
struct Counts {
    prompt_tokens: usize,
    completion_tokens: usize,
    prompt_tokens_details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    #[serde(default)]
    cached_tokens: usize,
}
