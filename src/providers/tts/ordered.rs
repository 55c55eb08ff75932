//! Several voices, one behind the other: the next one speaks where the one before could not.

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;

use super::{SpeechChunk, SpeechRequest, SpeechStream, TextToSpeech, Voice};
use crate::audio::Resampler;
use crate::domain::audio::{Clip, SampleRate};
use crate::domain::stage::EngineTiming;
use crate::providers::{BackendStatus, Description, ProviderError};

/// Falls back until the first chunk of a sentence has come, never after it.
pub struct Ordered {
    first: Arc<dyn TextToSpeech>,
    rest: Vec<Arc<dyn TextToSpeech>>,
}

impl Ordered {
    /// Every chunk is at the rate of the `first`, whoever speaks.
    pub fn new(first: Arc<dyn TextToSpeech>, rest: Vec<Arc<dyn TextToSpeech>>) -> Self {
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

    fn voices(&self) -> Vec<Voice> {
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
            request.voice = request.voice.filter(|voice| backend.voices().iter().any(|known| known.name == *voice));
            let rate = self.sample_rate();
            outcome = begin(backend.as_ref(), request).await.map(|stream| at_rate(stream, backend.sample_rate(), rate));
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

fn at_rate(stream: SpeechStream, from: SampleRate, to: SampleRate) -> SpeechStream {
    if from == to {
        return stream;
    }
    let resampled =
        futures::stream::unfold((stream, Some(Resampler::new(from, to))), move |(mut stream, resampler)| async move {
            let mut resampler = resampler?;
            let mut samples = Vec::new();
            loop {
                match stream.next().await {
                    Some(Ok(chunk)) => {
                        resampler.push(&chunk.clip.samples, &mut samples);
                        if !samples.is_empty() {
                            let chunk = SpeechChunk { clip: Clip::new(samples, to), timing: chunk.timing };
                            return Some((Ok(chunk), (stream, Some(resampler))));
                        }
                    }
                    Some(Err(error)) => return Some((Err(error), (stream, None))),
                    None => {
                        resampler.finish(&mut samples);
                        let chunk = SpeechChunk { clip: Clip::new(samples, to), timing: EngineTiming::default() };
                        return (!chunk.clip.samples.is_empty()).then_some((Ok(chunk), (stream, None)));
                    }
                }
            }
        });
    Box::pin(resampled)
}
