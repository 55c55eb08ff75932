//! all-MiniLM-L6-v2 with candle: BERT, mean pooling over the attention mask, L2 norm, as its maker's
//! `modules.json` lists them.

use std::path::Path;

use async_trait::async_trait;
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config as BertConfig};
use tokenizers::{PaddingParams, PaddingStrategy, Tokenizer, TruncationParams};

use super::{Embedded, Embedder};
use crate::domain::embedding::Embedding;
use crate::providers::worker::Worker;
use crate::providers::{Description, ProviderError, cores};
use crate::weights::InstalledModel;

const BACKEND: &str = "local";

/// The maker's `max_seq_length`; longer texts were not seen in training. `tokenizer.json` says 128, which
/// sentence-transformers overrides too.
const MAX_TOKENS: usize = 256;

/// Texts in one forward pass: enough to fill the cores, little enough that the longest does not pad too many.
const BATCH: usize = 16;

/// The model on its own thread.
pub struct MiniLm {
    worker: Worker<Engine>,
    model: String,
    dimension: usize,
}

struct Engine {
    bert: BertModel,
    tokenizer: Tokenizer,
    dimension: usize,
}

impl MiniLm {
    /// Loads and warms the model; returns once it answers.
    ///
    /// # Errors
    /// `Failed` where a file is missing or is not what it should be.
    pub fn load(model: InstalledModel, queue_length: usize) -> Result<Self, ProviderError> {
        let name = model.name.clone();
        let (told, dimension) = std::sync::mpsc::channel();
        let worker = Worker::start(BACKEND, queue_length, move || {
            let engine = Engine::load(&model)?;
            engine.embed(vec!["Warm up.".into()])?;
            told.send(engine.dimension).map_err(|_| failed("the loader went away"))?;
            Ok(engine)
        })?;
        let dimension = dimension.recv().map_err(|_| failed("the engine told no width"))?;
        Ok(Self { worker, model: name, dimension })
    }
}

#[async_trait]
impl Embedder for MiniLm {
    fn describe(&self) -> Description {
        Description { backend: BACKEND, model: self.model.clone() }
    }

    fn dimension(&self) -> usize {
        self.dimension
    }

    async fn embed(&self, texts: Vec<String>) -> Result<Embedded, ProviderError> {
        if texts.is_empty() {
            return Ok(Embedded { embeddings: Vec::new(), timing: Default::default() });
        }
        let (embeddings, timing) = self.worker.run(move |engine| engine.embed(texts)).await?;
        Ok(Embedded { embeddings: embeddings?, timing })
    }
}

impl Engine {
    fn load(model: &InstalledModel) -> Result<Self, ProviderError> {
        let file = |role: &str| model.file(role).ok_or_else(|| failed(format!("the model has no {role} file")));
        let config = std::fs::read(file("config")?).map_err(failed)?;
        let config: BertConfig = serde_json::from_slice(&config).map_err(failed)?;
        let tokenizer = load_tokenizer(file("tokenizer")?)?;
        let weights = std::fs::read(file("weights")?).map_err(failed)?;
        let variables = VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu).map_err(failed)?;
        let bert = BertModel::load(variables, &config).map_err(failed)?;
        Ok(Self { bert, tokenizer, dimension: config.hidden_size })
    }

    fn embed(&self, texts: Vec<String>) -> Result<Vec<Embedding>, ProviderError> {
        let mut embeddings = Vec::with_capacity(texts.len());
        let mut texts = texts.into_iter().peekable();
        while texts.peek().is_some() {
            embeddings.extend(self.embed_batch(texts.by_ref().take(BATCH).collect())?);
        }
        Ok(embeddings)
    }

    /// Token ids and mask are `(batch, longest)`, the model's answer `(batch, longest, 384)`, the result
    /// `(batch, 384)`.
    fn embed_batch(&self, texts: Vec<String>) -> Result<Vec<Embedding>, ProviderError> {
        let encodings = self.tokenizer.encode_batch(texts, true).map_err(failed)?;
        let rows: Vec<Vec<f32>> = self.pool(&encodings).map_err(failed)?;
        Ok(rows.into_iter().map(Embedding::normalised).collect())
    }

    fn pool(&self, encodings: &[tokenizers::Encoding]) -> candle_core::Result<Vec<Vec<f32>>> {
        let shape = (encodings.len(), encodings.first().map_or(0, tokenizers::Encoding::len));
        let ids: Vec<u32> = encodings.iter().flat_map(|e| e.get_ids().iter().copied()).collect();
        let mask: Vec<u32> = encodings.iter().flat_map(|e| e.get_attention_mask().iter().copied()).collect();
        let ids = Tensor::from_vec(ids, shape, &Device::Cpu)?;
        let mask = Tensor::from_vec(mask, shape, &Device::Cpu)?;
        let types = ids.zeros_like()?;
        // candle takes every core.
        let tokens = cores::compute(usize::MAX, |_| self.bert.forward(&ids, &types, Some(&mask)))?;
        let mask = mask.to_dtype(DType::F32)?.unsqueeze(2)?;
        let sum = tokens.broadcast_mul(&mask)?.sum(1)?;
        // `[CLS]` and `[SEP]` are in every row, so no count is 0.
        sum.broadcast_div(&mask.sum(1)?)?.to_vec2()
    }
}

fn load_tokenizer(path: &Path) -> Result<Tokenizer, ProviderError> {
    let mut tokenizer = Tokenizer::from_file(path).map_err(failed)?;
    tokenizer
        .with_truncation(Some(TruncationParams { max_length: MAX_TOKENS, ..TruncationParams::default() }))
        .map_err(failed)?
        .with_padding(Some(PaddingParams { strategy: PaddingStrategy::BatchLongest, ..PaddingParams::default() }));
    Ok(tokenizer)
}

fn failed(reason: impl std::fmt::Display) -> ProviderError {
    ProviderError::Failed { backend: BACKEND, reason: reason.to_string() }
}
