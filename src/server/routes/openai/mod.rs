//! The OpenAI protocol: clients that speak it work with Rose unchanged. Any model name is taken; what answers is what the
//! settings name, and each answer says so. Format: <https://platform.openai.com/docs/api-reference>.

pub(crate) mod chat;
pub(crate) mod embeddings;
pub(crate) mod images;
pub(crate) mod models;
pub(crate) mod speech;
pub(crate) mod transcriptions;

mod body;
mod caller;
mod format;
mod messages;
mod subtitles;
mod tools;

use std::borrow::Cow;

use axum::response::sse::Event as SseEvent;
use serde::Serialize;

use crate::server::error::{ApiError, ErrorCode};

/// Of the requests that bring neither sound nor pictures: many texts to embed.
pub(crate) const BODY_BYTES: usize = 4 * 1024 * 1024;

/// Seconds since 1970.
fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// An event of a stream, without a name.
fn data(of: &impl Serialize) -> SseEvent {
    SseEvent::default().json_data(of).expect("the event is made of strings and numbers")
}

/// The refusal of what a client asks for in field `param`, a path such as `messages[0].role`.
fn refuse(param: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> ApiError {
    ApiError::new(ErrorCode::InvalidRequest, message).at(param)
}
