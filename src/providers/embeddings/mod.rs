//! Sentence embeddings.

mod fake;
#[cfg(feature = "candle")]
mod minilm;
mod openai;
mod recent;

use std::sync::Arc;

use async_trait::async_trait;

use super::{BackendStatus, BuildError, Description, ProviderError};
use crate::config::{EmbeddingsBackend, EmbeddingsConfig, RemoteEmbeddingsConfig};
use crate::domain::embedding::Embedding;
use crate::domain::stage::EngineTiming;
use crate::weights::ModelStore;

pub use fake::FakeEmbedder;
#[cfg(feature = "candle")]
pub use minilm::MiniLm;
pub use openai::OpenAiEmbedder;
pub use recent::RecentlyEmbedded;

#[async_trait]
pub trait Embedder: Send + Sync {
    fn describe(&self) -> Description;

    /// Every backend that may answer, the first in line first.
    fn backends(&self) -> Vec<BackendStatus> {
        vec![BackendStatus::of_engine(self.describe())]
    }

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

/// The first backend of the list that can be built. It stays for the life of the process: embeddings of two models
/// can't be compared, so a later backend never stands in for one call.
///
/// # Errors
/// What the first backend said, where none can be built.
pub fn build(config: &EmbeddingsConfig, models: &ModelStore) -> Result<Arc<dyn Embedder>, BuildError> {
    let mut first_error = None;
    for backend in &config.backends {
        let built = match backend {
            EmbeddingsBackend::Local => local(config, models),
            EmbeddingsBackend::OpenAi => remote("openai", &config.openai),
            EmbeddingsBackend::Fake => Ok(Arc::new(FakeEmbedder) as Arc<dyn Embedder>),
        };
        match built {
            Ok(embedder) => return Ok(embedder),
            Err(error) => {
                tracing::warn!(embeddings.backend = ?backend, error = %error, "an embeddings backend can't be built");
                first_error.get_or_insert(error);
            }
        }
    }
    Err(first_error.expect("the config names at least one backend"))
}

#[cfg(feature = "candle")]
fn local(config: &EmbeddingsConfig, models: &ModelStore) -> Result<Arc<dyn Embedder>, BuildError> {
    let model = models.installed(crate::weights::Capability::Embeddings, &config.model)?;
    Ok(Arc::new(MiniLm::load(model, config.queue_length)?))
}

#[cfg(not(feature = "candle"))]
fn local(_config: &EmbeddingsConfig, _models: &ModelStore) -> Result<Arc<dyn Embedder>, BuildError> {
    Err(ProviderError::NotEnabled { backend: "local", feature: "candle" }.into())
}

fn remote(backend: &'static str, config: &RemoteEmbeddingsConfig) -> Result<Arc<dyn Embedder>, BuildError> {
    Ok(Arc::new(OpenAiEmbedder::new(backend, config)?))
}
