//! The one door by which errors leave: a stable code, a sentence fit for a stranger, the request id.
//! What is internal goes to the log, once, here.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::Request;
use axum::extract::multipart::{MultipartError, MultipartRejection};
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::openapi::{self, RefOr};
use utoipa::{IntoResponses, ToSchema};

use super::body::Stalled;
use super::request_id;
use crate::audio::AudioError;
use crate::conversation::ConversationError;
use crate::domain::ids::InvalidId;
use crate::memory::MemoryError;
use crate::providers::ProviderError;
use crate::store::StoreError;

/// Stable: clients may match on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    InvalidJson,
    InvalidRequest,
    InvalidId,
    InvalidMultipart,
    MissingField,
    ForeignOrigin,
    NotFound,
    UnknownRoute,
    MethodNotAllowed,
    RequestTimeout,
    PayloadTooLarge,
    UnsupportedMediaType,
    RangeNotSatisfiable,
    EmptyMessage,
    MessageTooLong,
    EmptyAudio,
    UnsupportedAudio,
    DamagedAudio,
    AudioTooShort,
    AudioTooLong,
    NoSpeech,
    UnsupportedImage,
    InputRefused,
    RateLimited,
    Internal,
    NotEnabled,
    BackendFailed,
    BackendTimeout,
    Busy,
    Cancelled,
    Starting,
}

impl ErrorCode {
    pub fn status(self) -> StatusCode {
        match self {
            ErrorCode::InvalidJson
            | ErrorCode::InvalidId
            | ErrorCode::InvalidMultipart
            | ErrorCode::MissingField
            | ErrorCode::EmptyAudio => StatusCode::BAD_REQUEST,
            ErrorCode::ForeignOrigin => StatusCode::FORBIDDEN,
            ErrorCode::NotFound | ErrorCode::UnknownRoute => StatusCode::NOT_FOUND,
            ErrorCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            ErrorCode::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            ErrorCode::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorCode::UnsupportedMediaType | ErrorCode::UnsupportedAudio | ErrorCode::UnsupportedImage => {
                StatusCode::UNSUPPORTED_MEDIA_TYPE
            }
            ErrorCode::RangeNotSatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
            ErrorCode::InvalidRequest
            | ErrorCode::EmptyMessage
            | ErrorCode::MessageTooLong
            | ErrorCode::DamagedAudio
            | ErrorCode::AudioTooShort
            | ErrorCode::AudioTooLong
            | ErrorCode::NoSpeech
            | ErrorCode::InputRefused => StatusCode::UNPROCESSABLE_ENTITY,
            ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            ErrorCode::NotEnabled => StatusCode::NOT_IMPLEMENTED,
            ErrorCode::BackendFailed => StatusCode::BAD_GATEWAY,
            ErrorCode::BackendTimeout => StatusCode::GATEWAY_TIMEOUT,
            ErrorCode::Busy | ErrorCode::Cancelled | ErrorCode::Starting => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    pub code: ErrorCode,
    /// Read by a stranger: never an internal text.
    pub message: Cow<'static, str>,
    /// The field of the request that is wrong, as a path: `messages[0].role`.
    pub param: Option<Cow<'static, str>>,
    pub retry_after: Option<Duration>,
}

/// What every failed request answers with.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorEnvelope {
    pub error: ErrorBody,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    pub code: ErrorCode,
    /// What is wrong and what would be right.
    pub message: String,
    /// Also in the header `x-request-id` and in the log.
    pub request_id: String,
}

impl ApiError {
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), param: None, retry_after: None }
    }

    /// Names the field that is wrong.
    pub fn at(mut self, param: impl Into<Cow<'static, str>>) -> Self {
        self.param = Some(param.into()).filter(|param: &Cow<'_, str>| !param.is_empty());
        self
    }

    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Logs what happened and tells a stranger only that something did.
    pub fn internal(reason: &dyn std::fmt::Display) -> Self {
        tracing::error!(error.reason = %reason, request.id = request_id::current(), "a request failed inside");
        Self::new(
            ErrorCode::Internal,
            "Something went wrong on this side; try again. The request id finds it in the log.",
        )
    }

    pub fn unknown_route() -> Self {
        Self::new(ErrorCode::UnknownRoute, "There is nothing at this path; /api/openapi.json lists what there is.")
    }

    pub fn method_not_allowed() -> Self {
        Self::new(
            ErrorCode::MethodNotAllowed,
            "This path does not take this method; /api/openapi.json lists which it takes.",
        )
    }

    pub fn starting() -> Self {
        Self::new(ErrorCode::Starting, "Rose is starting; try again in a moment.").retry_after(Duration::from_secs(1))
    }

    pub fn foreign_origin() -> Self {
        Self::new(ErrorCode::ForeignOrigin, "A page of another origin may not do this.")
    }

    pub fn payload_too_large(limit_bytes: usize) -> Self {
        Self::new(ErrorCode::PayloadTooLarge, format!("Too large: at most {limit_bytes} bytes are taken here."))
    }

    pub fn missing_field(name: &str) -> Self {
        Self::new(ErrorCode::MissingField, format!("The field `{name}` is missing.")).at(name.to_owned())
    }

    pub fn envelope(&self, request_id: String) -> ErrorEnvelope {
        ErrorEnvelope { error: ErrorBody { code: self.code, message: self.message.to_string(), request_id } }
    }
}

/// What failed requests of the OpenAI protocol answer with.
#[derive(Debug, Serialize, ToSchema)]
pub struct OpenAiErrorEnvelope {
    pub error: OpenAiErrorBody,
}

/// <https://platform.openai.com/docs/guides/error-codes>
#[derive(Debug, Serialize, ToSchema)]
pub struct OpenAiErrorBody {
    pub message: String,
    /// `invalid_request_error`, `rate_limit_error` or `server_error`.
    pub r#type: &'static str,
    /// The field that is wrong, where one is.
    pub param: Option<String>,
    pub code: ErrorCode,
}

impl From<&ApiError> for OpenAiErrorEnvelope {
    fn from(error: &ApiError) -> Self {
        let status = error.code.status();
        let r#type = match status {
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
            status if status.is_client_error() => "invalid_request_error",
            _ => "server_error",
        };
        let param = error.param.as_deref().map(str::to_owned);
        Self { error: OpenAiErrorBody { message: error.message.to_string(), r#type, param, code: error.code } }
    }
}

/// What of the paths under `/v1` is not the OpenAI protocol's HTTP: its WebSocket has events of its own for errors.
const REALTIME: &str = "/v1/realtime";

/// Whether refusals at a path have the OpenAI protocol's shape.
pub(super) fn speaks_the_protocol(path: &str) -> bool {
    path.starts_with("/v1/") && path != REALTIME
}

/// The same refusal, as clients of the OpenAI protocol read it: there, 400 stands for whatever is wrong with a request.
fn in_the_protocols_shape(error: &ApiError, response: Response) -> Response {
    let status = match error.code.status() {
        StatusCode::UNPROCESSABLE_ENTITY | StatusCode::UNSUPPORTED_MEDIA_TYPE => StatusCode::BAD_REQUEST,
        status => status,
    };
    let (mut parts, _) = response.into_parts();
    let (shaped, body) = (status, Json(OpenAiErrorEnvelope::from(error))).into_response().into_parts();
    parts.status = status;
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.extend(shaped.headers);
    Response::from_parts(parts, body)
}

/// Marks a response as written by [`ApiError`].
#[derive(Clone)]
struct Enveloped(ApiError);

/// In the schema: every route may answer so.
impl IntoResponses for ApiError {
    fn responses() -> BTreeMap<String, RefOr<openapi::Response>> {
        let content = openapi::ContentBuilder::new().schema(Some(openapi::Ref::from_schema_name("ErrorEnvelope")));
        let response = openapi::ResponseBuilder::new()
            .description("Refused or failed; the code says why")
            .content("application/json", content.build());
        BTreeMap::from([("default".to_owned(), RefOr::T(response.build()))])
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.code.status(), Json(self.envelope(request_id::current()))).into_response();
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        response.extensions_mut().insert(Enveloped(self));
        response
    }
}

/// Middleware: what a layer or axum itself refused in plain text leaves in the envelope too; and where the OpenAI protocol
/// is spoken, all of it in the protocol's own.
pub(super) async fn envelope(request: Request, next: Next) -> Response {
    let protocol = speaks_the_protocol(request.uri().path());
    let response = enveloped(next.run(request).await);
    match response.extensions().get::<Enveloped>().cloned() {
        Some(Enveloped(error)) if protocol => in_the_protocols_shape(&error, response),
        _ => response,
    }
}

fn enveloped(response: Response) -> Response {
    let status = response.status();
    // JSON is a handler's own answer, such as health's while the engines load.
    let json = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|content_type| content_type.as_bytes().starts_with(b"application/json"));
    let refused = status.is_client_error() || status.is_server_error();
    if !refused || json || response.extensions().get::<Enveloped>().is_some() {
        return response;
    }
    let error = match status {
        StatusCode::NOT_FOUND => ApiError::unknown_route(),
        StatusCode::METHOD_NOT_ALLOWED => ApiError::method_not_allowed(),
        StatusCode::REQUEST_TIMEOUT => ApiError::new(ErrorCode::RequestTimeout, "The request took too long to arrive."),
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(ErrorCode::PayloadTooLarge, "The request is too large."),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            ApiError::new(ErrorCode::UnsupportedMediaType, "This content type is not taken here.")
        }
        status if status.is_client_error() => ApiError::new(ErrorCode::InvalidRequest, "The request can't be read."),
        status => ApiError::internal(&format_args!("an answer of status {status} without an envelope")),
    };
    let allow = response.headers().get(header::ALLOW).cloned();
    let mut response = error.into_response();
    if let Some(allow) = allow {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

/// serde's sentence about the sender's own input, cut to a length that can be shown.
pub(super) fn shown(text: &str) -> String {
    const MOST: usize = 240;
    let mut text: String = text.chars().take(MOST).collect();
    if text.chars().count() == MOST {
        text.push('…');
    }
    text
}

/// The last cause says what is wrong; those before it only where it was noticed.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    shown(&cause.to_string())
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        match rejection {
            JsonRejection::JsonSyntaxError(error) => {
                Self::new(ErrorCode::InvalidJson, format!("The body is not valid JSON: {}.", root_cause(&error)))
            }
            JsonRejection::JsonDataError(error) => Self::new(
                ErrorCode::InvalidRequest,
                format!("The body does not have the right shape: {}.", root_cause(&error)),
            ),
            JsonRejection::MissingJsonContentType(_) => {
                Self::new(ErrorCode::UnsupportedMediaType, "Send JSON with the header content-type: application/json.")
            }
            other => unread(other.status(), &other)
                .unwrap_or_else(|| Self::new(ErrorCode::InvalidRequest, "The body can't be read to its end.")),
        }
    }
}

/// A body that is too large, or stopped arriving.
fn unread(status: StatusCode, error: &(dyn std::error::Error + 'static)) -> Option<ApiError> {
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        return Some(ApiError::new(ErrorCode::PayloadTooLarge, "The body is too large."));
    }
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    let late = causes.any(|cause| cause.is::<Stalled>());
    late.then(|| ApiError::new(ErrorCode::RequestTimeout, "The body stopped arriving; send it again."))
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(
            ErrorCode::InvalidRequest,
            format!("The query does not have the right shape: {}.", shown(&rejection.body_text())),
        )
    }
}

impl From<PathRejection> for ApiError {
    fn from(_: PathRejection) -> Self {
        Self::new(ErrorCode::InvalidId, "The id in the path can't be read; it is a UUID.")
    }
}

impl From<InvalidId> for ApiError {
    fn from(error: InvalidId) -> Self {
        Self::new(ErrorCode::InvalidId, capitalised(&error))
    }
}

impl From<MultipartRejection> for ApiError {
    fn from(_: MultipartRejection) -> Self {
        Self::new(
            ErrorCode::InvalidMultipart,
            "The content-type names no boundary; send multipart/form-data; boundary=… as HTTP clients do by themselves.",
        )
    }
}

impl From<MultipartError> for ApiError {
    fn from(error: MultipartError) -> Self {
        unread(error.status(), &error).unwrap_or_else(|| {
            Self::new(ErrorCode::InvalidMultipart, "The multipart body is cut off or not formed as its boundary says.")
        })
    }
}

/// As a sentence: a capital first, a full stop last.
fn capitalised(text: &dyn std::fmt::Display) -> String {
    let text = text.to_string();
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}

impl From<AudioError> for ApiError {
    fn from(error: AudioError) -> Self {
        let code = match &error {
            AudioError::Empty => ErrorCode::EmptyAudio,
            AudioError::UnknownFormat { .. } | AudioError::UnsupportedCodec { .. } => ErrorCode::UnsupportedAudio,
            AudioError::Damaged { .. } => ErrorCode::DamagedAudio,
            AudioError::TooShort { .. } => ErrorCode::AudioTooShort,
            AudioError::TooLong { .. } => ErrorCode::AudioTooLong,
        };
        Self::new(code, capitalised(&error))
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            // One sentence for what is not there and for what is another's.
            StoreError::NotFound(what) => Self::new(ErrorCode::NotFound, format!("There is no such {what}.")),
            other => Self::internal(&other),
        }
    }
}

impl From<MemoryError> for ApiError {
    fn from(error: MemoryError) -> Self {
        match error {
            MemoryError::Empty | MemoryError::TooLong { .. } => {
                Self::new(ErrorCode::InvalidRequest, capitalised(&error))
            }
            MemoryError::Provider(error) => error.into(),
            MemoryError::Store(error) => error.into(),
        }
    }
}

impl From<ProviderError> for ApiError {
    fn from(error: ProviderError) -> Self {
        match error {
            ProviderError::Busy { retry_after, .. } => {
                Self::new(ErrorCode::Busy, "Rose is busy with others; try again in a moment.").retry_after(retry_after)
            }
            ProviderError::Cancelled => {
                Self::new(ErrorCode::Cancelled, "The turn was cancelled before it was answered; send it again.")
            }
            // Rose's own sentence, also where a service stands behind the port.
            ProviderError::InvalidInput { reason, .. } => {
                Self::new(ErrorCode::InputRefused, format!("The model can't take this: {reason}."))
            }
            ProviderError::Timeout { .. } => {
                tracing::error!(error.reason = %error, request.id = request_id::current(), "a backend timed out");
                Self::new(ErrorCode::BackendTimeout, "A model took too long to answer; try again.")
            }
            ProviderError::Failed { .. } => {
                tracing::error!(error.reason = %error, request.id = request_id::current(), "a backend failed");
                Self::new(ErrorCode::BackendFailed, "A model failed to answer; try again.")
            }
            ProviderError::NotEnabled { .. } => Self::new(ErrorCode::NotEnabled, capitalised(&error)),
        }
    }
}

impl From<ConversationError> for ApiError {
    fn from(error: ConversationError) -> Self {
        match error {
            ConversationError::Audio(error) => error.into(),
            ConversationError::NoSpeech => Self::new(ErrorCode::NoSpeech, capitalised(&error)),
            ConversationError::MessageTooLong { .. } => Self::new(ErrorCode::MessageTooLong, capitalised(&error)),
            ConversationError::EmptyMessage => Self::new(ErrorCode::EmptyMessage, capitalised(&error)),
            ConversationError::PicturesNotSeen => Self::new(ErrorCode::NotEnabled, capitalised(&error)),
            ConversationError::Provider(error) => error.into(),
            ConversationError::Store(error) => error.into(),
            ConversationError::Graph(reason) => Self::internal(&reason),
        }
    }
}
