//! Speech-to-text with whisper.cpp, inside the process.

mod engine;
mod header;
mod judge;
mod logs;
mod text;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::trim::{self, Trimmed};
use super::{Segment, SpeechToText, Transcription, TranscriptionRequest, check_rate};
use crate::config::SttConfig;
use crate::domain::stage::EngineTiming;
use crate::providers::vad::{VoiceActivityDetector, speech_spans};
use crate::providers::worker::Worker;
use crate::providers::{Description, ProviderError};
use crate::weights::InstalledModel;
use engine::{Engine, Language, Spoken};

const BACKEND: &str = "local";

pub struct Whisper {
    model: String,
    /// Where nothing else is asked for.
    language: Option<Language>,
    multilingual: bool,
    /// Without one, the model hears silence too, and may find words in it.
    detector: Option<Arc<dyn VoiceActivityDetector>>,
    worker: Worker<Engine>,
}

impl Whisper {
    /// Loads and warms the model on a thread of its own.
    ///
    /// # Errors
    /// `Failed` where the model can't be loaded, `InvalidInput` where it doesn't know the config's language.
    pub fn load(
        model: InstalledModel,
        config: &SttConfig,
        detector: Option<Arc<dyn VoiceActivityDetector>>,
    ) -> Result<Self, ProviderError> {
        logs::route();
        let name = model.name.clone();
        let local = config.local.clone();
        let (told, multilingual) = std::sync::mpsc::channel();
        let worker = Worker::start(BACKEND, config.local.queue_length, move || {
            let weights = model.file("weights").ok_or_else(|| failed("the model names no weights"))?;
            let engine = Engine::load(weights, &local)?;
            // The receiver waits until this closure has returned.
            let _ = told.send(engine.is_multilingual());
            Ok(engine)
        })?;
        let multilingual = multilingual.recv().map_err(|_| failed("the engine did not say what it knows"))?;
        let language = config.language.as_deref().map(|code| Language::of(code, multilingual)).transpose()?;
        Ok(Self { model: name, language, multilingual, detector, worker })
    }

    /// The clip without its silence; `None` where nobody speaks.
    async fn trimmed(&self, request: &TranscriptionRequest) -> Result<Option<Trimmed>, ProviderError> {
        let Some(detector) = &self.detector else { return Ok(Some(Trimmed::whole(&request.clip))) };
        let spans = speech_spans(&**detector, &request.clip, trim::THRESHOLDS).await?;
        Ok(Trimmed::to_spans(&request.clip, &spans))
    }
}

#[async_trait]
impl SpeechToText for Whisper {
    fn describe(&self) -> Description {
        Description { backend: BACKEND, model: self.model.clone() }
    }

    fn knows_language(&self, code: &str) -> bool {
        Language::of(code, self.multilingual).is_ok()
    }

    async fn transcribe(&self, request: TranscriptionRequest) -> Result<Transcription, ProviderError> {
        check_rate(BACKEND, &request.clip)?;
        let language = match &request.language {
            Some(code) => Some(Language::of(code, self.multilingual)?),
            None => self.language,
        };
        let likely = request.likely.as_ref().and_then(|code| Language::of(code, self.multilingual).ok());
        let spoken = language.map(Spoken::Known).or(likely.map(Spoken::Likely)).unwrap_or(Spoken::Unknown);
        let cancel = request.cancel.child_token();
        // A caller that goes away ends its job.
        let _gone = cancel.clone().drop_guard();
        let work = async {
            let started = Instant::now();
            let Some(trimmed) = self.trimmed(&request).await? else {
                return Ok(Transcription::silent(language, started.elapsed()));
            };
            let trimming = started.elapsed();
            let job = self.worker.run(move |engine| {
                let heard = engine.transcribe(&trimmed.clip.samples, spoken, &cancel)?;
                Ok::<_, ProviderError>((heard, trimmed))
            });
            let (outcome, timing) = job.await?;
            let (heard, trimmed) = outcome?;
            let segments: Vec<Segment> = heard
                .segments
                .into_iter()
                .map(|segment| {
                    let span = trimmed.span_in_whole(segment.start..segment.end);
                    Segment { start: span.start, end: span.end, text: segment.text }
                })
                .collect();
            let text = segments.iter().map(|segment| segment.text.as_str()).collect::<Vec<_>>().join(" ");
            let timing = EngineTiming { queued: timing.queued, inference: trimming + timing.inference };
            Ok(Transcription {
                text,
                language: heard.language.map(|language| language.code().into()),
                segments,
                timing,
            })
        };
        tokio::select! {
            outcome = work => outcome,
            () = request.cancel.cancelled() => Err(ProviderError::Cancelled),
        }
    }
}

impl Transcription {
    /// Of a clip in which nobody speaks.
    fn silent(language: Option<Language>, inference: Duration) -> Self {
        Self {
            text: String::new(),
            language: language.map(|language| language.code().into()),
            segments: Vec::new(),
            timing: EngineTiming { queued: Duration::ZERO, inference },
        }
    }
}

fn failed(reason: impl Into<String>) -> ProviderError {
    ProviderError::Failed { backend: BACKEND, reason: reason.into() }
}
