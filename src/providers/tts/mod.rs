//! Text-to-speech: a sentence in, sound out, in chunks. Streaming is the base form; [`collect`] is the batch one.

mod elevenlabs;
#[cfg(feature = "tts-local")]
mod espeak;
mod fake;
#[cfg(feature = "tts-local")]
mod graph;
#[cfg(feature = "tts-local")]
mod kokoro;
#[cfg(feature = "tts-local")]
mod loudness;
mod openai;
mod ordered;
mod pcm;
#[cfg(feature = "tts-local")]
mod pieces;
#[cfg(feature = "tts-local")]
mod piper;
#[cfg(feature = "tts-local")]
mod reading;

pub use elevenlabs::ElevenLabsVoice;
pub use fake::FakeVoice;
#[cfg(feature = "tts-local")]
pub use kokoro::Kokoro;
pub use openai::OpenAiVoice;
pub use ordered::Ordered;
#[cfg(feature = "tts-local")]
pub use piper::Piper;

use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use futures::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;

use super::{BackendStatus, BuildError, Description, Place, ProviderError, in_order};
use crate::config::{TtsBackend, TtsConfig};
use crate::domain::audio::{Clip, SampleRate};
use crate::domain::stage::EngineTiming;
use crate::weights::ModelStore;

/// The paces that a request may ask for; 1 is the voice's own.
pub const SPEEDS: std::ops::RangeInclusive<f32> = 0.25..=4.0;

/// The backends that the config names, in its order: alone, or behind one another. One that can't be built is left out,
/// with a warning.
///
/// # Errors
/// What the first backend said, where none can be built: it has no weights, doesn't load, or is not in this build.
pub fn build(config: &TtsConfig, models: &ModelStore) -> Result<Arc<dyn TextToSpeech>, BuildError> {
    let mut built = Vec::new();
    let mut first_error = None;
    for backend in &config.backends {
        let place = Place::of(backend, &config.backends);
        let outcome = match backend {
            TtsBackend::Local => local(config, models),
            TtsBackend::ElevenLabs => elevenlabs(config, place),
            TtsBackend::OpenAi => openai(config, place),
            TtsBackend::Fake => Ok(Arc::new(FakeVoice::new(&config.fake)) as Arc<dyn TextToSpeech>),
        };
        match outcome {
            Ok(voice) => built.push(voice),
            Err(error) => {
                tracing::warn!(tts.backend = ?backend, error = %error, "a voice can't be built");
                first_error.get_or_insert(error);
            }
        }
    }
    in_order(built, first_error, |first, rest| Arc::new(Ordered::new(first, rest)))
}

#[cfg(feature = "tts-local")]
fn local(config: &TtsConfig, models: &ModelStore) -> Result<Arc<dyn TextToSpeech>, BuildError> {
    use crate::config::ModelReference;
    use crate::weights::Capability;
    let voice = models.installed(Capability::TextToSpeech, &config.local.model)?;
    let runtime = models.installed(Capability::OnnxRuntime, &ModelReference::FromSet)?;
    match kokoro::is_one(&voice) {
        true => Ok(Arc::new(Kokoro::load(voice, runtime, &config.local, Rendering::Live)?)),
        false => Ok(Arc::new(Piper::load(voice, runtime, &config.local, Rendering::Live)?)),
    }
}

#[cfg(not(feature = "tts-local"))]
fn local(_config: &TtsConfig, _models: &ModelStore) -> Result<Arc<dyn TextToSpeech>, BuildError> {
    Err(ProviderError::NotEnabled { backend: "local", feature: "tts-local" }.into())
}

/// What the local voices are called, whichever of them speaks.
#[cfg(feature = "tts-local")]
const BACKEND: &str = "local";

#[cfg(feature = "tts-local")]
fn failed(reason: impl std::fmt::Display) -> ProviderError {
    ProviderError::Failed { backend: BACKEND, reason: reason.to_string() }
}

/// What a model puts out, as samples: none that a device can't play.
#[cfg(feature = "tts-local")]
fn playable(samples: &[f32]) -> Vec<f32> {
    let playable = |sample: &f32| if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 };
    samples.iter().map(playable).collect()
}

/// What is spoken in one go; each is a character or a cluster.
#[cfg(feature = "tts-local")]
type Phonemes = Vec<String>;

/// How a local voice renders sentences.
#[cfg(feature = "tts-local")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rendering {
    /// For listeners: pauses mended, long sentences in pieces, every sentence at one level.
    Live,
    /// As the voice's own package: whole sentences, at the voice's own level.
    Reference,
}

fn elevenlabs(config: &TtsConfig, place: Place) -> Result<Arc<dyn TextToSpeech>, BuildError> {
    Ok(Arc::new(ElevenLabsVoice::new(&config.elevenlabs, place)?))
}

fn openai(config: &TtsConfig, place: Place) -> Result<Arc<dyn TextToSpeech>, BuildError> {
    Ok(Arc::new(OpenAiVoice::new("openai", &config.openai, place)?))
}

#[async_trait]
pub trait TextToSpeech: Send + Sync {
    fn describe(&self) -> Description;

    /// Every backend that may answer, the first in line first.
    fn backends(&self) -> Vec<BackendStatus> {
        vec![BackendStatus::of_engine(self.describe())]
    }

    /// The rate of every chunk.
    fn sample_rate(&self) -> SampleRate;

    /// The voices that [`SpeechRequest::voice`] may name; the first is the default.
    fn voices(&self) -> Vec<Voice>;

    /// Starts speaking `text`. Dropping the stream, or cancelling the request's token, stops at the next chunk; a
    /// cancelled stream ends with `Cancelled`, so that half a sentence is not taken for a whole one.
    ///
    /// # Errors
    /// `Busy` at once when the queue is full, `InvalidInput` for an unknown voice, a pace out of range, or text with
    /// nothing to say, else as [`ProviderError`].
    async fn speak(&self, request: SpeechRequest) -> Result<SpeechStream, ProviderError>;
}

/// Someone who speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voice {
    pub name: String,
    /// What they speak, as a tag of BCP 47, such as `en-US`; unknown of a service's voices.
    pub language: Option<String>,
}

impl Voice {
    /// One of a service, which doesn't say what it speaks.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), language: None }
    }
}

/// The voices' names, as a person reads them.
pub fn list(voices: &[Voice]) -> String {
    voices.iter().map(|voice| voice.name.as_str()).collect::<Vec<_>>().join(", ")
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

/// What every backend asks of a request.
fn check(backend: &'static str, request: &SpeechRequest, voices: &[Voice]) -> Result<(), ProviderError> {
    let invalid = |reason: String| Err(ProviderError::InvalidInput { backend, reason });
    if let Some(name) = &request.voice
        && !voices.iter().any(|voice| voice.name == *name)
    {
        return invalid(format!("it has no voice of that name; the voices are {}", list(voices)));
    }
    if !SPEEDS.contains(&request.speed) {
        return invalid(format!("the speed is {}; give a number from 0.25 to 4", request.speed));
    }
    if !request.text.contains(char::is_alphanumeric) {
        return invalid("the text has no word in it".into());
    }
    Ok(())
}
