//! A model for words beside one that sees: what comes with pictures goes to the second.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Ability, GenerationRequest, GenerationStream, HiddenStates, LanguageModel};
use crate::providers::{BackendStatus, Description, ProviderError};

pub struct Seeing {
    words: Arc<dyn LanguageModel>,
    pictures: Arc<dyn LanguageModel>,
}

impl Seeing {
    pub fn new(words: Arc<dyn LanguageModel>, pictures: Arc<dyn LanguageModel>) -> Self {
        Self { words, pictures }
    }
}

#[async_trait]
impl LanguageModel for Seeing {
    /// Of the model for words.
    fn describe(&self) -> Description {
        self.words.describe()
    }

    fn backends(&self) -> Vec<BackendStatus> {
        self.words.backends().into_iter().chain(self.pictures.backends()).collect()
    }

    /// What fits both.
    fn context_tokens(&self) -> usize {
        self.words.context_tokens().min(self.pictures.context_tokens())
    }

    /// The higher count.
    fn count_tokens(&self, text: &str) -> usize {
        self.words.count_tokens(text).max(self.pictures.count_tokens(text))
    }

    fn ability(&self) -> Ability {
        self.words.ability()
    }

    fn writes_ahead(&self) -> bool {
        self.words.writes_ahead()
    }

    fn hidden_states(&self, layers: &[usize]) -> Option<Result<Arc<dyn HiddenStates>, ProviderError>> {
        self.words.hidden_states(layers)
    }

    fn sees_pictures(&self) -> bool {
        true
    }

    async fn stream(&self, request: GenerationRequest) -> Result<GenerationStream, ProviderError> {
        let with_pictures = request.messages.iter().any(|message| !message.images.is_empty());
        if with_pictures { self.pictures.stream(request).await } else { self.words.stream(request).await }
    }

    async fn prepare(&self, request: &GenerationRequest) -> Result<(), ProviderError> {
        self.words.prepare(request).await
    }
}
