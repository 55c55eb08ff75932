//! Several backends, one behind the other: the next one answers where the one before could not.

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;

use super::{GenerationRequest, GenerationStream, LanguageModel};
use crate::providers::{Description, ProviderError};

/// Falls back until the first piece of a reply has come, never after it.
pub struct Ordered {
    first: Arc<dyn LanguageModel>,
    rest: Vec<Arc<dyn LanguageModel>>,
}

impl Ordered {
    pub fn new(first: Arc<dyn LanguageModel>, rest: Vec<Arc<dyn LanguageModel>>) -> Self {
        Self { first, rest }
    }

    fn all(&self) -> impl Iterator<Item = &Arc<dyn LanguageModel>> {
        std::iter::once(&self.first).chain(&self.rest)
    }
}

#[async_trait]
impl LanguageModel for Ordered {
    /// Of the backend that is tried first.
    fn describe(&self) -> Description {
        self.first.describe()
    }

    /// What fits each of them.
    fn context_tokens(&self) -> usize {
        self.all().map(|backend| backend.context_tokens()).min().unwrap_or(0)
    }

    /// The highest count of any of them.
    fn count_tokens(&self, text: &str) -> usize {
        self.all().map(|backend| backend.count_tokens(text)).max().unwrap_or(0)
    }

    async fn stream(&self, request: GenerationRequest) -> Result<GenerationStream, ProviderError> {
        let mut left = 1 + self.rest.len();
        for backend in self.all() {
            left -= 1;
            let failed = match begin(backend.as_ref(), request.clone()).await {
                Err(error) if error.may_fall_back() && left > 0 => error,
                outcome => return outcome,
            };
            tracing::warn!(
                llm.backend = backend.describe().backend,
                error = %failed,
                "the language model did not answer, the next one is asked"
            );
        }
        unreachable!("the last backend's outcome is returned")
    }

    async fn prepare(&self, request: &GenerationRequest) -> Result<(), ProviderError> {
        self.first.prepare(request).await
    }
}

/// The stream once its first item is there; an error in that place is as good as one at the start.
async fn begin(backend: &dyn LanguageModel, request: GenerationRequest) -> Result<GenerationStream, ProviderError> {
    let mut stream = backend.stream(request).await?;
    match stream.next().await {
        Some(Err(error)) => Err(error),
        first => Ok(Box::pin(futures::stream::iter(first).chain(stream))),
    }
}
