//! Language models: messages in, tokens out. Streaming is the base form; [`collect`] is the batch one.

mod fake;
#[cfg(feature = "llm-llama")]
mod llama;
mod openai;
mod ordered;
#[cfg(feature = "llm-llama")]
mod seeing;
mod stop;
mod thoughts;

pub use fake::FakeLanguageModel;
#[cfg(feature = "llm-llama")]
pub use llama::LlamaLanguageModel;
pub use openai::OpenAiLanguageModel;
pub use ordered::Ordered;
#[cfg(feature = "llm-llama")]
pub use seeing::Seeing;

#[cfg(feature = "llm-llama")]
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use futures::{Stream, StreamExt};
use serde::Serialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{BackendStatus, BuildError, Description, Place, ProviderError, in_order};
use crate::config::{LlmBackend, LlmConfig, RemoteLlmConfig};
#[cfg(feature = "llm-llama")]
use crate::config::{LocalLlmConfig, ModelReference};
use crate::domain::ids::SessionId;
use crate::domain::image::Image;
use crate::domain::message::Role;
use crate::domain::stage::EngineTiming;
use crate::weights::ModelStore;
#[cfg(feature = "llm-llama")]
use crate::weights::{Capability, InstalledModel, WeightsError};

/// The backends that the config names, in its order: alone, or behind one another. One that can't be built is left out,
/// with a warning.
///
/// # Errors
/// What the first backend said, where none can be built: it has no weights, doesn't load, or is not in this build.
pub fn build(config: &LlmConfig, models: &ModelStore) -> Result<Arc<dyn LanguageModel>, BuildError> {
    let mut built = Vec::new();
    let mut first_error = None;
    for backend in &config.backends {
        let place = Place::of(backend, &config.backends);
        let outcome = match backend {
            LlmBackend::Local => local(config, models),
            LlmBackend::Groq => remote("groq", &config.groq, place),
            LlmBackend::OpenAi => remote("openai", &config.openai, place),
            LlmBackend::Fake => Ok(Arc::new(FakeLanguageModel::new(&config.fake)) as Arc<dyn LanguageModel>),
        };
        match outcome {
            Ok(model) => built.push(model),
            Err(error) => {
                tracing::warn!(llm.backend = ?backend, error = %error, "a language model can't be built");
                first_error.get_or_insert(error);
            }
        }
    }
    in_order(built, first_error, |first, rest| Arc::new(Ordered::new(first, rest)))
}

#[cfg(feature = "llm-llama")]
fn local(config: &LlmConfig, models: &ModelStore) -> Result<Arc<dyn LanguageModel>, BuildError> {
    let local = &config.local;
    let installed = models.installed(Capability::Llm, &local.model)?;
    let projector = local.projector.as_deref().or_else(|| installed.file("projector"));
    let words = load(&installed, projector, local)?;
    if words.sees_pictures() {
        return Ok(words);
    }
    Ok(match vision(local, models)? {
        Some(pictures) => Arc::new(Seeing::new(words, pictures)),
        None => words,
    })
}

#[cfg(feature = "llm-llama")]
fn load(
    installed: &InstalledModel,
    projector: Option<&Path>,
    config: &LocalLlmConfig,
) -> Result<Arc<dyn LanguageModel>, BuildError> {
    let weights = installed.file("weights").ok_or_else(|| ProviderError::Failed {
        backend: "local",
        reason: format!("the model {} names no weights", installed.name),
    })?;
    Ok(Arc::new(LlamaLanguageModel::load(installed.name.clone(), weights, projector, config)?))
}

/// The model that sees, where the settings or the set name one. Without the set's, Rose only doesn't see.
#[cfg(feature = "llm-llama")]
fn vision(config: &LocalLlmConfig, models: &ModelStore) -> Result<Option<Arc<dyn LanguageModel>>, BuildError> {
    let vision = &config.vision;
    let installed = match models.installed(Capability::Vision, &vision.model) {
        Ok(installed) => installed,
        Err(WeightsError::NotInSet { .. }) => return Ok(None),
        Err(error) if vision.model == ModelReference::FromSet => {
            tracing::warn!(error = %error, "pictures are not seen: their model is missing");
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let projector = vision.projector.as_deref().or_else(|| installed.file("projector"));
    if projector.is_none() {
        let reason = format!("{} sees only with a projector: name it in llm.local.vision.projector", installed.name);
        return Err(ProviderError::Failed { backend: "local", reason }.into());
    }
    let own = LocalLlmConfig { slots: vision.slots, ..config.clone() };
    load(&installed, projector, &own).map(Some)
}

#[cfg(not(feature = "llm-llama"))]
fn local(_config: &LlmConfig, _models: &ModelStore) -> Result<Arc<dyn LanguageModel>, BuildError> {
    Err(ProviderError::NotEnabled { backend: "local", feature: "llm-llama" }.into())
}

fn remote(backend: &'static str, config: &RemoteLlmConfig, place: Place) -> Result<Arc<dyn LanguageModel>, BuildError> {
    Ok(Arc::new(OpenAiLanguageModel::new(backend, config, place)?))
}

#[async_trait]
pub trait LanguageModel: Send + Sync {
    fn describe(&self) -> Description;

    /// Every backend that may answer, the first in line first.
    fn backends(&self) -> Vec<BackendStatus> {
        vec![BackendStatus::of_engine(self.describe())]
    }

    /// Prompt and reply together, in tokens.
    fn context_tokens(&self) -> usize;

    /// Exact where the model is local, an estimate that errs high elsewhere.
    fn count_tokens(&self, text: &str) -> usize;

    /// How far its judgement goes.
    fn ability(&self) -> Ability {
        Ability::Strong
    }

    /// Whether words that nobody may come to hear cost nothing but this machine's time, so that a reply may be begun
    /// before it is sure to be wanted.
    fn writes_ahead(&self) -> bool {
        false
    }

    /// Reads the states behind the given layers, which count from 0 and rise; `None` where the backend shows none.
    ///
    /// # Errors
    /// `InvalidInput` where the model has no such layer, `Failed` where memory lacks.
    fn hidden_states(&self, _layers: &[usize]) -> Option<Result<Arc<dyn HiddenStates>, ProviderError>> {
        None
    }

    /// Whether messages may come with pictures.
    fn sees_pictures(&self) -> bool {
        false
    }

    /// Starts a reply. Dropping the stream, or cancelling the request's token, stops generation at the next token.
    ///
    /// # Errors
    /// `Busy` at once when the queue is full, `InvalidInput` where the prompt doesn't fit the context or the format
    /// can't be kept to, else as [`ProviderError`].
    async fn stream(&self, request: GenerationRequest) -> Result<GenerationStream, ProviderError>;

    /// Works ahead: computes the prompt of the request's session without generating, so that the next
    /// [`stream`](LanguageModel::stream) of that session computes only what comes on top. Messages that end with the
    /// person's are taken as a whole prompt, others as the beginning of one. A `stream` of the same session takes over
    /// what is there. Backends without a prompt cache do nothing.
    ///
    /// # Errors
    /// `Busy` where it would make someone wait, `Cancelled` where the token says so, else as `stream`. All of them may
    /// be ignored: nothing is lost but the head start.
    async fn prepare(&self, _request: &GenerationRequest) -> Result<(), ProviderError> {
        Ok(())
    }
}

/// What stands around a text whose state is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// Computed once for many texts.
    pub before: &'static str,
    pub after: &'static str,
}

/// What a model makes of a text: the residual stream of the last token, layer by layer. The same text gives the same
/// numbers on the same machine.
#[async_trait]
pub trait HiddenStates: Send + Sync {
    /// One state for each layer, as wide as the model.
    ///
    /// # Errors
    /// `InvalidInput` where the text is too long, `Busy` where too many wait, else as [`ProviderError`].
    async fn read(&self, question: &Question, text: &str) -> Result<Vec<Vec<f32>>, ProviderError>;
}

pub type GenerationStream = Pin<Box<dyn Stream<Item = Result<Delta, ProviderError>> + Send>>;

#[derive(Clone, PartialEq)]
pub struct ChatMessage {
    pub role: Role,
    pub text: String,
    /// Only vision models take them.
    pub images: Vec<Image>,
    /// Functions that the assistant called in this message.
    pub calls: Vec<ToolCall>,
    /// Of a function's result: the id of the call that it answers.
    pub answers: Option<String>,
}

impl ChatMessage {
    pub fn new(role: Role, text: impl Into<String>) -> Self {
        Self { role, text: text.into(), images: Vec::new(), calls: Vec::new(), answers: None }
    }

    /// What a function answered to the call of that id.
    pub fn tool_result(call_id: String, text: impl Into<String>) -> Self {
        Self { answers: Some(call_id), ..Self::new(Role::User, text) }
    }

    /// As the OpenAI protocol and chat templates write it, with `content` in its text's place.
    pub fn to_json(&self, content: impl Into<Value>) -> Value {
        let role = if self.answers.is_some() { "tool" } else { self.role.as_str() };
        let mut written = json!({"role": role, "content": content.into()});
        if let Some(id) = &self.answers {
            written["tool_call_id"] = id.as_str().into();
        }
        if !self.calls.is_empty() {
            written["tool_calls"] = self.calls.iter().map(ToolCall::to_json).collect();
        }
        written
    }
}

/// What a model can be trusted with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ability {
    /// Below a billion parameters: it follows examples rather than rules, claims what it can't know, and judges nothing.
    Small,
    /// It follows rules, and judges what it is asked to judge, beside rules.
    Able,
    /// A service's, or from seven billion parameters on: it judges alone.
    Strong,
}

/// What a reply must look like.
#[derive(Debug, Clone, PartialEq)]
pub enum ReplyFormat {
    /// Any JSON object.
    Object,
    Schema(SchemaFormat),
}

/// <https://platform.openai.com/docs/guides/structured-outputs>
#[derive(Debug, Clone, PartialEq)]
pub struct SchemaFormat {
    pub name: String,
    /// JSON Schema.
    pub schema: Value,
    /// Whether a service must keep to it to the letter; the local engine always does.
    pub strict: bool,
    /// GBNF with the rule `root`, which allows the same, where the local engine is not to make its own of the schema:
    /// <https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md>.
    pub grammar: Option<String>,
}

impl ReplyFormat {
    /// Of a question whose grammar is written by hand: as few tokens as can be.
    pub fn written(grammar: impl Into<String>, schema: Value) -> Self {
        Self::Schema(SchemaFormat { name: "reply".into(), schema, strict: true, grammar: Some(grammar.into()) })
    }
}

/// A function that the model may ask its caller to run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tool {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// JSON Schema of an object.
    pub parameters: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ToolChoice {
    /// The model decides.
    Auto,
    /// Words alone, though the functions are known.
    Never,
    /// At least one.
    Required,
    Named(String),
}

/// <https://platform.openai.com/docs/guides/function-calling>
#[derive(Debug, Clone, PartialEq)]
pub struct Tools {
    pub offered: Vec<Tool>,
    pub choice: ToolChoice,
    /// Whether one reply may hold several calls.
    pub parallel: bool,
}

impl Tools {
    /// As the OpenAI protocol lists them.
    pub fn to_json(&self) -> Value {
        self.offered.iter().map(|tool| json!({"type": "function", "function": tool})).collect()
    }
}

/// A function that the model wants run.
#[derive(Clone, PartialEq)]
pub struct ToolCall {
    pub id: String,
    pub name: String,
    /// JSON, as the model wrote it.
    pub arguments: String,
}

/// Shows which function it is, not what is asked of it.
impl std::fmt::Debug for ToolCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ToolCall({}, {} bytes)", self.name, self.arguments.len())
    }
}

impl ToolCall {
    /// As the OpenAI protocol writes it.
    pub fn to_json(&self) -> Value {
        let function = json!({"name": self.name, "arguments": self.arguments});
        json!({"id": self.id, "type": "function", "function": function})
    }
}

#[derive(Clone)]
pub struct GenerationRequest {
    pub messages: Vec<ChatMessage>,
    /// Requests of one session share a prompt cache; `None` for one-off questions.
    pub session: Option<SessionId>,
    /// For a one-off question whose messages begin as others' do: names that beginning, which then stays in a cache of
    /// its own.
    pub prefix: Option<&'static str>,
    pub max_tokens: usize,
    pub sampling: Sampling,
    /// Backends that can't constrain their output answer `InvalidInput`.
    pub format: Option<ReplyFormat>,
    /// Backends that can't call functions answer `InvalidInput`.
    pub tools: Option<Tools>,
    /// The reply is to be spoken: no brackets, asterisks and other marks of markup. Backends that can't see to it while
    /// they write leave it to whoever makes the text speakable.
    pub plain: bool,
    /// Generation ends before any of these; they are not part of the text.
    pub stop: Vec<String>,
    pub cancel: CancellationToken,
}

impl GenerationRequest {
    /// Functions are offered, or stand in the messages.
    pub fn speaks_of_tools(&self) -> bool {
        let in_messages = |message: &ChatMessage| !message.calls.is_empty() || message.answers.is_some();
        self.tools.is_some() || self.messages.iter().any(in_messages)
    }
}

/// How the next token is drawn.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sampling {
    /// 0 takes the likeliest token.
    pub temperature: f32,
    pub top_p: f32,
    /// Tokens less likely than this share of the likeliest are out (arXiv 2407.01082).
    pub min_p: f32,
    /// 1 is none.
    pub repeat_penalty: f32,
    /// `None` draws a new one for each request.
    pub seed: Option<u32>,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { temperature: 0.6, top_p: 0.95, min_p: 0.08, repeat_penalty: 1.12, seed: None }
    }
}

#[derive(Clone, PartialEq)]
pub enum Delta {
    Text(String),
    /// Whole, when the model has written it.
    Call(ToolCall),
    /// The backend broke off, and the next one is about to answer anew: what came before is no part of the reply. Who has
    /// said some of it already drops the stream.
    Again,
    /// The last item of a stream that ended well.
    Done(Usage),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    pub prompt_tokens: usize,
    /// Of those, how many were computed now; the rest came from the cache.
    pub computed_prompt_tokens: usize,
    pub completion_tokens: usize,
    pub finish: Finish,
    pub timing: EngineTiming,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The model ended its reply, or a stop text came.
    Stop,
    /// It waits for the functions that it called.
    Calls,
    /// `max_tokens` or the context was used up.
    Length,
    Cancelled,
}

/// A whole reply.
#[derive(Clone, PartialEq)]
pub struct Generation {
    pub text: String,
    pub calls: Vec<ToolCall>,
    pub usage: Usage,
}

/// # Errors
/// The stream's own, or `Failed` where it ended without [`Delta::Done`].
pub async fn collect(backend: &'static str, mut stream: GenerationStream) -> Result<Generation, ProviderError> {
    let (mut text, mut calls) = (String::new(), Vec::new());
    while let Some(delta) = stream.next().await {
        match delta? {
            Delta::Text(piece) => text.push_str(&piece),
            Delta::Call(call) => calls.push(call),
            Delta::Again => {
                text.clear();
                calls.clear();
            }
            Delta::Done(usage) => return Ok(Generation { text, calls, usage }),
        }
    }
    Err(ProviderError::Failed { backend, reason: "the reply broke off".into() })
}
