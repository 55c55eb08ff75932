//! llama.cpp in this process: any GGUF model. One thread owns the engine; sessions share its batches and its KV cache.

mod calling;
mod engine;
mod mtmd;
mod prompt;
mod raw;
mod reply;
mod sampler;
mod sequence;
mod slots;
mod states;
mod tap;
mod utf8;
mod vision;

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::token::LlamaToken;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tracing::Span;

use self::calling::Calling;
use self::engine::{Engine, EngineSettings};
use self::prompt::{Prompt, Prompter};
use self::reply::Reply;
use self::sampler::Grammar;
use self::sequence::{Job, Kind, ReplyJob};
use self::slots::Owner;
use self::states::States;
use self::vision::{Picture, Vision};
use super::{
    Ability, ChatMessage, GenerationRequest, GenerationStream, HiddenStates, LanguageModel, ReplyFormat, SchemaFormat,
};
use crate::config::LocalLlmConfig;
use crate::domain::message::Role;
use crate::providers::{Description, ProviderError};

const BACKEND: &str = "local";

/// Pieces that the engine may be ahead of a reader, before that reader's sequence rests.
const PIECES_AHEAD: usize = 32;

/// A slot's context where the config names none.
const DEFAULT_CONTEXT: usize = 4096;

/// On top of it where the model sees: three large pictures of SmolVLM's.
const FOR_PICTURES: usize = 4096;

/// Smaller models judge no better than the patterns do.
const ABLE_FROM_PARAMETERS: u64 = 1_000_000_000;
const STRONG_FROM_PARAMETERS: u64 = 7_000_000_000;

/// Prompts longer than this are tokenised off the async threads.
const LONG_PROMPT_BYTES: usize = 16 * 1024;

pub struct LlamaLanguageModel {
    name: String,
    model: Arc<LlamaModel>,
    prompter: Arc<Prompter>,
    /// `None`: it sees no pictures.
    vision: Option<Vision>,
    /// Tokens that hold a mark of markup.
    markup: Arc<[LlamaToken]>,
    context_tokens: usize,
    threads: usize,
    /// Requests that run or wait.
    places: Arc<Semaphore>,
    /// Of those, how many only wait: work ahead doesn't begin where people wait.
    queue_length: usize,
    ahead: Arc<Semaphore>,
    /// `None` only while dropping.
    jobs: Option<mpsc::UnboundedSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl LlamaLanguageModel {
    /// Loads and warms the model; with a projector, it sees pictures. `name` is what health shows.
    ///
    /// # Errors
    /// `Failed` where a file isn't a model that llama.cpp knows, its chat template is unknown, the projector is another
    /// model's, or memory lacks.
    pub fn load(
        name: String,
        weights: &Path,
        projector: Option<&Path>,
        config: &LocalLlmConfig,
    ) -> Result<Self, ProviderError> {
        let model = Arc::new(
            LlamaModel::load_from_file(backend()?, weights, &LlamaModelParams::default())
                .map_err(|error| failed(format!("can't load {name}: {error}")))?,
        );
        let trained = usize::try_from(model.n_ctx_train()).unwrap_or(usize::MAX);
        let for_pictures = if projector.is_some() { FOR_PICTURES } else { 0 };
        let context_tokens = (config.context_tokens.unwrap_or(DEFAULT_CONTEXT) + for_pictures).min(trained);
        let prompter = Arc::new(Prompter::new(Arc::clone(&model))?);
        let settings = EngineSettings { sessions: config.slots, context_tokens, threads: config.threads };
        let (jobs, inbox) = mpsc::unbounded_channel();
        let (ready, loaded) = std::sync::mpsc::channel();
        let engine_model = Arc::clone(&model);
        let thread = std::thread::Builder::new()
            .name("engine-llm".into())
            .spawn(move || match Engine::new(engine_model, &settings) {
                Ok(engine) => {
                    // The receiver waits below.
                    drop(ready.send(Ok(())));
                    engine.run(inbox);
                }
                Err(error) => drop(ready.send(Err(error))),
            })
            .map_err(|error| failed(format!("can't start a thread: {error}")))?;
        loaded.recv().map_err(|_| failed("the engine panicked while loading".into()))??;
        let see = |projector| Vision::load(Arc::clone(&model), projector, config.threads);
        let vision = projector.map(see).transpose()?;
        Ok(Self {
            name,
            vision,
            markup: sampler::markup(&model),
            model,
            prompter,
            context_tokens,
            threads: config.threads,
            places: Arc::new(Semaphore::new(config.slots + config.queue_length)),
            queue_length: config.queue_length,
            ahead: Arc::new(Semaphore::new(config.slots)),
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// The messages' pictures, computed, in their order.
    async fn pictures(&self, messages: &[ChatMessage]) -> Result<Vec<Arc<Picture>>, ProviderError> {
        let mut pictures = Vec::new();
        for image in messages.iter().flat_map(|message| &message.images) {
            let vision = self.vision.as_ref().ok_or_else(|| invalid("this model sees no pictures".into()))?;
            pictures.push(vision.read(image.clone()).await?);
        }
        Ok(pictures)
    }

    async fn prompt_with_tools(&self, request: &GenerationRequest) -> Result<(Prompt, Calling), ProviderError> {
        let pictures = self.pictures(&request.messages).await?;
        let (prompter, messages) = (Arc::clone(&self.prompter), request.messages.clone());
        let tools = request.tools.clone();
        // Reading the template takes milliseconds.
        let (prompt, calling) =
            tokio::task::spawn_blocking(move || prompter.prompt_with_tools(&messages, &pictures, tools.as_ref()))
                .await
                .map_err(|_| failed("laying out the prompt ended without an answer".into()))??;
        if prompt.len() >= self.context_tokens {
            return Err(too_long(prompt.len(), self.context_tokens));
        }
        Ok((prompt, calling))
    }

    async fn prompt(&self, messages: &[ChatMessage], generation: bool) -> Result<Prompt, ProviderError> {
        if messages.is_empty() {
            return Err(invalid("the prompt has no messages".into()));
        }
        let pictures = self.pictures(messages).await?;
        let bytes: usize = messages.iter().map(|message| message.text.len()).sum();
        let prompt = if bytes <= LONG_PROMPT_BYTES {
            self.prompter.prompt(messages, &pictures, generation)?
        } else {
            let (prompter, messages) = (Arc::clone(&self.prompter), messages.to_vec());
            tokio::task::spawn_blocking(move || prompter.prompt(&messages, &pictures, generation))
                .await
                .map_err(|_| failed("tokenising ended without an answer".into()))??
        };
        if prompt.len() >= self.context_tokens {
            return Err(too_long(prompt.len(), self.context_tokens));
        }
        Ok(prompt)
    }

    fn submit(
        &self,
        prompt: Prompt,
        request: &GenerationRequest,
        kind: Kind,
        place: OwnedSemaphorePermit,
    ) -> Result<(), ProviderError> {
        let job = Job {
            prompt,
            owner: request.session.map(Owner::Session).or(request.prefix.map(Owner::Prefix)),
            cancel: request.cancel.clone(),
            submitted: Instant::now(),
            span: Span::current(),
            kind,
            _place: place,
        };
        let jobs = self.jobs.as_ref().expect("the engine's inbox is there until drop");
        jobs.send(job).map_err(|_| failed("the engine's thread has ended".into()))
    }
}

#[async_trait]
impl LanguageModel for LlamaLanguageModel {
    fn describe(&self) -> Description {
        Description { backend: BACKEND, model: self.name.clone() }
    }

    /// Of text: the rest is for pictures.
    fn context_tokens(&self) -> usize {
        let for_pictures = if self.vision.is_some() { FOR_PICTURES.min(self.context_tokens / 2) } else { 0 };
        self.context_tokens - for_pictures
    }

    fn count_tokens(&self, text: &str) -> usize {
        self.prompter.count(text)
    }

    fn ability(&self) -> Ability {
        match self.model.n_params() {
            ..ABLE_FROM_PARAMETERS => Ability::Small,
            ABLE_FROM_PARAMETERS..STRONG_FROM_PARAMETERS => Ability::Able,
            STRONG_FROM_PARAMETERS.. => Ability::Strong,
        }
    }

    fn hidden_states(&self, layers: &[usize]) -> Option<Result<Arc<dyn HiddenStates>, ProviderError>> {
        let states = States::new(Arc::clone(&self.model), layers, self.threads);
        Some(states.map(|states| Arc::new(states) as Arc<dyn HiddenStates>))
    }

    fn writes_ahead(&self) -> bool {
        true
    }

    fn sees_pictures(&self) -> bool {
        self.vision.is_some()
    }

    async fn stream(&self, request: GenerationRequest) -> Result<GenerationStream, ProviderError> {
        if request.cancel.is_cancelled() {
            return Err(ProviderError::Cancelled);
        }
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| busy())?;
        let (prompt, calling) = if request.speaks_of_tools() {
            let (prompt, calling) = self.prompt_with_tools(&request).await?;
            (prompt, Some(calling))
        } else {
            (self.prompt(&request.messages, true).await?, None)
        };
        let mut grammar = request.format.as_ref().map(grammar_of).transpose()?;
        if let Some(of_calls) = calling.as_ref().and_then(Calling::grammar) {
            if grammar.is_some() {
                return Err(invalid("a reply in a format calls no functions: leave one of the two out".into()));
            }
            grammar = Some(of_calls);
        }
        if let Some(grammar) = &grammar {
            sampler::check_grammar(&self.model, grammar).map_err(invalid)?;
        }
        let own_stops = calling.as_ref().map_or(&[][..], Calling::stops);
        let (pieces, received) = mpsc::channel(PIECES_AHEAD);
        let (ending, ended) = oneshot::channel();
        let kind = Kind::Reply(Box::new(ReplyJob {
            max_tokens: request.max_tokens,
            sampling: request.sampling,
            grammar,
            shown: calling.as_ref().map(|calling| calling.shown(self.prompter.marks())).unwrap_or_default(),
            // A call is written in marks of markup.
            unwanted: (request.plain && request.tools.is_none()).then(|| Arc::clone(&self.markup)),
            stop: request.stop.iter().chain(own_stops).cloned().collect(),
            pieces,
            ending,
        }));
        self.submit(prompt, &request, kind, place)?;
        let reply = Reply { pieces: received, ending: ended, cancel: request.cancel }.into_stream();
        Ok(match calling {
            Some(calling) => calling.read(reply),
            None => reply,
        })
    }

    async fn prepare(&self, request: &GenerationRequest) -> Result<(), ProviderError> {
        if request.session.is_none() && request.prefix.is_none() {
            return Ok(());
        }
        if self.places.available_permits() <= self.queue_length {
            return Err(busy());
        }
        let place = Arc::clone(&self.ahead).try_acquire_owned().map_err(|_| busy())?;
        let whole = request.messages.last().is_some_and(|message| message.role == Role::User);
        let prompt = match request.speaks_of_tools() {
            true => self.prompt_with_tools(request).await?.0,
            false => self.prompt(&request.messages, whole).await?,
        };
        let (done, outcome) = oneshot::channel();
        self.submit(prompt, request, Kind::Ahead(done), place)?;
        tokio::select! {
            outcome = outcome => outcome.map_err(|_| failed("the engine's thread has ended".into()))?,
            () = request.cancel.cancelled() => Err(ProviderError::Cancelled),
        }
    }
}

/// Ends within a step: whatever still runs is cancelled.
impl Drop for LlamaLanguageModel {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the language model's thread panicked");
        }
    }
}

/// llama.cpp is started once in a process, and stays.
fn backend() -> Result<&'static LlamaBackend, ProviderError> {
    static STARTED: OnceLock<Result<LlamaBackend, String>> = OnceLock::new();
    STARTED
        .get_or_init(|| {
            raw::log_to_tracing();
            LlamaBackend::init().map_err(|error| error.to_string())
        })
        .as_ref()
        .map_err(|error| failed(format!("llama.cpp can't start: {error}")))
}

fn grammar_of(format: &ReplyFormat) -> Result<Grammar, ProviderError> {
    let text = match format {
        ReplyFormat::Schema(SchemaFormat { grammar: Some(grammar), .. }) => grammar.clone(),
        ReplyFormat::Schema(SchemaFormat { schema, .. }) => calling::grammar_of_schema(schema)?,
        ReplyFormat::Object => calling::grammar_of_schema(&serde_json::json!({"type": "object"}))?,
    };
    Ok(Grammar::whole(text))
}

fn failed(reason: String) -> ProviderError {
    ProviderError::Failed { backend: BACKEND, reason }
}

fn invalid(reason: String) -> ProviderError {
    ProviderError::InvalidInput { backend: BACKEND, reason }
}

fn too_long(tokens: usize, context: usize) -> ProviderError {
    invalid(format!("the prompt has {tokens} tokens, the context holds {context}"))
}

fn busy() -> ProviderError {
    ProviderError::Busy { backend: BACKEND, retry_after: Duration::from_secs(1) }
}
