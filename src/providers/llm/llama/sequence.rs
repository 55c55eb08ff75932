//! One request on the engine's thread: what is left to compute, and what goes out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::Span;

use super::mtmd::Embeddings;
use super::prompt::Prompt;
use super::raw;
use super::sampler::{Grammar, Sampler};
use super::slots::Owner;
use super::utf8::Utf8Assembler;
use crate::domain::stage::EngineTiming;
use crate::providers::ProviderError;
use crate::providers::llm::stop::{Scanned, StopScanner};
use crate::providers::llm::{Finish, Sampling, Usage};

/// A request as it reaches the engine.
pub(super) struct Job {
    pub(super) prompt: Prompt,
    pub(super) owner: Option<Owner>,
    pub(super) cancel: CancellationToken,
    pub(super) submitted: Instant,
    pub(super) span: Span,
    pub(super) kind: Kind,
    /// Given back when the request ends.
    pub(super) _place: OwnedSemaphorePermit,
}

pub(super) enum Kind {
    Reply(Box<ReplyJob>),
    /// Only the prompt is computed.
    Ahead(oneshot::Sender<Result<(), ProviderError>>),
}

pub(super) struct ReplyJob {
    pub(super) max_tokens: usize,
    pub(super) sampling: Sampling,
    pub(super) grammar: Option<Grammar>,
    /// Control tokens that are part of the text.
    pub(super) shown: Vec<LlamaToken>,
    /// Tokens that never come.
    pub(super) unwanted: Option<Arc<[LlamaToken]>>,
    pub(super) stop: Vec<String>,
    pub(super) pieces: mpsc::Sender<String>,
    pub(super) ending: oneshot::Sender<Result<Ending, ProviderError>>,
}

/// The last of a reply: it needs no room in the channel of its pieces, so that an ending waits for nobody.
pub(super) struct Ending {
    pub(super) text: String,
    pub(super) usage: Usage,
}

impl Job {
    /// Nobody wants the answer any more.
    pub(super) fn is_given_up(&self) -> bool {
        let gone = match &self.kind {
            Kind::Reply(reply) => reply.pieces.is_closed(),
            Kind::Ahead(done) => done.is_closed(),
        };
        gone || self.cancel.is_cancelled()
    }

    pub(super) fn is_ahead(&self) -> bool {
        matches!(self.kind, Kind::Ahead(_))
    }

    /// Lower goes first: people who wait, then questions of no session, then work ahead.
    pub(super) fn rank(&self) -> u8 {
        match (&self.kind, self.owner) {
            (Kind::Reply(_), Some(Owner::Session(_))) => 0,
            (Kind::Reply(_), _) => 1,
            (Kind::Ahead(_), _) => 2,
        }
    }

    pub(super) fn fail(self, error: ProviderError) {
        // Whoever is gone doesn't need to know.
        match self.kind {
            Kind::Reply(reply) => drop(reply.ending.send(Err(error))),
            Kind::Ahead(done) => drop(done.send(Err(error))),
        }
    }
}

/// A request that has a slot.
pub(super) struct Sequence {
    pub(super) job: Job,
    pub(super) slot: usize,
    /// Tokens to compute: the rest of the prompt, or the token that was drawn last.
    pub(super) todo: Vec<LlamaToken>,
    pictures: Vec<Placed>,
    speaker: Option<Speaker>,
    usage: Usage,
    started: Instant,
    parked: Duration,
    parked_since: Option<Instant>,
}

/// Rows of a picture, and the position of the first.
pub(super) struct Placed {
    pub(super) start: usize,
    pub(super) embeddings: Arc<Embeddings>,
}

/// What a reply has and work ahead has not.
struct Speaker {
    sampler: Sampler,
    letters: Utf8Assembler,
    stops: StopScanner,
    /// A piece for which there was no room.
    unsent: String,
}

impl Sequence {
    /// `None` where the job can't begin; it was told why.
    pub(super) fn begin(
        model: &LlamaModel,
        job: Job,
        slot: usize,
        prompt: &[LlamaToken],
        cached: usize,
    ) -> Option<Self> {
        let speaker = match &job.kind {
            Kind::Ahead(_) => None,
            Kind::Reply(reply) => {
                match Sampler::new(model, reply.sampling, reply.grammar.as_ref(), reply.unwanted.clone()) {
                    Ok(sampler) => Some(Speaker {
                        sampler,
                        letters: Utf8Assembler::default(),
                        stops: StopScanner::new(&reply.stop),
                        unsent: String::new(),
                    }),
                    Err(reason) => {
                        job.fail(super::invalid(reason));
                        return None;
                    }
                }
            }
        };
        let usage = Usage {
            prompt_tokens: prompt.len(),
            computed_prompt_tokens: prompt.len() - cached,
            completion_tokens: 0,
            finish: Finish::Stop,
            timing: EngineTiming { queued: job.submitted.elapsed(), inference: Duration::ZERO },
        };
        let todo = prompt[cached..].to_vec();
        let pictures = placed(&job.prompt, prompt);
        let started = Instant::now();
        Some(Self { job, slot, todo, pictures, speaker, usage, started, parked: Duration::ZERO, parked_since: None })
    }

    /// The picture whose row stands at a position.
    pub(super) fn picture_at(&self, position: usize) -> Option<&Placed> {
        self.pictures.iter().find(|one| (one.start..one.start + one.embeddings.rows).contains(&position))
    }

    /// Past its prompt: it decodes one token a step.
    pub(super) fn is_speaking(&self) -> bool {
        self.usage.completion_tokens > 0
    }

    /// Waits for its reader. Tries first to hand over what is unsent.
    pub(super) fn is_parked(&mut self) -> bool {
        let (Some(speaker), Kind::Reply(reply)) = (&mut self.speaker, &self.job.kind) else { return false };
        if !speaker.unsent.is_empty()
            && let Err(TrySendError::Full(text)) = reply.pieces.try_send(std::mem::take(&mut speaker.unsent))
        {
            speaker.unsent = text;
            self.parked_since.get_or_insert_with(Instant::now);
            return true;
        }
        if let Some(since) = self.parked_since.take() {
            self.parked += since.elapsed();
        }
        false
    }

    /// Ends when a parked sequence may go on, or is given up.
    pub(super) async fn wake(&self) {
        if let Kind::Reply(reply) = &self.job.kind {
            // An error says that the reader is gone, which is a reason to wake too.
            tokio::select! {
                room = reply.pieces.reserve() => drop(room),
                () = self.job.cancel.cancelled() => {}
            }
        }
    }

    /// Takes the logits of the last token; returns how the request ends, if it does.
    pub(super) fn advance(&mut self, model: &LlamaModel, logits: &mut [f32], room: usize) -> Option<Finish> {
        let (Some(speaker), Kind::Reply(reply)) = (&mut self.speaker, &self.job.kind) else {
            return Some(Finish::Stop);
        };
        if self.usage.completion_tokens >= reply.max_tokens {
            return Some(Finish::Length);
        }
        let Some(token) = speaker.sampler.sample(logits).filter(|token| !model.is_eog_token(*token)) else {
            return Some(Finish::Stop);
        };
        self.usage.completion_tokens += 1;
        let letters = speaker.letters.push(&raw::piece(model, token, reply.shown.contains(&token)));
        let stopped = match speaker.stops.push(&letters) {
            Scanned::Text(text) => {
                speaker.unsent.push_str(&text);
                false
            }
            Scanned::Stopped(text) => {
                speaker.unsent.push_str(&text);
                true
            }
        };
        if stopped {
            return Some(Finish::Stop);
        }
        if self.usage.completion_tokens >= reply.max_tokens || room == 0 {
            return Some(Finish::Length);
        }
        self.todo.push(token);
        // Out at once where there is room.
        self.is_parked();
        None
    }

    /// Hands over the ending, with all that was held back.
    pub(super) fn finish(self, finish: Finish) {
        let Self { job, speaker, mut usage, started, parked, parked_since, .. } = self;
        let parked = parked + parked_since.map_or(Duration::ZERO, |since| since.elapsed());
        usage.finish = finish;
        usage.timing.inference = started.elapsed().saturating_sub(parked);
        job.span.in_scope(|| {
            tracing::debug!(
                llm.prompt_tokens = usage.prompt_tokens,
                llm.computed_prompt_tokens = usage.computed_prompt_tokens,
                llm.completion_tokens = usage.completion_tokens,
                llm.ahead = speaker.is_none(),
                llm.finish = ?finish,
                "the language model is done"
            );
        });
        metrics::counter!("rose_llm_prompt_tokens_total").increment(usage.prompt_tokens as u64);
        metrics::counter!("rose_llm_prompt_tokens_computed_total").increment(usage.computed_prompt_tokens as u64);
        metrics::counter!("rose_llm_completion_tokens_total").increment(usage.completion_tokens as u64);
        match (job.kind, speaker) {
            (Kind::Reply(reply), Some(mut speaker)) => {
                let mut text = std::mem::take(&mut speaker.unsent);
                // After a stop text nothing is held; a half letter at the end is no letter.
                text.push_str(&speaker.stops.finish());
                drop(reply.ending.send(Ok(Ending { text, usage })));
            }
            (Kind::Ahead(done), _) => {
                let outcome = if finish == Finish::Cancelled { Err(ProviderError::Cancelled) } else { Ok(()) };
                drop(done.send(outcome));
            }
            (Kind::Reply(_), None) => unreachable!("every reply has a speaker"),
        }
    }

    pub(super) fn fail(self, error: ProviderError) {
        self.job.fail(error);
    }
}

fn placed(prompt: &Prompt, tokens: &[LlamaToken]) -> Vec<Placed> {
    let mut from = 0;
    let places = prompt.pictures().filter_map(|rows| {
        let start = from + tokens[from..].iter().position(|token| rows.marks.first() == Some(token))?;
        from = start + rows.marks.len();
        Some(Placed { start, embeddings: Arc::clone(&rows.embeddings) })
    });
    places.collect()
}
