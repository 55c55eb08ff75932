//! Sentence embeddings.

use async_trait::async_trait;

use super::{Description, ProviderError};
use crate::domain::embedding::Embedding;
use crate::domain::stage::EngineTiming;

#[async_trait]
pub trait Embedder: Send + Sync {
    fn describe(&self) -> Description;

    /// The width of every embedding.
    fn dimension(&self) -> usize;

    /// One embedding for each text, in order. Texts past the model's length are cut at its end.
    ///
    /// # Errors
    /// As [`ProviderError`].
    async fn embed(&self, texts: Vec<String>) -> Result<Embedded, ProviderError>;
}

#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    pub embeddings: Vec<Embedding>,
    pub timing: EngineTiming,
}
