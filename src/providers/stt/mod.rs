//! Speech-to-text: a clip in, its words out.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::{Description, ProviderError};
use crate::domain::audio::Clip;
use crate::domain::stage::EngineTiming;

#[async_trait]
pub trait SpeechToText: Send + Sync {
    fn describe(&self) -> Description;

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
    pub cancel: CancellationToken,
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
}

impl std::fmt::Debug for Transcription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Transcription({} bytes, {} segments)", self.text.len(), self.segments.len())
    }
}
