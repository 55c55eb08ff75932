//! What is wrong with a client's event, as the protocol tells it. The connection goes on.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::conversation::ListenError;
use crate::server::error::{ApiError, ErrorCode};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    kind: &'static str,
    code: Cow<'static, str>,
    message: Cow<'static, str>,
    param: Option<&'static str>,
}

impl Problem {
    pub(super) fn new(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: "invalid_request_error", code: code.into(), message: message.into(), param: None }
    }

    pub(super) fn value(param: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { param: Some(param), ..Self::new("invalid_value", message) }
    }

    /// The `error` of an event of that name.
    pub(super) fn to_json(&self, event_id: Option<&str>) -> Value {
        json!({
            "type": self.kind, "code": self.code, "message": self.message, "param": self.param, "event_id": event_id,
        })
    }
}

impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Self {
        let kind = match error.code {
            ErrorCode::RateLimited => "rate_limit_error",
            code if code.status().is_client_error() => "invalid_request_error",
            _ => "server_error",
        };
        let code = serde_json::to_value(error.code).ok().and_then(|code| code.as_str().map(str::to_owned));
        Self { kind, code: code.unwrap_or_default().into(), message: error.message, param: None }
    }
}

impl From<ListenError> for Problem {
    fn from(error: ListenError) -> Self {
        let code = match error {
            ListenError::TooLittle { .. } => "input_audio_buffer_commit_empty",
            ListenError::TooLong { .. } => "input_audio_buffer_full",
            ListenError::NoDetector => "not_enabled",
        };
        let text = error.to_string();
        let mut chars = text.chars();
        let first = chars.next().map(|c| c.to_ascii_uppercase()).unwrap_or_default();
        Self::new(code, format!("{first}{}.", chars.as_str()))
    }
}
