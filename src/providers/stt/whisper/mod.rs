//! Speech-to-text with whisper.cpp, inside the process.

mod engine;
mod header;
mod judge;
mod logs;
mod text;
mod words;

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::trim::{self, Trimmed};
use super::windows::{next_start, window_at};
use super::{Segment, SegmentDetails, SpeechToText, Transcription, TranscriptionRequest, Word, check_rate, languages};
use crate::config::SttConfig;
use crate::domain::stage::EngineTiming;
use crate::providers::vad::{VoiceActivityDetector, speech_spans};
use crate::providers::worker::Worker;
use crate::providers::{Description, ProviderError};
use crate::weights::InstalledModel;
use engine::{Engine, Heard, HeardSegment, Language, Manner, Spoken};

const BACKEND: &str = "local";

/// How long a clip that is half heard waits where the queue is full.
const WHILE_OTHERS: Duration = Duration::from_millis(200);

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

    /// Waits where others are heard in between, once the clip is `begun`.
    async fn hear(
        &self,
        window: Window,
        manner: &Manner,
        cancel: &CancellationToken,
        begun: bool,
    ) -> Result<(Heard, EngineTiming), ProviderError> {
        loop {
            let (window, manner, cancel) = (window.clone(), manner.clone(), cancel.clone());
            let job = self.worker.run(move |engine| {
                engine.transcribe(&window.trimmed.clip.samples[window.samples], window.spoken, &manner, &cancel)
            });
            match job.await {
                Err(ProviderError::Busy { .. }) if begun => tokio::time::sleep(WHILE_OTHERS).await,
                Err(error) => return Err(error),
                Ok((heard, timing)) => return Ok((heard?, timing)),
            }
        }
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

    fn languages(&self) -> Vec<&'static str> {
        match self.multilingual {
            true => languages::CODES.iter().map(|(code, _)| *code).collect(),
            false => vec!["en"],
        }
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
            let manner =
                Manner { prompt: request.prompt.clone(), temperature: request.temperature, words: request.words };
            let trimmed = Arc::new(trimmed);
            let mut segments: Vec<Segment> = Vec::new();
            let mut timing = EngineTiming { queued: Duration::ZERO, inference: trimming };
            let (mut spoken, mut heard_language) = (spoken, None);
            let mut next = Some(0);
            while let Some(start) = next {
                let window = window_at(&trimmed.clip, start);
                let hearing = Window { trimmed: Arc::clone(&trimmed), samples: window.clone(), spoken };
                let (heard, took) = self.hear(hearing, &manner, &cancel, !segments.is_empty()).await?;
                timing.queued += took.queued;
                timing.inference += took.inference;
                // What comes after is most likely in the same language.
                if !matches!(spoken, Spoken::Known(_)) {
                    spoken = Spoken::Likely(heard.language);
                }
                heard_language.get_or_insert(heard.language);
                let start = trimmed.clip.rate.duration_of(window.start);
                let last = heard
                    .segments
                    .last()
                    .map_or(window.start, |segment| window.start + trimmed.clip.rate.samples_in(segment.end));
                next = Some(next_start(&trimmed.clip, &window, last)).filter(|next| *next < trimmed.clip.samples.len());
                for segment in heard.segments {
                    let mut segment = placed(segment, start, &trimmed);
                    let before = segments.last().map_or(Duration::ZERO, |segment| segment.end);
                    segment.not_before(before);
                    if let Some(told) = &request.heard {
                        // Nobody may listen any more.
                        let _ = told.send(segment.clone());
                    }
                    segments.push(segment);
                }
            }
            let text = segments.iter().map(|segment| segment.text.as_str()).collect::<Vec<_>>().join(" ");
            let language = heard_language.map(|language| language.code().into());
            Ok(Transcription { text, language, segments, timing })
        };
        tokio::select! {
            outcome = work => outcome,
            () = request.cancel.cancelled() => Err(ProviderError::Cancelled),
        }
    }
}

/// A window of a clip, to be heard.
#[derive(Clone)]
struct Window {
    trimmed: Arc<Trimmed>,
    samples: Range<usize>,
    spoken: Spoken,
}

impl Segment {
    /// Windows meet in pauses, of which the model's times miss the edges.
    fn not_before(&mut self, before: Duration) {
        self.start = self.start.max(before);
        self.end = self.end.max(before);
        for word in &mut self.words {
            word.start = word.start.max(before);
            word.end = word.end.max(before);
        }
    }
}

/// A segment of the window that begins at `window` of the trimmed clip, at the whole clip's times.
fn placed(heard: HeardSegment, window: Duration, trimmed: &Trimmed) -> Segment {
    let place = |start: Duration, end: Duration| trimmed.span_in_whole(window + start..window + end);
    let span = place(heard.start, heard.end);
    let words = heard.words.into_iter().map(|word| {
        let span = place(word.start, word.end);
        Word { start: span.start, end: span.end, text: word.text }
    });
    let details = SegmentDetails {
        window: place(Duration::ZERO, Duration::ZERO).start,
        mean_log_probability: heard.tokens.mean_log_probability(),
        tokens: heard.tokens.ids,
        temperature: heard.temperature,
        no_speech_probability: heard.no_speech_probability,
    };
    Segment { words: words.collect(), details: Some(details), ..Segment::new(span.start, span.end, heard.text) }
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
