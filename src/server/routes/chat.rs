//! A message in, the reply as it comes: server-sent events.

use std::convert::Infallible;

use axum::extract::State;
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::audio::{self, Encoding};
use crate::conversation::{Event, Speak, TurnInput};
use crate::domain::ids::{BlobId, SessionId, TurnId};
use crate::domain::image::{Image, ImageFormat};
use crate::domain::route::Route;
use crate::images::{self, ImageDecodeError};
use crate::providers::image::Step;
use crate::server::error::{ApiError, ErrorCode, ErrorEnvelope};
use crate::server::extract::Body;
use crate::server::identity::Person;
use crate::server::state::Server;
use crate::server::turn::{Asked, Manner, StageReport, UsageReport, UsedMemory, WatchedTurn};
use crate::telemetry;

pub(super) const MOST_IMAGES: usize = 4;

/// Pictures as base64 take four bytes for three; the rest is room for a message that is too long to be refused by name.
pub(crate) fn body_limit(max_upload_bytes: usize) -> usize {
    (max_upload_bytes / 3).saturating_mul(4).saturating_add(1024 * 1024)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChatRequest {
    session_id: SessionId,
    /// Left out with `retry_of`.
    #[serde(default)]
    message: Option<String>,
    /// At most 4 PNG, JPEG, WebP or GIF pictures, base64, with or without `data:image/…;base64,` before it.
    #[serde(default)]
    #[schema(max_items = 4)]
    images: Vec<String>,
    /// The session's newest turn, to be answered once more, with its message and pictures as they stand: it got no answer,
    /// or the new one takes the old one's place.
    #[serde(default)]
    retry_of: Option<TurnId>,
    /// Whether the reply is also spoken. Left out: only where the message asks for it.
    #[serde(default)]
    speak: Option<bool>,
    /// One of `/api/capabilities`. Left out: the first of them.
    #[serde(default)]
    voice: Option<String>,
    /// 1 is the voice's own pace. Left out: as the settings say.
    #[serde(default)]
    #[schema(minimum = 0.25, maximum = 4)]
    speed: Option<f32>,
}

/// The `data` of one event; the event's name is its `type`. They come in this order, `stage` in between, and the last
/// is `done` or `error`.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ChatEvent {
    /// What the person said.
    Transcript {
        turn_id: TurnId,
        text: String,
        last: bool,
    },
    /// What Rose remembered for this reply.
    MemoriesUsed {
        memories: Vec<UsedMemory>,
    },
    /// Which way it is answered.
    Route {
        route: Route,
    },
    /// The deltas joined are the reply.
    TextDelta {
        text: String,
    },
    /// Sound of sentence `sentence`, counted from 0: a whole WAV, base64. To be played one after the other.
    Audio {
        sentence: usize,
        media_type: &'static str,
        data: String,
    },
    /// How far the picture is that she makes: `step` of `steps` is done. Told by backends that know it.
    ImageProgress {
        step: u32,
        steps: u32,
    },
    /// A picture that Rose made.
    Image {
        id: BlobId,
        url: String,
        caption: String,
    },
    /// How long a part of the turn took.
    Stage(StageReport),
    Done {
        turn_id: TurnId,
        text: String,
        interrupted: bool,
        duration_ms: f64,
        stages: Vec<StageReport>,
        /// What services were used for; empty where all ran in this process.
        usage: Vec<UsageReport>,
    },
    Error(ErrorEnvelope),
}

impl ChatEvent {
    fn name(&self) -> &'static str {
        match self {
            ChatEvent::Transcript { .. } => "transcript",
            ChatEvent::MemoriesUsed { .. } => "memories_used",
            ChatEvent::Route { .. } => "route",
            ChatEvent::TextDelta { .. } => "text_delta",
            ChatEvent::Audio { .. } => "audio",
            ChatEvent::ImageProgress { .. } => "image_progress",
            ChatEvent::Image { .. } => "image",
            ChatEvent::Stage(_) => "stage",
            ChatEvent::Done { .. } => "done",
            ChatEvent::Error(_) => "error",
        }
    }

    fn of(event: Event, turn: &WatchedTurn) -> Self {
        match event {
            Event::Transcript { text, last } => ChatEvent::Transcript { turn_id: turn.id(), text, last },
            Event::MemoriesUsed(memories) => {
                ChatEvent::MemoriesUsed { memories: memories.into_iter().map(UsedMemory::from).collect() }
            }
            Event::Route(route) => ChatEvent::Route { route },
            Event::TextDelta(text) => ChatEvent::TextDelta { text },
            Event::Audio { sentence, clip } => ChatEvent::Audio {
                sentence,
                media_type: "audio/wav",
                data: BASE64_STANDARD.encode(audio::encode(&clip, Encoding::SyntheticWav)),
            },
            Event::ImageProgress(Step { done, steps }) => ChatEvent::ImageProgress { step: done, steps },
            Event::Image { id, caption } => ChatEvent::Image { id, url: format!("/api/images/{id}"), caption },
            Event::Stage(timing) => ChatEvent::Stage(StageReport::from(&timing)),
            Event::Done(outcome) => ChatEvent::Done {
                turn_id: outcome.turn_id,
                text: outcome.text,
                interrupted: outcome.interrupted,
                duration_ms: telemetry::milliseconds(turn.elapsed()),
                stages: outcome.stages.iter().map(StageReport::from).collect(),
                usage: turn.usage(),
            },
            Event::Failed(error) => ChatEvent::Error(ApiError::from(error).envelope(turn.request_id().to_owned())),
        }
    }

    fn into_sse(self) -> SseEvent {
        let event = SseEvent::default().event(self.name());
        event.json_data(self).expect("the event is made of strings and numbers")
    }
}

/// Answers a message as it thinks: server-sent events. What can be refused is refused with a status before the first.
#[utoipa::path(
    post,
    path = "/api/chat", operation_id = "chat", tag = "turns",
    request_body = ChatRequest,
    responses(
        (status = 200, content_type = "text/event-stream", body = ChatEvent),
        ApiError
    )
)]
pub(crate) async fn chat(
    State(server): State<Server>,
    Person(user): Person,
    Body(request): Body<ChatRequest>,
) -> Result<Sse<impl Stream<Item = Result<SseEvent, Infallible>>>, ApiError> {
    let app = server.app()?;
    let asked = Asked {
        user,
        session: request.session_id,
        input: input(request.message, request.retry_of, request.images.is_empty())?,
        images: read_images(&request.images, server.config().max_upload_bytes)?,
        speak: match request.speak {
            Some(true) => Speak::Always,
            Some(false) => Speak::Never,
            None => Speak::IfAskedFor,
        },
        manner: Manner::spoken(app, request.voice, request.speed)?,
    };
    let mut turn = WatchedTurn::start(&server, app, asked);
    let begun = until_answering(&mut turn).await?;
    let begun: Vec<ChatEvent> = begun.into_iter().map(|event| ChatEvent::of(event, &turn)).collect();
    let rest = stream::unfold(turn, async |mut turn| {
        let event = turn.next().await?;
        let event = ChatEvent::of(event, &turn);
        Some((event, turn))
    });
    let events = stream::iter(begun).chain(rest).map(|event| Ok(event.into_sse()));
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

/// Waits for the first piece of the reply, so that "busy" and every refusal still has a status of its own: they come
/// before it, within the milliseconds until the model has begun.
async fn until_answering(turn: &mut WatchedTurn) -> Result<Vec<Event>, ApiError> {
    let mut begun = Vec::new();
    while let Some(event) = turn.next().await {
        match event {
            Event::Failed(error) => return Err(error.into()),
            Event::Transcript { .. } | Event::MemoriesUsed(_) | Event::Route(_) | Event::Stage(_) => begun.push(event),
            Event::TextDelta(_)
            | Event::Audio { .. }
            | Event::ImageProgress(_)
            | Event::Image { .. }
            | Event::Done(_) => {
                begun.push(event);
                return Ok(begun);
            }
        }
    }
    Err(ApiError::internal(&"a turn ended without an outcome"))
}

fn input(message: Option<String>, retry_of: Option<TurnId>, no_images: bool) -> Result<TurnInput, ApiError> {
    match (message, retry_of) {
        (Some(message), None) => Ok(TurnInput::Text(message)),
        (None, Some(turn)) if no_images => Ok(TurnInput::Again(turn)),
        (None, None) => Err(ApiError::missing_field("message")),
        (_, Some(_)) => {
            let message = "With `retry_of`, the message and its pictures are those of that turn: leave them out.";
            Err(ApiError::new(ErrorCode::InvalidRequest, message))
        }
    }
}

fn read_images(encoded: &[String], max_bytes: usize) -> Result<Vec<Image>, ApiError> {
    if encoded.len() > MOST_IMAGES {
        let message = format!("At most {MOST_IMAGES} pictures are taken with one message.");
        return Err(ApiError::new(ErrorCode::InvalidRequest, message));
    }
    encoded.iter().map(|image| read_image(image, max_bytes)).collect()
}

pub(super) fn read_image(encoded: &str, max_bytes: usize) -> Result<Image, ApiError> {
    let data = match encoded.strip_prefix("data:") {
        None => encoded,
        Some(rest) => rest.split_once(";base64,").map_or("", |(_, data)| data),
    };
    let unsupported = || ApiError::new(ErrorCode::UnsupportedImage, "Send PNG, JPEG, WebP or GIF as base64.");
    let bytes = BASE64_STANDARD.decode(data.trim_end()).map_err(|_| unsupported())?;
    if bytes.len() > max_bytes {
        return Err(ApiError::payload_too_large(max_bytes));
    }
    // Judged by its bytes, whatever the `data:` says.
    let format = ImageFormat::sniff(&bytes).ok_or_else(unsupported)?;
    let image = Image { bytes: Bytes::from(bytes), format };
    images::measure(&image).map_err(|error| ApiError::new(ErrorCode::UnsupportedImage, refusal(&error)))?;
    Ok(image)
}

fn refusal(error: &ImageDecodeError) -> String {
    match error {
        ImageDecodeError::TooLarge { width, height } => format!(
            "A picture of {width} × {height} pixels is too large: send one of at most {} million pixels.",
            images::MOST_PIXELS / 1_000_000
        ),
        ImageDecodeError::Broken(format) => {
            format!("The picture begins as a {format} does, but its head can't be read: send a whole one.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_judged_by_their_bytes() {
        let mut png = std::io::Cursor::new(Vec::new());
        let picture = image::DynamicImage::new_rgb8(2, 2);
        picture.write_to(&mut png, image::ImageFormat::Png).unwrap();
        let plain = BASE64_STANDARD.encode(png.get_ref());
        assert_eq!(read_image(&plain, 1000).unwrap().format, ImageFormat::Png);
        assert_eq!(read_image(&format!("data:image/jpeg;base64,{plain}"), 1000).unwrap().format, ImageFormat::Png);
        assert_eq!(read_image(&plain, 10).unwrap_err().code, ErrorCode::PayloadTooLarge);
        for wrong in ["", "not base64!", "data:image/png,raw", &BASE64_STANDARD.encode("text"), &plain[..24]] {
            assert_eq!(read_image(wrong, 1000).unwrap_err().code, ErrorCode::UnsupportedImage, "{wrong}");
        }
    }
}
