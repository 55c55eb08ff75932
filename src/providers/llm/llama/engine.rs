//! The engine's thread: it owns the context, and computes one batch after another for everyone who is being answered.
//!
//! Whoever speaks gets a token in each step; prompts share what is left of the step, in pieces, so that nobody's
//! speech waits for a long prompt.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use llama_cpp_2::model::LlamaModel;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::mpsc::error::TryRecvError;

use super::raw::{Batch, CachePrecision, Context, ContextSettings, RawError};
use super::sequence::{Job, Sequence};
use super::slots::{Slots, common};
use super::vision::is_mark;
use super::{failed, raw};
use crate::providers::ProviderError;
use crate::providers::llm::Finish;

/// The most that one step computes.
const STEP_TOKENS: usize = 256;

/// For the beginnings of one-off questions, beside the sessions' cells.
const PREFIX_CELLS: usize = 4096;

/// How long a step may take while others speak, and while nobody does: cancelling waits for at most this.
const BESIDE_SPEECH: Duration = Duration::from_millis(60);
const ALONE: Duration = Duration::from_millis(250);

pub(super) struct Engine {
    model: Arc<LlamaModel>,
    context: Context,
    slots: Slots,
    sessions: usize,
    context_tokens: usize,
    waiting: VecDeque<Job>,
    running: Vec<Sequence>,
    batch: Batch,
    /// Prompt tokens in a step beside speech, and alone.
    beside: usize,
    alone: usize,
}

pub(super) struct EngineSettings {
    pub(super) sessions: usize,
    pub(super) context_tokens: usize,
    pub(super) threads: usize,
}

impl Engine {
    /// Makes the context and warms it: after this the first request is as fast as the tenth.
    ///
    /// # Errors
    /// `Failed` where there is no memory for it, or the model doesn't compute.
    pub(super) fn new(model: Arc<LlamaModel>, settings: &EngineSettings) -> Result<Self, ProviderError> {
        let number = |value: usize| u32::try_from(value).map_err(|_| failed(format!("{value} is too large")));
        let context = Context::new(
            Arc::clone(&model),
            ContextSettings {
                cells: number(settings.context_tokens * settings.sessions + PREFIX_CELLS)?,
                sequences: number(Slots::count(settings.sessions))?,
                batch_tokens: number(STEP_TOKENS)?,
                threads: i32::try_from(settings.threads).map_err(|_| failed("too many threads".into()))?,
                cache: CachePrecision::Half,
            },
        )
        .map_err(|error| failed(error.to_string()))?;
        let mut engine = Self {
            model,
            context,
            slots: Slots::new(settings.sessions),
            sessions: settings.sessions,
            context_tokens: settings.context_tokens,
            waiting: VecDeque::new(),
            running: Vec::new(),
            batch: Batch::default(),
            beside: 0,
            alone: 0,
        };
        engine.warm()?;
        Ok(engine)
    }

    /// Computes twice: the first touches every weight, the second tells the machine's speed, from which the size of a
    /// step follows. It stays the same from then on, so that the same seed gives the same text.
    fn warm(&mut self) -> Result<(), ProviderError> {
        const TOKENS: usize = 32;
        let token = self.model.token_nl();
        let mut took = Duration::ZERO;
        for _ in 0..2 {
            self.batch.clear();
            for position in 0..TOKENS {
                self.batch.push(token, position, 0, position + 1 == TOKENS);
            }
            let started = Instant::now();
            self.context.decode(&mut self.batch).map_err(|error| failed(error.to_string()))?;
            took = started.elapsed();
            self.context.clear();
        }
        let in_time = |time: Duration| (time.as_secs_f64() / took.as_secs_f64().max(1e-6) * TOKENS as f64) as usize;
        self.beside = in_time(BESIDE_SPEECH).clamp(8, 128);
        self.alone = in_time(ALONE).clamp(32, STEP_TOKENS);
        tracing::debug!(
            llm.step_tokens = self.alone,
            llm.step_tokens_beside = self.beside,
            "the language model is warm"
        );
        Ok(())
    }

    /// Serves until every handle is gone; then whatever still runs is cancelled.
    pub(super) fn run(mut self, mut jobs: UnboundedReceiver<Job>) {
        while self.receive(&mut jobs) {
            self.drop_given_up();
            self.admit();
            self.step();
        }
        for sequence in self.running {
            sequence.finish(Finish::Cancelled);
        }
        for job in self.waiting {
            job.fail(ProviderError::Cancelled);
        }
    }

    /// Takes new jobs; waits for one where there is nothing to compute. `false` once no more can come.
    fn receive(&mut self, jobs: &mut UnboundedReceiver<Job>) -> bool {
        loop {
            match jobs.try_recv() {
                Ok(job) => self.waiting.push_back(job),
                Err(TryRecvError::Disconnected) => return false,
                Err(TryRecvError::Empty) => break,
            }
        }
        if self.running.is_empty() && self.waiting.is_empty() {
            return jobs.blocking_recv().map(|job| self.waiting.push_back(job)).is_some();
        }
        let all_parked = !self.running.is_empty() && self.running.iter_mut().all(Sequence::is_parked);
        let may_admit = !self.waiting.is_empty() && self.running.len() < self.sessions;
        if !all_parked || may_admit {
            return true;
        }
        // Everyone waits for their reader: so does the thread, for any of them or for a new job.
        let (running, waiting) = (&self.running, &self.waiting);
        let job = futures::executor::block_on(async {
            let readers = futures::future::select_all(running.iter().map(|sequence| Box::pin(sequence.wake())));
            let given_up = async {
                if waiting.is_empty() {
                    std::future::pending::<()>().await;
                }
                let tokens = waiting.iter().map(|job| Box::pin(job.cancel.cancelled()));
                futures::future::select_all(tokens).await;
            };
            tokio::select! {
                job = jobs.recv() => Some(job),
                _ = readers => None,
                () = given_up => None,
            }
        });
        match job {
            Some(Some(job)) => self.waiting.push_back(job),
            Some(None) => return false,
            None => {}
        }
        true
    }

    fn drop_given_up(&mut self) {
        for at in (0..self.running.len()).rev() {
            if self.running[at].job.is_given_up() {
                self.end(at, Finish::Cancelled);
            }
        }
        for at in (0..self.waiting.len()).rev() {
            if self.waiting[at].is_given_up()
                && let Some(job) = self.waiting.remove(at)
            {
                job.fail(ProviderError::Cancelled);
            }
        }
    }

    /// Gives slots to those who wait, people before work ahead. Who comes for a session takes over its work ahead.
    fn admit(&mut self) {
        let mut jobs: Vec<Job> = self.waiting.drain(..).collect();
        // Stable: among equals the first stays first.
        jobs.sort_by_key(Job::is_ahead);
        for job in jobs {
            if !job.is_ahead() {
                let same = |sequence: &Sequence| sequence.job.is_ahead() && sequence.job.owner == job.owner;
                if let Some(at) = self.running.iter().position(same) {
                    self.end(at, Finish::Cancelled);
                }
                if self.running.len() >= self.sessions
                    && let Some(at) = self.running.iter().position(|sequence| sequence.job.is_ahead())
                {
                    self.end(at, Finish::Cancelled);
                }
            }
            let slot = if self.running.len() < self.sessions { self.slots.take(job.owner) } else { None };
            match slot {
                Some(slot) => self.begin(job, slot),
                None => self.waiting.push_back(job),
            }
        }
    }

    /// Finds what of the prompt is computed already, here or in another slot.
    fn begin(&mut self, job: Job, slot: usize) {
        let prompt = job.prompt.tokens(&self.model, &self.slots.get(slot).tokens);
        // The replies' tokens may be other than counted.
        if prompt.len() >= self.context_tokens {
            self.slots.release(slot);
            return job.fail(super::too_long(prompt.len(), self.context_tokens));
        }
        // The last token is computed again where its logits are wanted.
        let most = if job.is_ahead() { prompt.len() } else { prompt.len().saturating_sub(1) };
        let mut cached = common(&self.slots.get(slot).tokens, &prompt).min(most);
        if !self.context.truncate(slot, cached) {
            self.context.truncate(slot, 0);
            cached = 0;
        }
        if raw::has_positional_memory(&self.model)
            && let Some((donor, shared)) = self.slots.donor(slot, &prompt[..most], cached)
        {
            self.context.share(donor, slot, cached..shared);
            cached = shared;
        }
        self.slots.get_mut(slot).tokens = prompt[..cached].to_vec();
        match Sequence::begin(&self.model, job, slot, &prompt, cached) {
            Some(sequence) if sequence.todo.is_empty() => {
                self.slots.release(slot);
                sequence.finish(Finish::Stop);
            }
            Some(sequence) => self.running.push(sequence),
            None => self.slots.release(slot),
        }
    }

    fn end(&mut self, at: usize, finish: Finish) {
        let sequence = self.running.remove(at);
        self.slots.release(sequence.slot);
        sequence.finish(finish);
    }

    /// One batch: who takes part with how many tokens, and the row of the last one's logits.
    fn step(&mut self) {
        self.step_picture();
        let parts = self.fill();
        if self.batch.is_empty() {
            return;
        }
        if let Err(error) = self.with_room(|context, batch| context.decode(batch)) {
            return self.lose(&parts, &error);
        }
        let mut ended = Vec::new();
        for part in &parts {
            let sequence = &mut self.running[part.at];
            let slot = self.slots.get_mut(sequence.slot);
            slot.tokens.extend(sequence.todo.drain(..part.tokens));
            if !sequence.todo.is_empty() {
                continue;
            }
            let room = self.context_tokens.saturating_sub(slot.tokens.len() + 1);
            if let Some(finish) = sequence.advance(&self.model, self.context.logits(part.row), room) {
                ended.push((part.at, finish));
            }
        }
        ended.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        for (at, finish) in ended {
            self.end(at, finish);
        }
    }

    /// A piece of the picture that comes next in somebody's prompt: its rows can't be in one batch with tokens.
    fn step_picture(&mut self) {
        let waiting = self
            .running
            .iter()
            .enumerate()
            .filter(|(_, sequence)| sequence.todo.first().is_some_and(|next| is_mark(*next)));
        let Some(at) = waiting.min_by_key(|(_, sequence)| sequence.job.rank()).map(|(at, _)| at) else { return };
        let most = if self.running.iter().any(Sequence::is_speaking) { self.beside } else { self.alone };
        let slot = self.running[at].slot;
        let start = self.slots.get(slot).tokens.len();
        let part = Part { at, tokens: 0, row: 0 };
        let Some(picture) = self.running[at].picture_at(start) else {
            return self.lose(&[part], &RawError::NoPicture);
        };
        let first = start - picture.start;
        let count = most.min(picture.embeddings.rows - first);
        let width = picture.embeddings.width;
        let embeddings = Arc::clone(&picture.embeddings);
        let rows = &embeddings.values[first * width..(first + count) * width];
        match self.with_room(|context, _| context.decode_embeddings(rows, start, slot)) {
            Ok(()) => {
                let computed = self.running[at].todo.drain(..count);
                self.slots.get_mut(slot).tokens.extend(computed);
            }
            Err(error) => self.lose(&[part], &error),
        }
    }

    /// Computes; where no cells are left, which changes nothing, again with those of an idle slot, as long as there is one.
    fn with_room(
        &mut self,
        mut compute: impl FnMut(&mut Context, &mut Batch) -> Result<(), RawError>,
    ) -> Result<(), RawError> {
        loop {
            match compute(&mut self.context, &mut self.batch) {
                Err(RawError::NoSpace) if self.make_room() => {}
                outcome => return outcome,
            }
        }
    }

    /// Forgets the prompt of an idle slot; `false` where there is none.
    fn make_room(&mut self) -> bool {
        let Some(idle) = self.slots.oldest_idle() else { return false };
        self.context.truncate(idle, 0);
        self.slots.get_mut(idle).tokens.clear();
        true
    }

    fn fill(&mut self) -> Vec<Part> {
        let mut order: Vec<(u8, usize)> = Vec::new();
        let mut speaking = 0;
        for (at, sequence) in self.running.iter_mut().enumerate() {
            if sequence.is_parked() {
                continue;
            }
            speaking += usize::from(sequence.is_speaking());
            order.push((if sequence.is_speaking() { 0 } else { 1 + sequence.job.rank() }, at));
        }
        order.sort_unstable();
        let mut left = if speaking > 0 { self.beside + speaking } else { self.alone }.min(STEP_TOKENS);
        let mut parts = Vec::with_capacity(order.len());
        self.batch.clear();
        for (_, at) in order {
            let sequence = &self.running[at];
            // A picture's rows have batches of their own.
            let tokens = sequence.todo.iter().take(left).take_while(|token| !is_mark(**token)).count();
            if tokens == 0 {
                continue;
            }
            left -= tokens;
            let start = self.slots.get(sequence.slot).tokens.len();
            let last = tokens == sequence.todo.len();
            let mut row = 0;
            for (offset, token) in sequence.todo[..tokens].iter().enumerate() {
                row = self.batch.push(*token, start + offset, sequence.slot, last && offset + 1 == tokens);
            }
            parts.push(Part { at, tokens, row });
        }
        parts
    }

    /// A batch that could not be computed: its requests fail, and what their slots hold is unknown.
    fn lose(&mut self, parts: &[Part], error: &RawError) {
        tracing::error!(error = %error, "the language model failed to compute a batch");
        let mut lost: Vec<usize> = parts.iter().map(|part| part.at).collect();
        lost.sort_unstable_by(|a, b| b.cmp(a));
        for at in lost {
            let sequence = self.running.remove(at);
            self.context.truncate(sequence.slot, 0);
            self.slots.get_mut(sequence.slot).tokens.clear();
            self.slots.release(sequence.slot);
            sequence.fail(failed(error.to_string()));
        }
    }
}

struct Part {
    at: usize,
    tokens: usize,
    row: usize,
}
