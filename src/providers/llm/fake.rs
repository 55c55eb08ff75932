//! A language model without a model: it answers deterministically from the last message. For tests, the web page's
//! development, and load runs; health says `fake`.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use futures::stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::stop::{Scanned, StopScanner};
use super::{
    Ability, ChatMessage, Delta, Finish, GenerationRequest, GenerationStream, LanguageModel, ToolCall, ToolChoice,
    Usage,
};
use crate::config::FakeLlmConfig;
use crate::domain::ids::SessionId;
use crate::domain::message::Role;
use crate::domain::stage::EngineTiming;
use crate::providers::{Description, ProviderError};

const BACKEND: &str = "fake";

/// Sessions whose prompt counts as cached.
const CACHED_SESSIONS: usize = 1024;

/// Words of the person's that come back in the reply.
const ECHOED_WORDS: usize = 24;

/// A token is a word; each message has one more that says whose it is.
pub struct FakeLanguageModel {
    config: FakeLlmConfig,
    places: Arc<Semaphore>,
    cache: Arc<Mutex<PrefixCache>>,
}

impl FakeLanguageModel {
    pub fn new(config: &FakeLlmConfig) -> Self {
        Self {
            config: config.clone(),
            places: Arc::new(Semaphore::new(config.concurrency.min(Semaphore::MAX_PERMITS))),
            cache: Arc::default(),
        }
    }

    fn prompt(&self, request: &GenerationRequest) -> Result<Vec<u64>, ProviderError> {
        let prompt = tokens_of(&request.messages);
        if prompt.is_empty() {
            return Err(invalid("the prompt has no messages".into()));
        }
        if prompt.len() >= self.config.context_tokens {
            let (tokens, context) = (prompt.len(), self.config.context_tokens);
            return Err(invalid(format!("the prompt has {tokens} tokens, the context holds {context}")));
        }
        Ok(prompt)
    }

    fn place(&self) -> Result<OwnedSemaphorePermit, ProviderError> {
        Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| ProviderError::Busy { backend: BACKEND, retry_after: std::time::Duration::from_secs(1) })
    }
}

#[async_trait]
impl LanguageModel for FakeLanguageModel {
    fn describe(&self) -> Description {
        Description { backend: BACKEND, model: "fake".into() }
    }

    fn ability(&self) -> Ability {
        Ability::Small
    }

    fn context_tokens(&self) -> usize {
        self.config.context_tokens
    }

    fn count_tokens(&self, text: &str) -> usize {
        text.split_whitespace().count()
    }

    fn sees_pictures(&self) -> bool {
        true
    }

    async fn stream(&self, request: GenerationRequest) -> Result<GenerationStream, ProviderError> {
        if request.format.is_some() {
            return Err(invalid("it can't keep to a format".into()));
        }
        let prompt = self.prompt(&request)?;
        let place = self.place()?;
        let cached = remember(&self.cache, request.session, &prompt);
        let call = call_of(&request);
        let reply = if call.is_some() { String::new() } else { reply_to(&request.messages) };
        let mut words: VecDeque<String> = reply.split_inclusive(' ').map(str::to_owned).collect();
        let room = self.config.context_tokens - prompt.len();
        let limit = request.max_tokens.min(room);
        let cut = words.len() > limit;
        words.truncate(limit);
        let generation = Generation {
            usage: Usage {
                prompt_tokens: prompt.len(),
                // A whole hit still computes the last token, as a real model must.
                computed_prompt_tokens: (prompt.len() - cached).max(1),
                completion_tokens: 0,
                finish: if cut { Finish::Length } else { Finish::Stop },
                timing: EngineTiming::default(),
            },
            words,
            call,
            stops: StopScanner::new(&request.stop),
            started: Instant::now(),
            said: prompt,
            cache: Arc::clone(&self.cache),
            config: self.config.clone(),
            request,
            _place: place,
        };
        Ok(Box::pin(stream::unfold(Some(generation), |generation| async move { generation?.next().await })))
    }

    async fn prepare(&self, request: &GenerationRequest) -> Result<(), ProviderError> {
        let prompt = self.prompt(request)?;
        remember(&self.cache, request.session, &prompt);
        Ok(())
    }
}

/// A reply on its way.
struct Generation {
    words: VecDeque<String>,
    call: Option<ToolCall>,
    stops: StopScanner,
    usage: Usage,
    started: Instant,
    /// The prompt and what was said on top of it: what the session's next prompt finds cached.
    said: Vec<u64>,
    cache: Arc<Mutex<PrefixCache>>,
    config: FakeLlmConfig,
    request: GenerationRequest,
    _place: OwnedSemaphorePermit,
}

impl Generation {
    async fn next(mut self) -> Option<(Result<Delta, ProviderError>, Option<Self>)> {
        loop {
            if self.request.cancel.is_cancelled() {
                return self.done(Finish::Cancelled);
            }
            if let Some(call) = self.call.take() {
                self.usage.completion_tokens += 1;
                self.usage.finish = Finish::Calls;
                return Some((Ok(Delta::Call(call)), Some(self)));
            }
            let Some(word) = self.words.pop_front() else {
                let rest = self.stops.finish();
                if rest.is_empty() {
                    let finish = self.usage.finish;
                    return self.done(finish);
                }
                return Some((Ok(Delta::Text(rest)), Some(self)));
            };
            let first = self.usage.completion_tokens == 0;
            let delay = if first { self.config.first_token_delay } else { self.config.token_delay };
            if !delay.is_zero() {
                let cancelled = self.request.cancel.run_until_cancelled(tokio::time::sleep(delay)).await.is_none();
                if cancelled {
                    return self.done(Finish::Cancelled);
                }
            }
            if first {
                self.said.push(token("assistant"));
            }
            self.said.push(token(word.trim_end()));
            self.usage.completion_tokens += 1;
            match self.stops.push(&word) {
                Scanned::Text(text) if text.is_empty() => {}
                Scanned::Text(text) => return Some((Ok(Delta::Text(text)), Some(self))),
                Scanned::Stopped(text) => {
                    self.words.clear();
                    self.usage.finish = Finish::Stop;
                    if !text.is_empty() {
                        return Some((Ok(Delta::Text(text)), Some(self)));
                    }
                }
            }
        }
    }

    fn done(mut self, finish: Finish) -> Option<(Result<Delta, ProviderError>, Option<Self>)> {
        self.usage.finish = finish;
        self.usage.timing.inference = self.started.elapsed();
        remember(&self.cache, self.request.session, &self.said);
        Some((Ok(Delta::Done(self.usage)), None))
    }
}

/// The prompts of the latest sessions, as hashes of their tokens; the latest used last.
#[derive(Default)]
struct PrefixCache {
    sessions: VecDeque<(SessionId, Vec<u64>)>,
}

/// Keeps `tokens` as the session's prompt; returns how many of them it began with before.
fn remember(cache: &Mutex<PrefixCache>, session: Option<SessionId>, tokens: &[u64]) -> usize {
    let Some(session) = session else { return 0 };
    // Every change is made in one step, so that a panic elsewhere leaves nothing half done.
    let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
    let known = cache.sessions.iter().position(|(id, _)| *id == session);
    let before = known.and_then(|at| cache.sessions.remove(at)).map(|(_, tokens)| tokens).unwrap_or_default();
    cache.sessions.push_back((session, tokens.to_vec()));
    if cache.sessions.len() > CACHED_SESSIONS {
        cache.sessions.pop_front();
    }
    before.iter().zip(tokens).take_while(|(a, b)| a == b).count()
}

/// Calls the function that it must, or that the person names, with their words as `text`; not where a result came last.
fn call_of(request: &GenerationRequest) -> Option<ToolCall> {
    let tools = request.tools.as_ref()?;
    let last = request.messages.last().filter(|message| message.answers.is_none())?;
    let tool = match &tools.choice {
        ToolChoice::Never => None,
        ToolChoice::Auto => tools.offered.iter().find(|tool| last.text.contains(&tool.name)),
        ToolChoice::Required => tools.offered.first(),
        ToolChoice::Named(name) => tools.offered.iter().find(|tool| tool.name == *name),
    };
    let arguments = serde_json::json!({"text": last.text}).to_string();
    let id = format!("call_{}", request.messages.len());
    Some(ToolCall { id, name: tool?.name.clone(), arguments })
}

/// Two spoken sentences; the second counts the pictures, or changes with the number of the person's messages.
fn reply_to(messages: &[ChatMessage]) -> String {
    const SECOND: [&str; 3] = ["Tell me more about that.", "I am listening.", "How does that feel?"];
    let said: Vec<_> = messages.iter().filter(|message| message.role == Role::User).collect();
    let last = said.last().map_or("", |message| message.text.as_str());
    let words: Vec<_> = last.split_whitespace().take(ECHOED_WORDS).collect();
    let echo = words.join(" ");
    let echo = echo.trim_end_matches(|c: char| c.is_ascii_punctuation());
    let second = match said.last().map_or(0, |message| message.images.len()) {
        0 => SECOND[said.len() % SECOND.len()].to_owned(),
        1 => "You showed me one picture.".to_owned(),
        pictures => format!("You showed me {pictures} pictures."),
    };
    if echo.is_empty() { second } else { format!("You said: {echo}. {second}") }
}

fn tokens_of(messages: &[ChatMessage]) -> Vec<u64> {
    messages
        .iter()
        .flat_map(|message| std::iter::once(message.role.as_str()).chain(message.text.split_whitespace()))
        .map(token)
        .collect()
}

fn token(word: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    word.hash(&mut hasher);
    hasher.finish()
}

fn invalid(reason: String) -> ProviderError {
    ProviderError::InvalidInput { backend: BACKEND, reason }
}
