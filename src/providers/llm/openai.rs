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
use super::{ChatMessage, Delta, Finish, GenerationRequest, GenerationStream, LanguageModel, Usage};
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
            let schema = json!({"name": "reply", "strict": true, "schema": format.schema});
            body["response_format"] = json!({"type": "json_schema", "json_schema": schema});
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

fn message(message: &ChatMessage) -> Value {
    if message.images.is_empty() {
        return json!({"role": message.role.as_str(), "content": message.text});
    }
    let mut parts = vec![json!({"type": "text", "text": message.text})];
    for image in &message.images {
        let url = format!("data:{};base64,{}", image.format.media_type(), STANDARD.encode(&image.bytes));
        parts.push(json!({"type": "image_url", "image_url": {"url": url}}));
    }
    json!({"role": message.role.as_str(), "content": parts})
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
            said: false,
            served,
            finished: false,
            started,
        };
        Ok(Box::pin(futures::stream::unfold(Some(reading), |reading| async move {
            let mut reading = reading?;
            let item = reading.next().await;
            let more = matches!(item, Ok(Delta::Text(_)));
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
                self.usage.finish = if reason == "length" { Finish::Length } else { Finish::Stop };
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

    /// The service says that this was all. A reply of reasoning alone is none: the next backend may do better.
    fn end(&mut self) -> Result<Delta, ProviderError> {
        let rest = self.thoughts.finish();
        if !rest.is_empty() {
            // The stream is read once more, for its end.
            self.finished = true;
            self.said = true;
            return Ok(Delta::Text(rest));
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
