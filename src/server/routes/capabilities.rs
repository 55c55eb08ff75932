//! What this server can do, so that a page offers nothing else.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::providers::tts::Voice;
use crate::server::error::ApiError;
use crate::server::state::Server;

/// What a page may offer to speak, by ISO 639-1: the languages that whisper models hear best.
const LANGUAGES: [&str; 30] = [
    "ar", "ca", "cs", "da", "de", "el", "en", "es", "fi", "fr", "he", "hi", "hu", "id", "it", "ja", "ko", "ms", "nl",
    "no", "pl", "pt", "ro", "ru", "sv", "tr", "uk", "vi", "zh", "sk",
];

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Capabilities {
    /// What `voice` may name; the first is the default.
    voices: Vec<OfferedVoice>,
    /// The pace where a request names none; 1 is the voice's own.
    speed: f32,
    /// What `language` may name, and few more; one alone where no other is heard.
    languages: Vec<&'static str>,
    /// Messages may come with pictures.
    sees_pictures: bool,
    /// A wish for a picture can be met.
    makes_pictures: bool,
    /// `/v1/realtime` can tell by listening where a turn ends.
    hands_free: bool,
}

/// Someone who can speak the replies.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OfferedVoice {
    name: String,
    /// What they speak, as a tag of BCP 47, such as `en-US`; left out where the server doesn't know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
}

impl From<Voice> for OfferedVoice {
    fn from(Voice { name, language }: Voice) -> Self {
        Self { name, language }
    }
}

/// The voices, and what else not every server has.
#[utoipa::path(
    get,
    path = "/api/capabilities", operation_id = "get_capabilities", tag = "service",
    responses((status = 200, body = Capabilities), ApiError)
)]
pub(crate) async fn capabilities(State(server): State<Server>) -> Result<Json<Capabilities>, ApiError> {
    let app = server.app()?;
    Ok(Json(Capabilities {
        voices: app.conversation.voices().into_iter().map(OfferedVoice::from).collect(),
        speed: app.config.tts.speed,
        languages: LANGUAGES.into_iter().filter(|code| app.conversation.knows_language(code)).collect(),
        sees_pictures: app.conversation.sees_pictures(),
        makes_pictures: app.conversation.makes_pictures(),
        hands_free: app.conversation.detects_turns(),
    }))
}
