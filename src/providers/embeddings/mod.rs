//! Sentence embeddings.

mod fake;
#[cfg(feature = "candle")]
mod minilm;
mod openai;
mod ordered;
mod recent;

use std::sync::Arc;

use async_trait::async_trait;

use super::{BackendStatus, BuildError, Description, Place, ProviderError, in_order};
use crate::config::{EmbeddingsBackend, EmbeddingsConfig, RemoteEmbeddingsConfig};
use crate::domain::embedding::Embedding;
use crate::domain::stage::EngineTiming;
use crate::weights::ModelStore;

pub use fake::FakeEmbedder;
#[cfg(feature = "candle")]
pub use minilm::MiniLm;
pub use openai::OpenAiEmbedder;
pub use ordered::Ordered;
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

/// The first backend of the list that can be built, and behind it those that serve the same model: embeddings of two models
/// can't be compared, so that another one stands in for none.
///
/// # Errors
/// What the first backend said, where none can be built.
pub fn build(config: &EmbeddingsConfig, models: &ModelStore) -> Result<Arc<dyn Embedder>, BuildError> {
    let mut built: Vec<Arc<dyn Embedder>> = Vec::new();
    let mut first_error = None;
    for (at, backend) in config.backends.iter().enumerate() {
        let named = served_by(*backend, config, models);
        let same = |other: Option<(String, Option<usize>)>| match (&named, other) {
            (Some((own, _)), Some((other, _))) => is_same_model(own, &other),
            _ => false,
        };
        if built.first().is_some_and(|first| !same(Some((first.describe().model, None)))) {
            continue;
        }
        let another = config.backends[at + 1..].iter().any(|later| same(served_by(*later, config, models)));
        let place = if another { Place::BeforeAnother } else { Place::Last };
        let outcome = match backend {
            EmbeddingsBackend::Local => local(config, models),
            EmbeddingsBackend::OpenAi => remote("openai", &config.openai, place),
            EmbeddingsBackend::Fake => Ok(Arc::new(FakeEmbedder) as Arc<dyn Embedder>),
        };
        match outcome {
            Ok(embedder) if built.first().is_none_or(|first| first.dimension() == embedder.dimension()) => {
                built.push(embedder);
            }
            Ok(embedder) => tracing::warn!(
                embeddings.backend = ?backend,
                dimension = embedder.dimension(),
                "an embeddings backend is of another width, and stands in for none"
            ),
            Err(error) => {
                tracing::warn!(embeddings.backend = ?backend, error = %error, "an embeddings backend can't be built");
                first_error.get_or_insert(error);
            }
        }
    }
    in_order(built, first_error, |first, rest| Arc::new(Ordered::new(first, rest)))
}

/// The model that [`build`] would take, and its width where the settings tell it; nothing is loaded. `None` where no backend
/// of the list can be had.
pub fn named(config: &EmbeddingsConfig, models: &ModelStore) -> Option<(String, Option<usize>)> {
    config.backends.iter().find_map(|backend| served_by(*backend, config, models))
}

fn served_by(
    backend: EmbeddingsBackend,
    config: &EmbeddingsConfig,
    models: &ModelStore,
) -> Option<(String, Option<usize>)> {
    match backend {
        EmbeddingsBackend::Local if !cfg!(feature = "candle") => None,
        EmbeddingsBackend::Local => {
            let model = models.installed(crate::weights::Capability::Embeddings, &config.model).ok()?;
            Some((model.name, None))
        }
        EmbeddingsBackend::OpenAi => Some((config.openai.api.model.clone(), Some(config.openai.dimension))),
        EmbeddingsBackend::Fake => Some((FakeEmbedder.describe().model, Some(FakeEmbedder.dimension()))),
    }
}

/// Services write the maker before the name, and some in capitals: `sentence-transformers/all-MiniLM-L6-v2`.
fn is_same_model(one: &str, other: &str) -> bool {
    let name = |model: &str| model.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    name(one) == name(other)
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

fn remote(
    backend: &'static str,
    config: &RemoteEmbeddingsConfig,
    place: Place,
) -> Result<Arc<dyn Embedder>, BuildError> {
    Ok(Arc::new(OpenAiEmbedder::new(backend, config, place)?))
}
