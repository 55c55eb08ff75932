//! Speech-to-text behind the OpenAI protocol's transcriptions: Groq, OpenAI, speaches, vLLM.
//! Format: <https://console.groq.com/docs/speech-to-text>,
//! <https://platform.openai.com/docs/api-reference/audio/createTranscription>.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use reqwest::multipart::{Form, Part};
use serde::Deserialize;

use super::{
    Segment, SegmentDetails, SpeechToText, Transcription, TranscriptionRequest, Word, check_rate, language_code,
};
use crate::audio::{Encoding, encode};
use crate::config::ApiConfig;
use crate::domain::metering::Unit;
use crate::domain::stage::EngineTiming;
use crate::providers::http::Service;
use crate::providers::meter;
use crate::providers::{BackendStatus, Description, Place, ProviderError};

/// Services refuse less than this, and nobody says a word in it.
const SHORTEST: Duration = Duration::from_millis(100);

/// Clips quieter than this, as root mean square, hold no words: -60 dB of full scale. The model would make some up.
const SILENCE: f32 = 0.001;

/// As whisper judges a segment: silence where it is likely none, and its words are unlikely.
const NO_SPEECH: f32 = 0.6;
const UNLIKELY: f32 = -1.0;

pub struct OpenAiSpeechToText {
    service: Service,
}

impl OpenAiSpeechToText {
    /// # Errors
    /// `Failed` where the machine's TLS can't be set up.
    pub fn new(backend: &'static str, config: &ApiConfig, place: Place) -> Result<Self, ProviderError> {
        Ok(Self { service: Service::new(backend, config, place)? })
    }

    fn form(&self, sound: &Bytes, request: &TranscriptionRequest) -> Form {
        let file = Part::stream(sound.clone()).file_name("speech.wav");
        let file = file.mime_str("audio/wav").expect("this is a media type");
        let form = Form::new()
            .part("file", file)
            .text("model", self.service.config().model.clone())
            .text("response_format", "verbose_json")
            .text("temperature", request.temperature.unwrap_or(0.0).to_string());
        let form = match &request.language {
            Some(language) => form.text("language", language.clone()),
            None => form,
        };
        let form = match &request.prompt {
            Some(prompt) => form.text("prompt", prompt.clone()),
            None => form,
        };
        match request.words {
            true => form.text("timestamp_granularities[]", "segment").text("timestamp_granularities[]", "word"),
            false => form,
        }
    }

    async fn ask(&self, request: &TranscriptionRequest) -> Result<Heard, ProviderError> {
        let sound = Bytes::from(encode(&request.clip, Encoding::Wav));
        let (response, permit) =
            self.service.post("/audio/transcriptions", |to| to.multipart(self.form(&sound, request))).await?;
        meter::note(&self.describe(), Unit::AudioSeconds, request.clip.duration().as_secs_f64());
        self.service.json(response, permit).await
    }
}

#[async_trait]
impl SpeechToText for OpenAiSpeechToText {
    fn describe(&self) -> Description {
        self.service.status().description
    }

    fn backends(&self) -> Vec<BackendStatus> {
        vec![self.service.status()]
    }

    async fn transcribe(&self, request: TranscriptionRequest) -> Result<Transcription, ProviderError> {
        check_rate(self.service.backend(), &request.clip)?;
        if request.cancel.is_cancelled() {
            return Err(ProviderError::Cancelled);
        }
        let started = Instant::now();
        let length = request.clip.duration();
        let heard = if length < SHORTEST || request.clip.rms() < SILENCE {
            Heard::default()
        } else {
            request.cancel.run_until_cancelled(self.ask(&request)).await.ok_or(ProviderError::Cancelled)??
        };
        // Some name the language in English.
        let language = heard.language.as_deref().and_then(language_code).map(str::to_owned).or(request.language);
        let segments = heard.segments(length);
        let words: Vec<&str> = segments.iter().map(|segment| segment.text.as_str()).collect();
        let timing = EngineTiming { queued: Duration::ZERO, inference: started.elapsed() };
        Ok(Transcription { text: words.join(" "), language, segments, timing })
    }
}

#[derive(Default, Deserialize)]
struct Heard {
    text: String,
    language: Option<String>,
    /// Left out by models that don't tell times.
    segments: Option<Vec<HeardSegment>>,
    /// Beside the segments, where they were asked for.
    words: Option<Vec<HeardWord>>,
}

#[derive(Deserialize)]
struct HeardWord {
    word: String,
    /// Seconds.
    start: f64,
    end: f64,
}

#[derive(Deserialize)]
struct HeardSegment {
    /// Seconds.
    start: f64,
    end: f64,
    text: String,
    no_speech_prob: Option<f32>,
    avg_logprob: Option<f32>,
    /// In hundredths of a second.
    seek: Option<u64>,
    tokens: Option<Vec<i32>>,
    temperature: Option<f32>,
}

impl HeardSegment {
    fn is_speech(&self) -> bool {
        let silent = self.no_speech_prob.is_some_and(|likely| likely > NO_SPEECH);
        let made_up = silent && self.avg_logprob.is_none_or(|likely| likely < UNLIKELY);
        !made_up && !self.text.trim().is_empty()
    }

    fn details(&self) -> Option<SegmentDetails> {
        Some(SegmentDetails {
            window: Duration::from_millis(self.seek?.saturating_mul(10)),
            tokens: self.tokens.clone()?,
            temperature: self.temperature?,
            mean_log_probability: self.avg_logprob?,
            no_speech_probability: self.no_speech_prob?,
        })
    }
}

impl Heard {
    /// In order, none before the end of the one before it or past the clip's end.
    fn segments(self, length: Duration) -> Vec<Segment> {
        let Some(segments) = self.segments else {
            let text = self.text.trim().to_owned();
            let whole = Segment::new(Duration::ZERO, length, text);
            return Some(whole).filter(|whole| !whole.text.is_empty()).into_iter().collect();
        };
        let mut before = Duration::ZERO;
        let mut words = self.words.into_iter().flatten().peekable();
        let time = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or_default();
        let speech = segments.into_iter().filter(HeardSegment::is_speech);
        speech
            .map(|segment| {
                let start = time(segment.start).clamp(before, length.max(before));
                let end = time(segment.end).clamp(start, length.max(start));
                before = end;
                let details = segment.details();
                // A word belongs to the segment in which it begins.
                let own = std::iter::from_fn(|| words.next_if(|word| time(word.start) < end));
                let own = own.map(|HeardWord { word, start, end }| {
                    let start = time(start);
                    Word { start, end: time(end).max(start), text: word.trim().to_owned() }
                });
                Segment { words: own.collect(), details, ..Segment::new(start, end, segment.text.trim().to_owned()) }
            })
            .collect()
    }
}
