//! Speech-to-text: a clip in, its words out.

mod fake;
mod languages;
mod openai;
mod ordered;
#[cfg(feature = "stt-whisper")]
mod trim;
#[cfg(feature = "stt-whisper")]
mod whisper;
#[cfg(feature = "stt-whisper")]
mod windows;

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::vad::VoiceActivityDetector;
use super::{BackendStatus, BuildError, Description, Place, ProviderError, in_order};
use crate::config::{ApiConfig, SttBackend, SttConfig};
use crate::domain::audio::{Clip, SampleRate};
use crate::domain::stage::EngineTiming;
use crate::weights::ModelStore;

pub use fake::FakeSpeechToText;
pub use languages::language_code;
pub use openai::OpenAiSpeechToText;
pub use ordered::Ordered;
#[cfg(feature = "stt-whisper")]
pub use whisper::Whisper;

#[async_trait]
pub trait SpeechToText: Send + Sync {
    fn describe(&self) -> Description;

    /// Every backend that may answer, the first in line first.
    fn backends(&self) -> Vec<BackendStatus> {
        vec![BackendStatus::of_engine(self.describe())]
    }

    /// The languages that clips may be said to be in, by the codes of [`language_code`].
    fn languages(&self) -> Vec<&'static str> {
        languages::CODES.iter().map(|(code, _)| *code).collect()
    }

    fn knows_language(&self, code: &str) -> bool {
        self.languages().contains(&code)
    }

    /// Clips of any length. Segments go out by [`TranscriptionRequest::heard`] as soon as they are certain, where the
    /// backend hears a long clip piece by piece; all of them are in the answer too.
    ///
    /// # Errors
    /// `InvalidInput` where the clip is not at [`SampleRate::SPEECH`](crate::domain::audio::SampleRate::SPEECH) or the
    /// language is unknown, else as [`ProviderError`].
    async fn transcribe(&self, request: TranscriptionRequest) -> Result<Transcription, ProviderError>;
}

#[derive(Debug, Clone)]
pub struct TranscriptionRequest {
    /// 16 kHz mono.
    pub clip: Arc<Clip>,
    /// ISO 639-1; `None` lets the model judge.
    pub language: Option<String>,
    /// Where the model judges: what the conversation was heard in before, which is listened for first.
    pub likely: Option<String>,
    /// Names and words that may come, in the clip's language: the model leans towards them.
    pub prompt: Option<String>,
    /// How freely the model guesses, 0 to 1; `None` begins at 0 and goes up where its words look wrong.
    pub temperature: Option<f32>,
    /// Whether the times of single words are wanted too, where the backend tells them.
    pub words: bool,
    /// Told of segments before the whole is heard.
    pub heard: Option<mpsc::UnboundedSender<Segment>>,
    pub cancel: CancellationToken,
}

impl TranscriptionRequest {
    /// Of a 16 kHz mono clip, with nothing known of it.
    pub fn new(clip: impl Into<Arc<Clip>>, cancel: CancellationToken) -> Self {
        Self {
            clip: clip.into(),
            language: None,
            likely: None,
            prompt: None,
            temperature: None,
            words: false,
            heard: None,
            cancel,
        }
    }
}

#[derive(Clone, PartialEq)]
pub struct Transcription {
    /// Empty where no words were heard.
    pub text: String,
    /// ISO 639-1, where the backend tells.
    pub language: Option<String>,
    pub segments: Vec<Segment>,
    pub timing: EngineTiming,
}

#[derive(Clone, PartialEq)]
pub struct Segment {
    pub start: Duration,
    pub end: Duration,
    pub text: String,
    /// Empty where they were not wanted, or the backend tells none.
    pub words: Vec<Word>,
    /// How the model came to it, where the backend tells.
    pub details: Option<SegmentDetails>,
}

impl Segment {
    pub fn new(start: Duration, end: Duration, text: String) -> Self {
        Self { start, end, text, words: Vec::new(), details: None }
    }

    /// Of the text's bytes to what zlib makes of them, as Whisper measures repetition; 0 where there is no text.
    pub fn compression_ratio(&self) -> f32 {
        if self.text.is_empty() {
            return 0.0;
        }
        let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        let packed = packed.write_all(self.text.as_bytes()).and_then(|()| packed.finish());
        packed.map_or(0.0, |packed| self.text.len() as f32 / packed.len() as f32)
    }
}

#[derive(Clone, PartialEq)]
pub struct Word {
    pub start: Duration,
    pub end: Duration,
    /// With the punctuation behind it.
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct SegmentDetails {
    /// Where in the clip the window begins that it was heard in.
    pub window: Duration,
    /// The model's tokens of text.
    pub tokens: Vec<i32>,
    /// It was written at.
    pub temperature: f32,
    /// Mean of the tokens' natural logarithms of probability.
    pub mean_log_probability: f32,
    /// 0 to 1, of the window.
    pub no_speech_probability: f32,
}

impl std::fmt::Debug for Transcription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Transcription({} bytes, {} segments)", self.text.len(), self.segments.len())
    }
}

/// The backends that the config names, in its order: alone, or behind one another. One that can't be built is left out,
/// with a warning. `detector` keeps silence from the local model; without one it transcribes clips as they are.
///
/// # Errors
/// What the first backend said, where none can be built: it has no weights, doesn't load, or is not in this build.
pub fn build(
    config: &SttConfig,
    models: &ModelStore,
    detector: Option<&Arc<dyn VoiceActivityDetector>>,
) -> Result<Arc<dyn SpeechToText>, BuildError> {
    let mut built = Vec::new();
    let mut first_error = None;
    for backend in &config.backends {
        let place = Place::of(backend, &config.backends);
        let outcome = match backend {
            SttBackend::Local => local(config, models, detector),
            SttBackend::Groq => remote("groq", &config.groq, place),
            SttBackend::OpenAi => remote("openai", &config.openai, place),
            SttBackend::Fake => fake(config),
        };
        match outcome {
            Ok(backend) => built.push(backend),
            Err(error) => {
                tracing::warn!(stt.backend = ?backend, error = %error, "a speech-to-text backend can't be built");
                first_error.get_or_insert(error);
            }
        }
    }
    in_order(built, first_error, |first, rest| Arc::new(Ordered::new(first, rest)))
}

#[cfg(feature = "stt-whisper")]
fn local(
    config: &SttConfig,
    models: &ModelStore,
    detector: Option<&Arc<dyn VoiceActivityDetector>>,
) -> Result<Arc<dyn SpeechToText>, BuildError> {
    let model = models.installed(crate::weights::Capability::SpeechToText, &config.local.model)?;
    Ok(Arc::new(Whisper::load(model, config, detector.cloned())?))
}

#[cfg(not(feature = "stt-whisper"))]
fn local(
    _config: &SttConfig,
    _models: &ModelStore,
    _detector: Option<&Arc<dyn VoiceActivityDetector>>,
) -> Result<Arc<dyn SpeechToText>, BuildError> {
    Err(ProviderError::NotEnabled { backend: "local", feature: "stt-whisper" }.into())
}

fn remote(backend: &'static str, config: &ApiConfig, place: Place) -> Result<Arc<dyn SpeechToText>, BuildError> {
    Ok(Arc::new(OpenAiSpeechToText::new(backend, config, place)?))
}

fn fake(config: &SttConfig) -> Result<Arc<dyn SpeechToText>, BuildError> {
    Ok(Arc::new(FakeSpeechToText::start(&config.fake)?))
}

/// # Errors
/// `InvalidInput` where the clip is not at the rate that every backend takes.
fn check_rate(backend: &'static str, clip: &Clip) -> Result<(), ProviderError> {
    if clip.rate == SampleRate::SPEECH {
        return Ok(());
    }
    let reason = format!("the clip is at {} Hz; {} Hz is needed", clip.rate.0, SampleRate::SPEECH.0);
    Err(ProviderError::InvalidInput { backend, reason })
}
