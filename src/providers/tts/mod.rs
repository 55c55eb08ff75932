//! Text-to-speech: a sentence in, sound out, in chunks.

use std::pin::Pin;

use async_trait::async_trait;
use futures::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;

use super::{Description, ProviderError};
use crate::domain::audio::{Clip, SampleRate};
use crate::domain::stage::EngineTiming;

#[async_trait]
pub trait TextToSpeech: Send + Sync {
    fn describe(&self) -> Description;

    /// The rate of every chunk.
    fn sample_rate(&self) -> SampleRate;

    /// The voices that [`SpeechRequest::voice`] may name; the first is the default.
    fn voices(&self) -> Vec<String>;

    /// Starts speaking `text`. Dropping the stream, or cancelling the request's token, stops at the next chunk.
    ///
    /// # Errors
    /// `Busy` at once when the queue is full, `InvalidInput` for an unknown voice or text with nothing to say, else as
    /// [`ProviderError`].
    async fn speak(&self, request: SpeechRequest) -> Result<SpeechStream, ProviderError>;
}

pub type SpeechStream = Pin<Box<dyn Stream<Item = Result<SpeechChunk, ProviderError>> + Send>>;

#[derive(Clone)]
pub struct SpeechRequest {
    /// Speakable: no markdown, no emoji.
    pub text: String,
    pub voice: Option<String>,
    /// 1 is the voice's own pace, 2 twice as fast; in [0.25, 4].
    pub speed: f32,
    pub cancel: CancellationToken,
}

#[derive(Debug, Clone, PartialEq)]
pub struct SpeechChunk {
    pub clip: Clip,
    /// Of this chunk alone.
    pub timing: EngineTiming,
}

/// # Errors
/// The stream's own.
pub async fn collect(rate: SampleRate, mut stream: SpeechStream) -> Result<SpeechChunk, ProviderError> {
    let mut whole = SpeechChunk { clip: Clip::new(Vec::new(), rate), timing: EngineTiming::default() };
    while let Some(chunk) = stream.next().await {
        let chunk = chunk?;
        whole.clip.samples.extend_from_slice(&chunk.clip.samples);
        whole.timing.queued += chunk.timing.queued;
        whole.timing.inference += chunk.timing.inference;
    }
    Ok(whole)
}
