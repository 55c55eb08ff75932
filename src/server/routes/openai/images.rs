//! Words to pictures.

use axum::Json;
use axum::extract::State;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{now, refuse};
use crate::providers::image::{ImageRequest, Progress, Wishes};
use crate::server::error::{ApiError, ErrorCode};
use crate::server::extract::Body;
use crate::server::state::Server;

const MOST_PROMPT_CHARS: usize = 4000;
const MOST_PICTURES: usize = 4;

/// What the protocol has beyond this is ignored.
#[derive(Deserialize, ToSchema)]
pub(crate) struct OpenAiImageRequest {
    prompt: String,
    #[serde(default)]
    n: Option<usize>,
    /// `auto`, or width and height as in `1024x1024`: multiples of 16 from 256 to 1440.
    #[serde(default)]
    size: Option<String>,
    /// `b64_json`; nothing is kept here that a `url` could lead to.
    #[serde(default)]
    response_format: Option<String>,
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

/// # Errors
/// Where the size is none.
fn sides(size: &str) -> Result<(u32, u32), ApiError> {
    let sides = size.split_once('x').and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    sides.ok_or_else(|| refuse("`size` is `auto`, or width and height as in `1024x1024`."))
}

/// Makes pictures.
#[utoipa::path(
    post,
    path = "/v1/images/generations", operation_id = "openai_create_images", tag = "openai",
    request_body = OpenAiImageRequest,
    responses((status = 200, body = OpenAiImages), ApiError)
)]
pub(crate) async fn create(
    State(server): State<Server>,
    Body(request): Body<OpenAiImageRequest>,
) -> Result<Json<OpenAiImages>, ApiError> {
    let app = server.app()?;
    let generator = app.ports.image.as_ref().ok_or_else(|| {
        ApiError::new(
            ErrorCode::NotEnabled,
            "No picture is made here: the settings name no image backend (image.backends).",
        )
    })?;
    if request.prompt.chars().count() > MOST_PROMPT_CHARS {
        return Err(refuse(format!("`prompt` has more than {MOST_PROMPT_CHARS} characters.")));
    }
    let pictures = request.n.unwrap_or(1);
    if !(1..=MOST_PICTURES).contains(&pictures) {
        return Err(refuse(format!("`n` is 1 to {MOST_PICTURES}.")));
    }
    if request.response_format.as_deref().is_some_and(|format| format != "b64_json") {
        return Err(refuse("`response_format` is `b64_json`: no picture is kept here for a `url` to lead to."));
    }
    let (width, height) = match request.size.as_deref() {
        None | Some("auto") => app.config.image.size(generator.native_size()),
        Some(size) => sides(size)?,
    };
    // Whoever goes away ends the work.
    let cancel = server.turns().child_token();
    let _guard = cancel.clone().drop_guard();
    let mut data = Vec::with_capacity(pictures);
    for _ in 0..pictures {
        let request = ImageRequest {
            prompt: request.prompt.clone(),
            width,
            height,
            wishes: Wishes::default(),
            progress: Progress::default(),
            cancel: cancel.clone(),
        };
        let generated = generator.generate(request).await?;
        data.push(OpenAiImage { b64_json: BASE64_STANDARD.encode(&generated.image.bytes) });
    }
    Ok(Json(OpenAiImages { created: now(), data }))
}
