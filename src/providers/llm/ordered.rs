//! Several backends, one behind the other: the next one answers where the one before could not.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;

use super::{Ability, Delta, GenerationRequest, GenerationStream, HiddenStates, LanguageModel};
use crate::providers::{BackendStatus, Description, ProviderError};

/// Falls back silently until the first piece of a reply has come, after it with [`Delta::Again`].
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

    fn backends(&self) -> Vec<BackendStatus> {
        self.all().flat_map(|backend| backend.backends()).collect()
    }

    /// What fits each of them.
    fn context_tokens(&self) -> usize {
        self.all().map(|backend| backend.context_tokens()).min().unwrap_or(0)
    }

    /// The highest count of any of them.
    fn count_tokens(&self, text: &str) -> usize {
        self.all().map(|backend| backend.count_tokens(text)).max().unwrap_or(0)
    }

    /// Of the backend that is tried first: the character's texts are chosen for it.
    fn ability(&self) -> Ability {
        self.first.ability()
    }

    /// Of the first backend that shows any.
    fn hidden_states(&self, layers: &[usize]) -> Option<Result<Arc<dyn HiddenStates>, ProviderError>> {
        self.all().find_map(|backend| backend.hidden_states(layers))
    }

    fn sees_pictures(&self) -> bool {
        self.all().any(|backend| backend.sees_pictures())
    }

    async fn stream(&self, request: GenerationRequest) -> Result<GenerationStream, ProviderError> {
        let pictures = request.messages.iter().any(|message| !message.images.is_empty());
        let mut left: VecDeque<_> = self.all().filter(|one| !pictures || one.sees_pictures()).cloned().collect();
        if left.is_empty() {
            return self.first.stream(request).await;
        }
        let (backend, stream) = next_that_begins(&mut left, &request).await?;
        let answering = Answering { request, left, backend, stream: Some(stream) };
        Ok(Box::pin(futures::stream::unfold(Some(answering), |answering| async move {
            let mut answering = answering?;
            let item = answering.next().await?;
            let more = matches!(item, Ok(Delta::Text(_) | Delta::Call(_) | Delta::Again));
            Some((item, more.then_some(answering)))
        })))
    }

    async fn prepare(&self, request: &GenerationRequest) -> Result<(), ProviderError> {
        self.first.prepare(request).await
    }
}

/// A reply on its way, and who answers should it break off.
struct Answering {
    request: GenerationRequest,
    left: VecDeque<Arc<dyn LanguageModel>>,
    backend: &'static str,
    /// `None` once it broke off: the next backend is asked when the reply is read on.
    stream: Option<GenerationStream>,
}

impl Answering {
    async fn next(&mut self) -> Option<Result<Delta, ProviderError>> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => match next_that_begins(&mut self.left, &self.request).await {
                Ok((backend, stream)) => {
                    self.backend = backend;
                    stream
                }
                Err(error) => return Some(Err(error)),
            },
        };
        let broken = ProviderError::Failed { backend: self.backend, reason: "the reply broke off".into() };
        match stream.next().await.unwrap_or(Err(broken)) {
            Err(error) if error.may_fall_back() && !self.left.is_empty() && !self.request.cancel.is_cancelled() => {
                tracing::warn!(llm.backend = self.backend, error = %error, "a reply broke off, the next one is asked");
                Some(Ok(Delta::Again))
            }
            item => {
                self.stream = Some(stream);
                Some(item)
            }
        }
    }
}

/// The first of `backends` that answers, which leaves the queue with those before it. At least one must be there.
async fn next_that_begins(
    backends: &mut VecDeque<Arc<dyn LanguageModel>>,
    request: &GenerationRequest,
) -> Result<(&'static str, GenerationStream), ProviderError> {
    loop {
        let backend = backends.pop_front().expect("a caller asks only where a backend is left");
        let name = backend.describe().backend;
        match begin(backend.as_ref(), request.clone()).await {
            Err(error) if error.may_fall_back() && !backends.is_empty() => tracing::warn!(
                llm.backend = name,
                error = %error,
                "the language model did not answer, the next one is asked"
            ),
            outcome => return outcome.map(|stream| (name, stream)),
        }
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
