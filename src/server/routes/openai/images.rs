//! Words to pictures.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{NotDone, ProtocolBody, ProtocolRequest, whole, within};
use super::{now, refuse};
use crate::domain::image::ImageFormat;
use crate::providers::ProviderError;
use crate::providers::image::{GeneratedImage, ImageRequest, Progress, Wishes};
use crate::server::error::{ApiError, ErrorCode, OpenAiErrorEnvelope};
use crate::server::state::Server;

const MOST_PROMPT_CHARS: usize = 4000;
const MOST_PICTURES: i64 = 4;

/// A stream's last event, as the protocol names it. Partial pictures are not sent: a client may ask for up to three and get
/// fewer.
const COMPLETED: &str = "image_generation.completed";

/// A picture in words. `model` may have any name; `user` changes no answer.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenAiImageRequest {
    #[serde(default)]
    #[expect(dead_code, reason = "what answers is what the settings name")]
    model: Option<String>,
    prompt: String,
    #[serde(default, deserialize_with = "whole")]
    n: Option<i64>,
    /// `auto`, or width and height as in `1024x1024`: multiples of 16 from 256 to 1440.
    #[serde(default)]
    size: Option<String>,
    /// `b64_json`; nothing is kept here that a `url` could lead to.
    #[serde(default)]
    response_format: Option<String>,
    /// Of Rose's own: the same one makes the same picture, where the backend takes one.
    #[serde(default)]
    seed: Option<u64>,
    /// 0 to 3: so many at most are sent before the picture of a stream, and none are.
    #[serde(default, deserialize_with = "whole")]
    partial_images: Option<i64>,
    /// Server-sent events, the last of them `image_generation.completed`.
    #[serde(default)]
    stream: Option<bool>,
}

impl ProtocolRequest for OpenAiImageRequest {
    const NOT_DONE: &'static [NotDone] = &[
        NotDone { field: "quality", asks_nothing: is_usual, instead: "a backend has one quality" },
        NotDone {
            field: "style",
            asks_nothing: |value| value == "vivid" || is_usual(value),
            instead: "say it in the prompt",
        },
        NotDone {
            field: "background",
            asks_nothing: |value| value == "opaque" || is_usual(value),
            instead: "pictures are opaque",
        },
        NotDone { field: "moderation", asks_nothing: is_usual, instead: "leave it out" },
        NotDone {
            field: "output_format",
            asks_nothing: |value| value == "png",
            instead: "leave it out: a stream's `output_format` says what came",
        },
        NotDone { field: "output_compression", asks_nothing: |value| *value == 100, instead: "leave it out" },
    ];
    const WITHOUT_EFFECT: &'static [&'static str] = &["user"];
}

fn is_usual(value: &serde_json::Value) -> bool {
    value == "auto" || value == "standard"
}

#[derive(Serialize, ToSchema)]
pub(crate) struct OpenAiImages {
    created: i64,
    data: Vec<OpenAiImage>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct OpenAiImage {
    b64_json: String,
}

/// The picture of a stream.
#[derive(Serialize, ToSchema)]
pub(crate) struct OpenAiImageCompleted {
    /// `image_generation.completed`.
    r#type: &'static str,
    b64_json: String,
    created_at: i64,
    /// Width and height as in `1024x1024`.
    size: String,
    #[schema(value_type = String)]
    output_format: ImageFormat,
}

/// # Errors
/// Where the size is none.
fn sides(size: &str) -> Result<(u32, u32), ApiError> {
    let sides = size.split_once('x').and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    sides.ok_or_else(|| refuse("size", "`size` is `auto`, or width and height as in `1024x1024`."))
}

/// Makes pictures: all of them in one answer, or one as an event of a stream (`stream`), which is kept alive meanwhile.
#[utoipa::path(
    post,
    path = "/v1/images/generations", operation_id = "openai_create_images", tag = "openai",
    request_body = OpenAiImageRequest,
    responses(
        (status = 200, description = "Whole, or with `stream` as a server-sent event", content(
            (OpenAiImages = "application/json"),
            (OpenAiImageCompleted = "text/event-stream"),
        )),
        ApiError
    )
)]
pub(crate) async fn create(
    State(server): State<Server>,
    ProtocolBody(request): ProtocolBody<OpenAiImageRequest>,
) -> Result<Response, ApiError> {
    let app = server.app()?;
    let generator = app.ports.image.as_ref().ok_or_else(|| {
        ApiError::new(
            ErrorCode::NotEnabled,
            "No picture is made here: no backend of image.backends is there, or its weights are not; `rose doctor` says more.",
        )
    })?;
    if request.prompt.chars().count() > MOST_PROMPT_CHARS {
        return Err(refuse("prompt", format!("`prompt` has more than {MOST_PROMPT_CHARS} characters.")));
    }
    if !request.prompt.contains(char::is_alphanumeric) {
        return Err(refuse("prompt", "`prompt` has no word in it."));
    }
    let pictures = within("n", request.n.unwrap_or(1), 1, MOST_PICTURES)? as usize;
    within("partial_images", request.partial_images.unwrap_or(0), 0, 3)?;
    if request.response_format.as_deref().is_some_and(|format| format != "b64_json") {
        return Err(refuse(
            "response_format",
            "`response_format` is `b64_json`: no picture is kept here for a `url` to lead to.",
        ));
    }
    let streams = request.stream.unwrap_or(false);
    if streams && pictures > 1 {
        return Err(refuse("n", "A stream brings one picture: leave `n` out, or `stream`."));
    }
    let (width, height) = match request.size.as_deref() {
        None | Some("auto") => app.config.image.size(generator.native_size()),
        Some(size) => sides(size)?,
    };
    let cancel = server.turns().child_token();
    let wanted = |picture: u64| ImageRequest {
        prompt: request.prompt.clone(),
        width,
        height,
        // Several of one seed would be one and the same.
        wishes: Wishes { seed: request.seed.map(|seed| seed.wrapping_add(picture)), ..Wishes::default() },
        progress: Progress::default(),
        cancel: cancel.clone(),
    };
    // Whoever goes away ends the work.
    let guard = cancel.clone().drop_guard();
    if streams {
        let (generator, wanted) = (Arc::clone(generator), wanted(0));
        let event = async move {
            let _guard = guard;
            completed(generator.generate(wanted).await, width, height)
        };
        let events = stream::once(event).map(Ok::<_, Infallible>);
        return Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response());
    }
    let mut data = Vec::with_capacity(pictures);
    for picture in 0..pictures {
        let generated = generator.generate(wanted(picture as u64)).await?;
        data.push(OpenAiImage { b64_json: BASE64_STANDARD.encode(&generated.image.bytes) });
    }
    Ok(Json(OpenAiImages { created: now(), data }).into_response())
}

/// A stream's one event: the picture, or what failed.
fn completed(outcome: Result<GeneratedImage, ProviderError>, width: u32, height: u32) -> SseEvent {
    let event = match outcome {
        Ok(generated) => SseEvent::default().event(COMPLETED).json_data(OpenAiImageCompleted {
            r#type: COMPLETED,
            b64_json: BASE64_STANDARD.encode(&generated.image.bytes),
            created_at: now(),
            size: format!("{width}x{height}"),
            output_format: generated.image.format,
        }),
        Err(error) => SseEvent::default().event("error").json_data(OpenAiErrorEnvelope::from(&ApiError::from(error))),
    };
    event.expect("the event is made of strings and numbers")
}
