//! The messages of a request: text, pictures, recordings, calls and their results.

use std::collections::HashSet;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::refuse;
use super::tools::OpenAiToolCall;
use super::transcriptions::speech_of;
use crate::app::App;
use crate::domain::message::Role;
use crate::providers::llm::{ChatMessage, ToolCall};
use crate::providers::stt::TranscriptionRequest;
use crate::server::error::{ApiError, ErrorCode};
use crate::server::routes::chat::{MOST_IMAGES, read_image};

/// Of one request: each is heard before the reply begins.
const MOST_RECORDINGS: usize = 4;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenAiMessage {
    role: OpenAiRole,
    /// May be left out beside `tool_calls`.
    #[serde(default)]
    content: Option<Content>,
    /// Of the assistant: taken as content where there is no other.
    #[serde(default)]
    refusal: Option<String>,
    /// Changes no answer.
    #[serde(default)]
    #[expect(dead_code, reason = "templates have no place for it")]
    name: Option<String>,
    /// Of the assistant.
    #[serde(default)]
    tool_calls: Option<Vec<OpenAiToolCall>>,
    /// Of a function's result.
    #[serde(default)]
    tool_call_id: Option<String>,
    /// As clients send an assistant's message back: nothing is kept that it could name.
    #[serde(default, rename = "annotations")]
    #[schema(ignore)]
    _annotations: Option<serde_json::Value>,
    #[serde(default, rename = "audio")]
    #[schema(ignore)]
    audio: Option<serde_json::Value>,
    #[serde(default, rename = "function_call")]
    #[schema(ignore)]
    function_call: Option<serde_json::Value>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum OpenAiRole {
    System,
    Developer,
    User,
    Assistant,
    Tool,
}

#[derive(Deserialize, ToSchema)]
#[serde(
    untagged,
    expecting = "`content` is a text, or parts of the types text, input_text, refusal, image_url and input_audio"
)]
pub(crate) enum Content {
    Text(String),
    Parts(Vec<ContentPart>),
}

#[derive(Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ContentPart {
    Text { text: String },
    InputText { text: String },
    Refusal { refusal: String },
    ImageUrl { image_url: ImageUrl },
    InputAudio { input_audio: InputAudio },
}

#[derive(Deserialize, ToSchema)]
pub(crate) struct ImageUrl {
    /// `data:image/…;base64,…`: nothing is fetched from elsewhere.
    url: String,
}

/// A recording; its words are heard before the reply begins.
#[derive(Deserialize, ToSchema)]
pub(crate) struct InputAudio {
    /// Base64 of a file in any format that /v1/audio/transcriptions takes.
    data: String,
}

/// # Errors
/// `InvalidRequest`, which names the message that is wrong, or what a recording or picture is refused for.
pub(super) async fn read(
    messages: Vec<OpenAiMessage>,
    app: &App,
    max_upload_bytes: usize,
    cancel: &CancellationToken,
) -> Result<Vec<ChatMessage>, ApiError> {
    let mut read = Vec::with_capacity(messages.len());
    let mut called: HashSet<String> = HashSet::new();
    let mut recordings = 0;
    for (at, message) in messages.into_iter().enumerate() {
        let at = format!("messages[{at}]");
        let message = check(message, &at, &mut called)?;
        let (text, images) = match message.content {
            None => (message.refusal.unwrap_or_default(), Vec::new()),
            Some(Content::Text(text)) => (text, Vec::new()),
            Some(Content::Parts(parts)) => {
                let (mut texts, mut images) = (Vec::new(), Vec::new());
                for (number, part) in parts.into_iter().enumerate() {
                    let at = format!("{at}.content[{number}]");
                    match part {
                        ContentPart::Text { text } | ContentPart::InputText { text } => texts.push(text),
                        ContentPart::Refusal { refusal } => texts.push(refusal),
                        ContentPart::ImageUrl { image_url } if image_url.url.starts_with("data:") => {
                            images.push(read_image(&image_url.url, max_upload_bytes).map_err(|error| error.at(at))?);
                        }
                        ContentPart::ImageUrl { .. } => {
                            let message =
                                "An `image_url` is `data:image/…;base64,…`: nothing is fetched from elsewhere.";
                            return Err(refuse(format!("{at}.image_url.url"), message));
                        }
                        ContentPart::InputAudio { input_audio } => {
                            recordings += 1;
                            if recordings > MOST_RECORDINGS {
                                let message = format!("At most {MOST_RECORDINGS} recordings are taken in one request.");
                                return Err(refuse(at, message));
                            }
                            let words = hear(&input_audio.data, app, max_upload_bytes, cancel).await;
                            texts.push(words.map_err(|error| error.at(format!("{at}.input_audio.data")))?);
                        }
                    }
                }
                if images.len() > MOST_IMAGES {
                    let message = format!("At most {MOST_IMAGES} pictures are taken with one message.");
                    return Err(refuse(format!("{at}.content"), message));
                }
                (texts.join("\n"), images)
            }
        };
        let role = match message.role {
            OpenAiRole::System | OpenAiRole::Developer => Role::System,
            OpenAiRole::User | OpenAiRole::Tool => Role::User,
            OpenAiRole::Assistant => Role::Assistant,
        };
        let calls = message.tool_calls.into_iter().flatten().map(|call| ToolCall {
            id: call.id,
            name: call.function.name,
            arguments: call.function.arguments,
        });
        let calls = calls.collect();
        read.push(ChatMessage { images, calls, answers: message.tool_call_id, ..ChatMessage::new(role, text) });
    }
    Ok(read)
}

/// What belongs to which role.
fn check(message: OpenAiMessage, at: &str, called: &mut HashSet<String>) -> Result<OpenAiMessage, ApiError> {
    let is = |role| message.role == role;
    if message.audio.is_some() {
        return Err(refuse(format!("{at}.audio"), "No reply's sound is kept that `audio` could name: send its text."));
    }
    if message.function_call.is_some() {
        return Err(refuse(format!("{at}.function_call"), "Calls are sent as `tool_calls`."));
    }
    if message.tool_calls.is_some() && !is(OpenAiRole::Assistant) {
        return Err(refuse(format!("{at}.tool_calls"), "`tool_calls` belong to a message of the assistant's."));
    }
    if is(OpenAiRole::Tool) {
        let id = message.tool_call_id.as_deref().unwrap_or_default();
        if !called.contains(id) {
            let why = "The result of a function names the call that it answers, which stands in a message before it.";
            return Err(refuse(format!("{at}.tool_call_id"), why));
        }
    } else if message.tool_call_id.is_some() {
        return Err(refuse(format!("{at}.tool_call_id"), "`tool_call_id` belongs to a message of the role `tool`."));
    }
    called.extend(message.tool_calls.iter().flatten().map(|call| call.id.clone()));
    let says_nothing = message.content.is_none() && message.refusal.is_none() && message.tool_calls.is_none();
    if says_nothing {
        return Err(refuse(format!("{at}.content"), "A message has `content`."));
    }
    Ok(message)
}

/// The words of a recording.
async fn hear(data: &str, app: &App, max_upload_bytes: usize, cancel: &CancellationToken) -> Result<String, ApiError> {
    let data = data.split_once(";base64,").map_or(data, |(_, data)| data);
    let recording = BASE64_STANDARD
        .decode(data.trim_end())
        .map_err(|_| ApiError::new(ErrorCode::InvalidRequest, "A recording is base64."))?;
    if recording.len() > max_upload_bytes {
        return Err(ApiError::payload_too_large(max_upload_bytes));
    }
    let clip = speech_of(recording.into(), app.config.conversation.max_recording).await?;
    let language = app.config.stt.language.clone();
    let request = TranscriptionRequest { language, ..TranscriptionRequest::new(clip, cancel.clone()) };
    Ok(app.ports.stt.transcribe(request).await?.text)
}
