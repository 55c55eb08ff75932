//! Several backends behind one port: each clip goes to the first that takes it.

use std::sync::Arc;

use async_trait::async_trait;

use super::{SpeechToText, Transcription, TranscriptionRequest};
use crate::providers::{BackendStatus, Description, ProviderError};

pub struct Ordered {
    first: Arc<dyn SpeechToText>,
    rest: Vec<Arc<dyn SpeechToText>>,
}

impl Ordered {
    pub fn new(first: Arc<dyn SpeechToText>, rest: Vec<Arc<dyn SpeechToText>>) -> Self {
        Self { first, rest }
    }
}

#[async_trait]
impl SpeechToText for Ordered {
    /// Of the backend that is tried first.
    fn describe(&self) -> Description {
        self.first.describe()
    }

    fn backends(&self) -> Vec<BackendStatus> {
        std::iter::once(&self.first).chain(&self.rest).flat_map(|backend| backend.backends()).collect()
    }

    fn languages(&self) -> Vec<&'static str> {
        self.first.languages()
    }

    async fn transcribe(&self, request: TranscriptionRequest) -> Result<Transcription, ProviderError> {
        let mut backend = &self.first;
        for next in &self.rest {
            match backend.transcribe(request.clone()).await {
                Err(error) if error.may_fall_back() && !request.cancel.is_cancelled() => {
                    tracing::warn!(stt.backend = backend.describe().backend, error = %error, "trying the next backend");
                    backend = next;
                }
                outcome => return outcome,
            }
        }
        backend.transcribe(request).await
    }
}
