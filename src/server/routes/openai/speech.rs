//! Text to sound, streamed as it is spoken.

use std::convert::Infallible;

use axum::extract::State;
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{NotDone, ProtocolBody, ProtocolRequest, within};
use super::{data, refuse};
use crate::audio::StreamFormat;
use crate::providers::tts::SPEEDS;
use crate::server::error::{ApiError, OpenAiErrorEnvelope};
use crate::server::speech;
use crate::server::state::Server;
use crate::server::turn::Manner;

/// As the protocol says.
const MOST_CHARS: usize = 4096;

/// A WAV of a text that is no longer says how long it is: voices render so much in one go, so that nothing waits for it.
const WHOLE_CHARS: usize = 64;

/// A text to be spoken. `model` may have any name; the names of formats and voices may be written in any case.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenAiSpeechRequest {
    #[serde(default)]
    #[expect(dead_code, reason = "what answers is what the settings name")]
    model: Option<String>,
    /// At most 4096 characters.
    input: String,
    /// A voice of the backend's; any other name takes its default.
    #[serde(default)]
    voice: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<OpenAiSpeechFormat>)]
    response_format: Option<String>,
    /// `audio` sends the file itself as it is made, `sse` events with its pieces.
    #[serde(default)]
    #[schema(value_type = Option<OpenAiSpeechStreamFormat>)]
    stream_format: Option<String>,
    /// 0.25 to 4; 1 is the voice's own pace.
    #[serde(default)]
    speed: Option<f32>,
}

impl ProtocolRequest for OpenAiSpeechRequest {
    const NOT_DONE: &'static [NotDone] = &[NotDone {
        field: "instructions",
        asks_nothing: |value| value == "",
        instead: "a voice speaks as it does; `voice` and `speed` choose how",
    }];
}

/// All of them mono; `pcm` is 16-bit samples at 24 kHz, `aac` is AAC-LC in ADTS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OpenAiSpeechFormat {
    #[default]
    Mp3,
    Opus,
    Aac,
    Flac,
    Wav,
    Pcm,
}

impl OpenAiSpeechFormat {
    fn stream(self) -> StreamFormat {
        match self {
            OpenAiSpeechFormat::Mp3 => StreamFormat::Mp3,
            OpenAiSpeechFormat::Opus => StreamFormat::Opus,
            OpenAiSpeechFormat::Aac => StreamFormat::Aac,
            OpenAiSpeechFormat::Flac => StreamFormat::Flac,
            OpenAiSpeechFormat::Wav => StreamFormat::Wav,
            OpenAiSpeechFormat::Pcm => StreamFormat::Pcm16,
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OpenAiSpeechStreamFormat {
    #[default]
    Audio,
    Sse,
}

/// The `data` of one event of `sse`. The last is `speech.audio.done`, or one with an `error` as in a refusal.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type")]
pub(crate) enum OpenAiSpeechEvent {
    /// The pieces joined are the file.
    #[serde(rename = "speech.audio.delta")]
    Delta {
        /// Base64.
        audio: String,
    },
    #[serde(rename = "speech.audio.done")]
    Done { usage: OpenAiSpeechUsage },
}

/// Voices know no tokens: counted are the characters of `input` alone.
#[derive(Clone, Copy, Serialize, ToSchema)]
pub(crate) struct OpenAiSpeechUsage {
    /// Characters.
    input_tokens: usize,
    /// 0: sound is not made of tokens here.
    output_tokens: usize,
    total_tokens: usize,
}

/// A name in any case; the default where there is none.
///
/// # Errors
/// `refusal`, with the name in it.
fn named<T: Default + for<'a> Deserialize<'a>>(
    field: &'static str,
    name: Option<String>,
    refusal: impl FnOnce(&str) -> String,
) -> Result<T, ApiError> {
    let Some(name) = name else { return Ok(T::default()) };
    serde_json::from_value(name.to_lowercase().into())
        .map_err(|_| refuse(field, refusal(&name.chars().take(32).collect::<String>())))
}

/// Speaks a text.
#[utoipa::path(
    post,
    path = "/v1/audio/speech", operation_id = "openai_create_speech", tag = "openai",
    request_body = OpenAiSpeechRequest,
    responses(
        (status = 200, description = "The sound in the format that was asked for, or events with it", content(
            (Vec<u8> = "audio/mpeg"),
            (OpenAiSpeechEvent = "text/event-stream"),
        )),
        ApiError
    )
)]
pub(crate) async fn create(
    State(server): State<Server>,
    ProtocolBody(request): ProtocolBody<OpenAiSpeechRequest>,
) -> Result<Response, ApiError> {
    let chars = request.input.chars().count();
    if chars > MOST_CHARS {
        return Err(refuse("input", format!("`input` has more than {MOST_CHARS} characters.")));
    }
    let format: OpenAiSpeechFormat = named("response_format", request.response_format, |name| {
        format!("`response_format` can't be {name:?} here: it is one of mp3, opus, aac, flac, wav, pcm.")
    })?;
    let stream_format = named("stream_format", request.stream_format, |name| {
        format!("`stream_format` can't be {name:?}: it is one of audio, sse.")
    })?;
    let speed = request.speed.map(|speed| within("speed", speed, *SPEEDS.start(), *SPEEDS.end())).transpose()?;
    let sentences = speech::sentences(&request.input);
    if sentences.is_empty() {
        return Err(refuse("input", "`input` has no word in it."));
    }
    let known = server.app()?.conversation.voices();
    let voice = request.voice.and_then(|name| {
        // A name as it is written comes first: two may differ by their case alone.
        let exact = known.iter().find(|voice| voice.name == name);
        exact.or_else(|| known.iter().find(|voice| voice.name.to_lowercase() == name.to_lowercase()))
    });
    let voice = voice.map(|voice| voice.name.clone());
    let manner = Manner { voice, speed, ..Manner::default() };
    match stream_format {
        OpenAiSpeechStreamFormat::Audio if format == OpenAiSpeechFormat::Wav && chars <= WHOLE_CHARS => {
            speech::whole_wav(&server, sentences, manner).await
        }
        OpenAiSpeechStreamFormat::Audio => speech::stream(&server, sentences, manner, format.stream()).await,
        OpenAiSpeechStreamFormat::Sse => {
            let pieces = speech::pieces(&server, sentences, manner, format.stream()).await?;
            Ok(events(pieces, chars))
        }
    }
}

fn events(pieces: speech::Pieces, chars: usize) -> Response {
    let usage = OpenAiSpeechUsage { input_tokens: chars, output_tokens: 0, total_tokens: chars };
    let pieces = pieces.try_filter(|piece| std::future::ready(!piece.is_empty())).boxed();
    let events = stream::unfold(Some(pieces), move |pieces| async move {
        let mut pieces = pieces?;
        Some(match pieces.next().await {
            Some(Ok(piece)) => {
                (data(&OpenAiSpeechEvent::Delta { audio: BASE64_STANDARD.encode(&piece) }), Some(pieces))
            }
            Some(Err(error)) => (data(&OpenAiErrorEnvelope::from(&error)), None),
            None => (data(&OpenAiSpeechEvent::Done { usage }), None),
        })
    });
    Sse::new(events.map(Ok::<_, Infallible>)).keep_alive(KeepAlive::default()).into_response()
}
