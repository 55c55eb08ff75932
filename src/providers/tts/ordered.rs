//! Several voices, one behind the other: the next one speaks where the one before could not.

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;

use super::{SpeechRequest, SpeechStream, TextToSpeech};
use crate::domain::audio::SampleRate;
use crate::providers::{BackendStatus, Description, ProviderError};

/// Falls back until the first chunk of a sentence has come, never after it.
pub struct Ordered {
    first: Arc<dyn TextToSpeech>,
    rest: Vec<Arc<dyn TextToSpeech>>,
}

impl Ordered {
    /// A backend of the `rest` at another rate than the `first` is left out, with a warning: every chunk of a port is
    /// at one rate.
    pub fn new(first: Arc<dyn TextToSpeech>, mut rest: Vec<Arc<dyn TextToSpeech>>) -> Self {
        rest.retain(|backend| {
            let same = backend.sample_rate() == first.sample_rate();
            if !same {
                tracing::warn!(
                    tts.backend = backend.describe().backend,
                    tts.sample_rate = backend.sample_rate().0,
                    "a voice at another sample rate than the first can't stand in for it"
                );
            }
            same
        });
        Self { first, rest }
    }
}

#[async_trait]
impl TextToSpeech for Ordered {
    /// Of the backend that is tried first.
    fn describe(&self) -> Description {
        self.first.describe()
    }

    fn backends(&self) -> Vec<BackendStatus> {
        std::iter::once(&self.first).chain(&self.rest).flat_map(|backend| backend.backends()).collect()
    }

    fn sample_rate(&self) -> SampleRate {
        self.first.sample_rate()
    }

    fn voices(&self) -> Vec<String> {
        self.first.voices()
    }

    async fn speak(&self, request: SpeechRequest) -> Result<SpeechStream, ProviderError> {
        let mut outcome = begin(self.first.as_ref(), request.clone()).await;
        let mut failed = &self.first;
        for backend in &self.rest {
            match outcome {
                Err(error) if error.may_fall_back() => tracing::warn!(
                    tts.backend = failed.describe().backend,
                    error = %error,
                    "the voice did not speak, the next one is asked"
                ),
                outcome => return outcome,
            }
            let mut request = request.clone();
            // A voice of the first backend's that this one doesn't have: its own default is better than silence.
            request.voice = request.voice.filter(|voice| backend.voices().contains(voice));
            outcome = begin(backend.as_ref(), request).await;
            failed = backend;
        }
        outcome
    }
}

/// The stream once its first chunk is there; an error in that place is as good as one at the start.
async fn begin(backend: &dyn TextToSpeech, request: SpeechRequest) -> Result<SpeechStream, ProviderError> {
    let mut stream = backend.speak(request).await?;
    match stream.next().await {
        Some(Err(error)) => Err(error),
        first => Ok(Box::pin(futures::stream::iter(first).chain(stream))),
    }
}
