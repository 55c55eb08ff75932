//! A recording to its words.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Multipart, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{refuse, subtitles};
use crate::audio::{self, DurationLimits};
use crate::domain::audio::{Clip, SampleRate};
use crate::providers::stt::{Transcription, TranscriptionRequest};
use crate::server::error::ApiError;
use crate::server::extract::Form;
use crate::server::routes::voice::read_field;
use crate::server::state::Server;

const MOST_FIELD_BYTES: usize = 4096;

/// In the schema only: the fields are read one by one. What the protocol has beyond this is ignored.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the schema is made of it")]
pub(crate) struct OpenAiTranscriptionForm {
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// Any name is taken.
    model: Option<String>,
    /// ISO 639-1, such as `en`; left out, the model judges.
    language: Option<String>,
    response_format: Option<TranscriptFormat>,
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

#[derive(Serialize, ToSchema)]
pub(crate) struct OpenAiTranscription {
    text: String,
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
    segments: Vec<OpenAiSegment>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct OpenAiSegment {
    id: usize,
    /// Seconds.
    start: f64,
    end: f64,
    text: String,
}

struct Asked {
    recording: Bytes,
    language: Option<String>,
    format: TranscriptFormat,
}

async fn read(form: &mut Multipart, max_upload_bytes: usize) -> Result<Asked, ApiError> {
    let (mut recording, mut language, mut format) = (None, None, TranscriptFormat::default());
    while let Some(field) = form.next_field().await? {
        match field.name() {
            Some("file") => recording = Some(read_field(field, max_upload_bytes).await?),
            Some("language") => language = Some(text(&read_field(field, MOST_FIELD_BYTES).await?)),
            Some("response_format") => {
                let name = serde_json::Value::String(text(&read_field(field, MOST_FIELD_BYTES).await?));
                format = serde_json::from_value(name)
                    .map_err(|_| refuse("`response_format` is one of json, text, srt, vtt, verbose_json."))?;
            }
            _ => {}
        }
    }
    let recording = recording.ok_or_else(|| ApiError::missing_field("file"))?;
    Ok(Asked { recording, language: language.filter(|language| !language.is_empty()), format })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
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
        )),
        ApiError
    )
)]
pub(crate) async fn create(State(server): State<Server>, Form(mut form): Form) -> Result<Response, ApiError> {
    let app = server.app()?;
    let asked = read(&mut form, server.config().max_upload_bytes).await?;
    let most = app.config.conversation.max_recording;
    let recording = asked.recording;
    let decoded = tokio::task::spawn_blocking(move || {
        let clip = audio::decode(&recording, &DurationLimits { most, ..DurationLimits::ANY })?;
        let speech = if clip.rate == SampleRate::SPEECH { clip } else { audio::resample(&clip, SampleRate::SPEECH) };
        Ok::<Clip, audio::AudioError>(speech)
    });
    let clip = decoded.await.map_err(|_| ApiError::internal(&"a recording could not be read"))??;
    let seconds = clip.duration().as_secs_f64();
    // Whoever goes away ends the work.
    let cancel = server.turns().child_token();
    let _guard = cancel.clone().drop_guard();
    let language = asked.language.or_else(|| app.config.stt.language.clone());
    let heard =
        app.ports.stt.transcribe(TranscriptionRequest { clip: Arc::new(clip), language, likely: None, cancel }).await?;
    Ok(written(heard, seconds, asked.format))
}

fn written(heard: Transcription, seconds: f64, format: TranscriptFormat) -> Response {
    let plain = |text: String| ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response();
    let Transcription { text, segments, language, .. } = heard;
    match format {
        TranscriptFormat::Json => Json(OpenAiTranscription { text }).into_response(),
        TranscriptFormat::Text => plain(format!("{text}\n")),
        TranscriptFormat::Srt => plain(subtitles::srt(&segments)),
        TranscriptFormat::Vtt => {
            ([(header::CONTENT_TYPE, "text/vtt; charset=utf-8")], subtitles::vtt(&segments)).into_response()
        }
        TranscriptFormat::VerboseJson => {
            let segments = segments.into_iter().enumerate().map(|(id, segment)| OpenAiSegment {
                id,
                start: segment.start.as_secs_f64(),
                end: segment.end.as_secs_f64(),
                text: segment.text,
            });
            let verbose = OpenAiVerboseTranscription {
                task: "transcribe",
                language: language.unwrap_or_default(),
                duration: seconds,
                text,
                segments: segments.collect(),
            };
            Json(verbose).into_response()
        }
    }
}
