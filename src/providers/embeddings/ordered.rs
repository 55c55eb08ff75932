//! Several backends that serve one model: each call goes to the first that answers.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Embedded, Embedder};
use crate::providers::{BackendStatus, Description, ProviderError};

pub struct Ordered {
    first: Arc<dyn Embedder>,
    rest: Vec<Arc<dyn Embedder>>,
}

impl Ordered {
    /// All of the same model, as wide as each other: its embeddings alone can be compared.
    pub fn new(first: Arc<dyn Embedder>, rest: Vec<Arc<dyn Embedder>>) -> Self {
        Self { first, rest }
    }
}

#[async_trait]
impl Embedder for Ordered {
    /// Of the backend that is tried first.
    fn describe(&self) -> Description {
        self.first.describe()
    }

    fn backends(&self) -> Vec<BackendStatus> {
        std::iter::once(&self.first).chain(&self.rest).flat_map(|backend| backend.backends()).collect()
    }

    fn dimension(&self) -> usize {
        self.first.dimension()
    }

    async fn embed(&self, texts: Vec<String>) -> Result<Embedded, ProviderError> {
        let mut backend = &self.first;
        for next in &self.rest {
            match backend.embed(texts.clone()).await {
                Err(error) if error.may_fall_back() => {
                    let name = backend.describe().backend;
                    tracing::warn!(embeddings.backend = name, error = %error, "nothing was embedded, the next one is asked");
                    backend = next;
                }
                outcome => return outcome,
            }
        }
        backend.embed(texts).await
    }
}
