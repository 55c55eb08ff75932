//! A recording to its words.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Multipart, State};
use axum::http::header;
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::StreamExt;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::DropGuard;
use utoipa::ToSchema;

use super::{data, refuse, subtitles};
use crate::audio::{self, DurationLimits};
use crate::domain::audio::{Clip, SampleRate};
use crate::providers::ProviderError;
use crate::providers::stt::{Segment, Transcription, TranscriptionRequest, language_code};
use crate::server::error::{ApiError, OpenAiErrorEnvelope};
use crate::server::extract::Form;
use crate::server::routes::voice::read_field;
use crate::server::state::Server;

/// Events that the model may be ahead of a slow reader.
const EVENTS_AHEAD: usize = 32;

const MOST_FIELD_BYTES: usize = 4096;

/// In the schema only: the fields are read one by one. Others are refused by name.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the schema is made of it")]
pub(crate) struct OpenAiTranscriptionForm {
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// Any name is taken.
    model: Option<String>,
    /// An ISO 639-1 code with or without a region, or the language's English name, in any case; `auto`, or left out: the
    /// model judges.
    language: Option<String>,
    /// Names and words that may come, in the recording's language.
    prompt: Option<String>,
    response_format: Option<TranscriptFormat>,
    /// Left out, or 0: it begins at 0 and goes up where the words look wrong.
    #[schema(minimum = 0, maximum = 1)]
    temperature: Option<f32>,
    /// `segment`, `word` or both, with `verbose_json`.
    #[schema(rename = "timestamp_granularities[]")]
    timestamp_granularities: Option<Vec<Granularity>>,
    /// Server-sent events, segment by segment.
    stream: Option<bool>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TranscriptFormat {
    #[default]
    Json,
    Text,
    Srt,
    Vtt,
    VerboseJson,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Granularity {
    Segment,
    Word,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct OpenAiTranscription {
    text: String,
    usage: OpenAiAudioUsage,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct OpenAiVerboseTranscription {
    /// `transcribe`.
    task: &'static str,
    /// ISO 639-1, where the backend tells.
    language: String,
    /// Seconds.
    duration: f64,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    segments: Option<Vec<OpenAiSegment>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<Vec<OpenAiWord>>,
    usage: OpenAiAudioUsage,
}

/// What was heard, in seconds.
#[derive(Serialize, ToSchema)]
pub(crate) struct OpenAiAudioUsage {
    /// `duration`.
    r#type: &'static str,
    seconds: f64,
}

impl OpenAiAudioUsage {
    fn new(seconds: f64) -> Self {
        Self { r#type: "duration", seconds }
    }
}

/// Where the backend doesn't tell how its model came to a segment, `tokens` is empty and the probabilities are 0.
#[derive(Serialize, ToSchema)]
pub(crate) struct OpenAiSegment {
    id: usize,
    /// Where in the recording the window begins that it was heard in, in hundredths of a second.
    seek: u64,
    /// Seconds.
    start: f64,
    end: f64,
    text: String,
    /// The model's own.
    tokens: Vec<i32>,
    temperature: f32,
    /// Natural logarithm, the mean of all tokens.
    avg_logprob: f32,
    /// Of the text's bytes to what zlib makes of them: far above 2, it repeats itself.
    compression_ratio: f32,
    no_speech_prob: f32,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct OpenAiWord {
    word: String,
    /// Seconds.
    start: f64,
    end: f64,
}

/// A stream's events: deltas whose texts make up the whole, then the whole.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type")]
pub(crate) enum OpenAiTranscriptEvent {
    #[serde(rename = "transcript.text.delta")]
    Delta { delta: String },
    #[serde(rename = "transcript.text.done")]
    Done { text: String, usage: OpenAiAudioUsage },
}

struct Asked {
    recording: Bytes,
    language: Option<&'static str>,
    prompt: Option<String>,
    temperature: Option<f32>,
    format: TranscriptFormat,
    granularities: Vec<Granularity>,
    stream: bool,
}

impl Asked {
    fn wants(&self, granularity: Granularity) -> bool {
        match self.granularities.as_slice() {
            [] => granularity == Granularity::Segment,
            asked => asked.contains(&granularity),
        }
    }
}

async fn read(form: &mut Multipart, max_upload_bytes: usize, languages: &[&'static str]) -> Result<Asked, ApiError> {
    let mut recording = None;
    let mut asked = Asked {
        recording: Bytes::new(),
        language: None,
        prompt: None,
        temperature: None,
        format: TranscriptFormat::default(),
        granularities: Vec::new(),
        stream: false,
    };
    while let Some(field) = form.next_field().await? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "file" {
            recording = Some(read_field(field, max_upload_bytes).await?);
            continue;
        }
        let value = text(&read_field(field, MOST_FIELD_BYTES).await.map_err(|error| error.at(name.clone()))?);
        // What a client leaves empty is left out.
        if value.is_empty() || name == "model" {
            continue;
        }
        match name.as_str() {
            "language" => asked.language = language(&value, languages)?,
            "prompt" => asked.prompt = Some(value),
            "response_format" => {
                asked.format = one_of("response_format", &value, "json, text, srt, vtt and verbose_json")?;
            }
            "temperature" => {
                let number = value.parse().ok().filter(|number| (0.0..=1.0).contains(number));
                let number: f32 = number.ok_or_else(|| refuse("temperature", "`temperature` is 0 to 1."))?;
                // The protocol's 0 lets the model go up by itself.
                asked.temperature = Some(number).filter(|number| *number > 0.0);
            }
            "timestamp_granularities[]" | "timestamp_granularities" => {
                asked.granularities.push(one_of("timestamp_granularities", &value, "segment and word")?);
            }
            "stream" => asked.stream = one_of_flags("stream", &value)?,
            "chunking_strategy" if value == "auto" => {}
            "user" => {}
            other => return Err(refuse(other.to_owned(), format!("`{other}` is not taken here: leave it out."))),
        }
    }
    asked.recording = recording.ok_or_else(|| ApiError::missing_field("file"))?;
    if !asked.granularities.is_empty() && asked.format != TranscriptFormat::VerboseJson {
        let message = "`timestamp_granularities` are told with the `response_format` verbose_json.";
        return Err(refuse("timestamp_granularities", message));
    }
    if asked.stream && !matches!(asked.format, TranscriptFormat::Json | TranscriptFormat::Text) {
        return Err(refuse("response_format", "A stream is of the `response_format` json or text."));
    }
    Ok(asked)
}

/// `None`: the model judges.
fn language(named: &str, known: &[&'static str]) -> Result<Option<&'static str>, ApiError> {
    if named.eq_ignore_ascii_case("auto") {
        return Ok(None);
    }
    match language_code(named).filter(|code| known.contains(code)) {
        Some(code) => Ok(Some(code)),
        None => {
            let message = format!("`language` is none that is heard here: give one of {}, or auto.", known.join(", "));
            Err(refuse("language", message))
        }
    }
}

fn one_of<T: DeserializeOwned>(field: &'static str, value: &str, names: &str) -> Result<T, ApiError> {
    let value = serde_json::Value::String(value.to_lowercase());
    serde_json::from_value(value).map_err(|_| refuse(field, format!("`{field}` is one of {names}.")))
}

fn one_of_flags(field: &'static str, value: &str) -> Result<bool, ApiError> {
    match value.to_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(refuse(field, format!("`{field}` is true or false."))),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

/// A recording as the models hear it: 16 kHz, mono.
///
/// # Errors
/// Where it is none, or too long.
pub(super) async fn speech_of(recording: Bytes, most: Duration) -> Result<Clip, ApiError> {
    let decoded = tokio::task::spawn_blocking(move || {
        let clip = audio::decode(&recording, &DurationLimits { most, ..DurationLimits::ANY })?;
        let speech = if clip.rate == SampleRate::SPEECH { clip } else { audio::resample(&clip, SampleRate::SPEECH) };
        Ok::<Clip, audio::AudioError>(speech)
    });
    let clip = decoded.await.map_err(|_| ApiError::internal(&"a recording could not be read"))?;
    clip.map_err(|error| ApiError::from(error).at("file"))
}

/// Hears a recording of at most 10 MB.
#[utoipa::path(
    post,
    path = "/v1/audio/transcriptions", operation_id = "openai_create_transcription", tag = "openai",
    request_body(content = OpenAiTranscriptionForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "In the format that was asked for", content(
            (OpenAiTranscription = "application/json"),
            (String = "text/plain"),
            (OpenAiTranscriptEvent = "text/event-stream"),
        )),
        ApiError
    )
)]
pub(crate) async fn create(State(server): State<Server>, Form(mut form): Form) -> Result<Response, ApiError> {
    let app = server.app()?;
    let asked = read(&mut form, server.config().max_upload_bytes, &app.ports.stt.languages()).await?;
    let clip = speech_of(asked.recording.clone(), app.config.conversation.max_recording).await?;
    let seconds = clip.duration().as_secs_f64();
    // Whoever goes away ends the work.
    let cancel = server.turns().child_token();
    let guard = cancel.clone().drop_guard();
    let mut request = TranscriptionRequest {
        language: asked.language.map(str::to_owned).or_else(|| app.config.stt.language.clone()),
        prompt: asked.prompt.clone(),
        temperature: asked.temperature,
        words: asked.wants(Granularity::Word),
        ..TranscriptionRequest::new(clip, cancel)
    };
    if !asked.stream {
        let heard = app.ports.stt.transcribe(request).await?;
        return Ok(written(heard, seconds, &asked));
    }
    let (told, heard) = mpsc::unbounded_channel();
    request.heard = Some(told);
    let app = Arc::clone(app);
    let outcome = async move { app.ports.stt.transcribe(request).await };
    Ok(Sse::new(events(heard, outcome, seconds, guard)).keep_alive(KeepAlive::default()).into_response())
}

/// Deltas while the clip is heard, and the whole at its end, with what no delta told before it.
fn events(
    mut heard: mpsc::UnboundedReceiver<Segment>,
    outcome: impl Future<Output = Result<Transcription, ProviderError>> + Send + 'static,
    seconds: f64,
    guard: DropGuard,
) -> impl futures::Stream<Item = Result<SseEvent, Infallible>> {
    let (events, received) = mpsc::channel(EVENTS_AHEAD);
    tokio::spawn(async move {
        let _held = guard;
        let mut outcome = std::pin::pin!(outcome);
        let mut told = String::new();
        let finished = loop {
            let delta = tokio::select! {
                biased;
                Some(segment) = heard.recv() => segment.text,
                finished = &mut outcome => break finished,
            };
            if events.send(delta_event(&mut told, &delta)).await.is_err() {
                return;
            }
        };
        while let Ok(segment) = heard.try_recv() {
            if events.send(delta_event(&mut told, &segment.text)).await.is_err() {
                return;
            }
        }
        let last = match finished {
            Ok(Transcription { text, .. }) => {
                if let Some(rest) = text.strip_prefix(told.as_str()).filter(|rest| !rest.is_empty())
                    && events.send(delta_event(&mut String::new(), rest)).await.is_err()
                {
                    return;
                }
                let done = OpenAiTranscriptEvent::Done { text, usage: OpenAiAudioUsage::new(seconds) };
                data(&done)
            }
            Err(error) => data(&OpenAiErrorEnvelope::from(&ApiError::from(error))),
        };
        // Nobody may read it any more.
        let _ = events.send(last).await;
    });
    ReceiverStream::new(received).map(Ok)
}

fn delta_event(told: &mut String, text: &str) -> SseEvent {
    let space = if told.is_empty() { "" } else { " " };
    let delta = format!("{space}{text}");
    told.push_str(&delta);
    data(&OpenAiTranscriptEvent::Delta { delta })
}

fn written(heard: Transcription, seconds: f64, asked: &Asked) -> Response {
    let plain = |text: String| ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response();
    let usage = OpenAiAudioUsage::new(seconds);
    let Transcription { text, segments, language, .. } = heard;
    match asked.format {
        TranscriptFormat::Json => Json(OpenAiTranscription { text, usage }).into_response(),
        TranscriptFormat::Text => plain(format!("{text}\n")),
        TranscriptFormat::Srt => plain(subtitles::srt(&segments)),
        TranscriptFormat::Vtt => {
            ([(header::CONTENT_TYPE, "text/vtt; charset=utf-8")], subtitles::vtt(&segments)).into_response()
        }
        TranscriptFormat::VerboseJson => {
            let words = segments.iter().flat_map(|segment| &segment.words).map(|word| OpenAiWord {
                word: word.text.clone(),
                start: word.start.as_secs_f64(),
                end: word.end.as_secs_f64(),
            });
            let words = asked.wants(Granularity::Word).then(|| words.collect());
            let segments =
                asked.wants(Granularity::Segment).then(|| segments.into_iter().enumerate().map(told).collect());
            let language = language.unwrap_or_default();
            let task = "transcribe";
            let verbose =
                OpenAiVerboseTranscription { task, language, duration: seconds, text, segments, words, usage };
            Json(verbose).into_response()
        }
    }
}

fn told((id, segment): (usize, Segment)) -> OpenAiSegment {
    let compression_ratio = segment.compression_ratio();
    let Segment { start, end, text, details, .. } = segment;
    let (start, end) = (start.as_secs_f64(), end.as_secs_f64());
    let details = details.unwrap_or_default();
    OpenAiSegment {
        id,
        seek: u64::try_from(details.window.as_millis() / 10).unwrap_or(u64::MAX),
        start,
        end,
        text,
        tokens: details.tokens,
        temperature: details.temperature,
        avg_logprob: details.mean_log_probability,
        compression_ratio,
        no_speech_prob: details.no_speech_probability,
    }
}
