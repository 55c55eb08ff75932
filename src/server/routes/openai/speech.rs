//! Text to sound, streamed as it is spoken.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use super::refuse;
use crate::audio::StreamFormat;
use crate::server::error::ApiError;
use crate::server::extract::Body;
use crate::server::speech;
use crate::server::state::Server;
use crate::server::turn::Manner;

/// As the protocol says.
const MOST_CHARS: usize = 4096;

/// What the protocol has beyond this is ignored.
#[derive(Deserialize, ToSchema)]
pub(crate) struct OpenAiSpeechRequest {
    /// At most 4096 characters.
    input: String,
    /// A voice of the backend's; any other name takes its default.
    #[serde(default)]
    voice: Option<String>,
    #[serde(default)]
    response_format: Format,
    /// 0.25 to 4; 1 is the voice's own pace.
    #[serde(default)]
    speed: Option<f32>,
}

/// All of them mono; `pcm` is 16-bit samples at 24 kHz.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Mp3,
    Opus,
    Wav,
    Pcm,
}

impl Format {
    fn stream(self) -> StreamFormat {
        match self {
            Format::Mp3 => StreamFormat::Mp3,
            Format::Opus => StreamFormat::Opus,
            Format::Wav => StreamFormat::Wav,
            Format::Pcm => StreamFormat::Pcm16,
        }
    }
}

/// Speaks a text.
#[utoipa::path(
    post,
    path = "/v1/audio/speech", operation_id = "openai_create_speech", tag = "openai",
    request_body = OpenAiSpeechRequest,
    responses((status = 200, content_type = "audio/mpeg", body = Vec<u8>), ApiError)
)]
pub(crate) async fn create(
    State(server): State<Server>,
    Body(request): Body<OpenAiSpeechRequest>,
) -> Result<Response, ApiError> {
    if request.input.chars().count() > MOST_CHARS {
        return Err(refuse("input", format!("`input` has more than {MOST_CHARS} characters.")));
    }
    let sentences = speech::sentences(&request.input);
    if sentences.is_empty() {
        return Err(refuse("input", "`input` has no word in it."));
    }
    let known = server.app()?.conversation.voices();
    let voice = request.voice.filter(|name| known.iter().any(|voice| voice.name == *name));
    let manner = Manner { voice, speed: request.speed, ..Manner::default() };
    speech::stream(&server, sentences, manner, request.response_format.stream()).await
}
