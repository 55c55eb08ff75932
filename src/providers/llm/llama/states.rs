//! The hidden states behind a text, read in a small context of their own: beside the replies, never in their way for
//! longer than one short text takes.

use std::sync::Arc;

use async_trait::async_trait;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;

use super::raw::{self, Batch, CachePrecision, Context, ContextSettings};
use super::tap::Tap;
use super::{BACKEND, failed, invalid};
use crate::providers::ProviderError;
use crate::providers::llm::{HiddenStates, Question};
use crate::providers::worker::Worker;

/// Question and text together.
const CONTEXT_TOKENS: usize = 1024;

/// What one step computes.
const STEP_TOKENS: usize = 64;

/// Texts that may wait.
const QUEUE: usize = 64;

pub(super) struct States {
    worker: Worker<Reader>,
}

struct Reader {
    model: Arc<LlamaModel>,
    context: Context,
    /// What the context holds the beginning of.
    asked: Vec<LlamaToken>,
}

impl States {
    /// `layers` count from 0 and rise.
    ///
    /// # Errors
    /// `InvalidInput` where the model has no such layer or can't be read so; `Failed` where memory lacks.
    pub(super) fn new(model: Arc<LlamaModel>, layers: &[usize], threads: usize) -> Result<Self, ProviderError> {
        let count = usize::try_from(model.n_layer()).unwrap_or(usize::MAX);
        if layers.is_empty() || !layers.is_sorted() || layers.iter().any(|layer| *layer >= count) {
            return Err(invalid(format!("layers must rise, and be below the model's {count}")));
        }
        if !raw::has_positional_memory(&model) {
            return Err(invalid("the states of a model with a running memory can't be read".into()));
        }
        let layers = layers.to_vec();
        let threads = i32::try_from(threads).map_err(|_| failed("too many threads".into()))?;
        let worker = Worker::start(BACKEND, QUEUE, move || {
            let settings = ContextSettings {
                cells: CONTEXT_TOKENS as u32,
                sequences: 1,
                batch_tokens: STEP_TOKENS as u32,
                threads,
                cache: CachePrecision::Half,
            };
            let context = Context::with_tap(Arc::clone(&model), settings, Tap::new(&layers))
                .map_err(|error| failed(error.to_string()))?;
            Ok(Reader { model, context, asked: Vec::new() })
        })?;
        Ok(Self { worker })
    }
}

#[async_trait]
impl HiddenStates for States {
    async fn read(&self, question: &Question, text: &str) -> Result<Vec<Vec<f32>>, ProviderError> {
        let (before, text) = (question.before, format!("{text}{}", question.after));
        self.worker.run(move |reader| reader.read(before, &text)).await?.0
    }
}

impl Reader {
    fn read(&mut self, before: &str, text: &str) -> Result<Vec<Vec<f32>>, ProviderError> {
        let tokens = |text: &str| raw::tokenize(&self.model, text).map_err(|error| invalid(error.to_string()));
        let (asked, told) = (tokens(before)?, tokens(text)?);
        if asked.len() + told.len() > CONTEXT_TOKENS {
            return Err(super::too_long(asked.len() + told.len(), CONTEXT_TOKENS));
        }
        if told.is_empty() {
            return Err(invalid("there is nothing to read".into()));
        }
        if self.asked != asked {
            self.context.clear();
            self.asked.clear();
            self.compute(&asked, 0)?;
            self.asked = asked;
        }
        self.context.truncate(0, self.asked.len());
        let outcome = self.compute(&told, self.asked.len());
        if outcome.is_err() {
            self.asked.clear();
        }
        outcome?;
        let states = self.context.tapped();
        if states.iter().any(Vec::is_empty) {
            return Err(failed("the model's layers are not named as llama.cpp names them".into()));
        }
        Ok(states)
    }

    fn compute(&mut self, tokens: &[LlamaToken], from: usize) -> Result<(), ProviderError> {
        for (step, part) in tokens.chunks(STEP_TOKENS).enumerate() {
            let mut batch = Batch::default();
            for (at, token) in part.iter().enumerate() {
                let position = from + step * STEP_TOKENS + at;
                batch.push(*token, position, 0, position + 1 == from + tokens.len());
            }
            self.context.decode(&mut batch).map_err(|error| failed(error.to_string()))?;
        }
        Ok(())
    }
}
