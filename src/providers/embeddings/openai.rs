//! Embeddings behind the OpenAI protocol: Together, OpenAI, vLLM, TEI.
//! Format: <https://docs.together.ai/reference/embeddings>,
//! <https://platform.openai.com/docs/api-reference/embeddings/create>.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use super::{Embedded, Embedder};
use crate::config::RemoteEmbeddingsConfig;
use crate::domain::embedding::Embedding;
use crate::domain::metering::Unit;
use crate::domain::stage::EngineTiming;
use crate::providers::http::Service;
use crate::providers::meter;
use crate::providers::{BackendStatus, Description, Place, ProviderError};

/// Texts of one call.
const BATCH: usize = 32;

/// Stands for a text without a letter, which services refuse.
const NOTHING: &str = ".";

pub struct OpenAiEmbedder {
    service: Service,
    dimension: usize,
    max_chars: usize,
}

impl OpenAiEmbedder {
    /// # Errors
    /// `Failed` where the machine's TLS can't be set up.
    pub fn new(backend: &'static str, config: &RemoteEmbeddingsConfig, place: Place) -> Result<Self, ProviderError> {
        let service = Service::new(backend, &config.api, place)?;
        Ok(Self { service, dimension: config.dimension, max_chars: config.max_chars })
    }

    /// What the service takes of a text.
    fn taken<'a>(&self, text: &'a str) -> &'a str {
        let end = text.char_indices().nth(self.max_chars).map_or(text.len(), |(at, _)| at);
        let text = &text[..end];
        if text.trim_matches(|c: char| c.is_whitespace() || c.is_control()).is_empty() { NOTHING } else { text }
    }

    async fn batch(&self, texts: &[String]) -> Result<Vec<Embedding>, ProviderError> {
        let input: Vec<&str> = texts.iter().map(|text| self.taken(text)).collect();
        let body = json!({"model": self.service.config().model, "input": input, "encoding_format": "float"});
        let (response, permit) = self.service.post("/embeddings", |to| to.json(&body)).await?;
        let mut answer: Answer = self.service.json(response, permit).await?;
        let estimate = || input.iter().map(|text| text.chars().count().div_ceil(4)).sum();
        let tokens = answer.usage.as_ref().map_or_else(estimate, |usage| usage.prompt_tokens);
        meter::note(&self.describe(), Unit::PromptTokens, tokens as f64);
        answer.data.sort_by_key(|one| one.index);
        let backend = self.service.backend();
        let failed = |reason: String| Err(ProviderError::Failed { backend, reason });
        if answer.data.len() != texts.len() {
            return failed(format!("{} embeddings came for {} texts", answer.data.len(), texts.len()));
        }
        if let Some(other) = answer.data.iter().find(|one| one.embedding.len() != self.dimension) {
            let (expected, got) = (self.dimension, other.embedding.len());
            return failed(format!("its embeddings are {got} wide; the settings say {expected} (dimension)"));
        }
        Ok(answer.data.into_iter().map(|one| Embedding::normalised(one.embedding)).collect())
    }
}

#[async_trait]
impl Embedder for OpenAiEmbedder {
    fn describe(&self) -> Description {
        self.service.status().description
    }

    fn backends(&self) -> Vec<BackendStatus> {
        vec![self.service.status()]
    }

    fn dimension(&self) -> usize {
        self.dimension
    }

    async fn embed(&self, texts: Vec<String>) -> Result<Embedded, ProviderError> {
        let started = Instant::now();
        let mut embeddings = Vec::with_capacity(texts.len());
        for batch in texts.chunks(BATCH) {
            embeddings.extend(self.batch(batch).await?);
        }
        let timing = EngineTiming { queued: Duration::ZERO, inference: started.elapsed() };
        Ok(Embedded { embeddings, timing })
    }
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<One>,
    usage: Option<Counts>,
}

#[derive(Deserialize)]
struct Counts {
    prompt_tokens: usize,
}

#[derive(Deserialize)]
struct One {
    index: usize,
    embedding: Vec<f32>,
}
