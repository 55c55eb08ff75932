//! A recording in, a spoken reply out, in one answer.

use axum::Json;
use axum::extract::multipart::Field;
use axum::extract::{Multipart, State};
use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::audio::{self, Encoding};
use crate::conversation::{Event, Outcome, Speak, TurnInput};
use crate::domain::audio::Clip;
use crate::domain::ids::{SessionId, TurnId};
use crate::domain::route::Route;
use crate::server::error::{ApiError, ErrorCode};
use crate::server::extract::Form;
use crate::server::identity::Person;
use crate::server::state::Server;
use crate::server::turn::{Asked, Manner, StageReport, UsageReport, UsedMemory, WatchedTurn};
use crate::store::NewBlob;
use crate::telemetry;

/// A recording a little too large is read to its end and then refused, so that its sender gets to read why; one that
/// is much too large is cut off.
pub(crate) fn body_limit(max_upload_bytes: usize) -> usize {
    max_upload_bytes.saturating_mul(2)
}

/// More than an id, a voice's name or a number has.
const MOST_FIELD_BYTES: usize = 128;

#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes the form to the schema")]
pub(crate) struct VoiceForm {
    /// WAV, MP3, FLAC, Ogg, WebM/Opus, MP4/AAC, AIFF or CAF, judged by its bytes.
    #[schema(value_type = String, format = Binary)]
    audio: Vec<u8>,
    session_id: SessionId,
    /// One of `/api/capabilities`. Left out: the first of them.
    voice: Option<String>,
    /// 1 is the voice's own pace. Left out: as the settings say.
    #[schema(minimum = 0.25, maximum = 4)]
    speed: Option<f32>,
    /// What is spoken, one of `/api/capabilities`. Left out: as the settings say.
    language: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VoiceReply {
    turn_id: TurnId,
    session_id: SessionId,
    /// What Rose says.
    text: String,
    /// What was heard.
    transcript: String,
    /// The reply's sound, a WAV; `null` where Rose said nothing.
    audio_url: Option<String>,
    duration_ms: f64,
    stages: Vec<StageReport>,
    /// What services were used for; empty where all ran in this process.
    usage: Vec<UsageReport>,
    memories_used: Vec<UsedMemory>,
    route: Route,
    /// The reply was cut off before its end.
    interrupted: bool,
}

/// Listens to a recording of at most 10 MB and answers aloud.
#[utoipa::path(
    post,
    path = "/api/voice/process", operation_id = "process_voice", tag = "turns",
    request_body(content = VoiceForm, content_type = "multipart/form-data"),
    responses((status = 200, body = VoiceReply), ApiError)
)]
pub(crate) async fn process(
    State(server): State<Server>,
    Person(user): Person,
    Form(mut form): Form,
) -> Result<Json<VoiceReply>, ApiError> {
    let app = server.app()?;
    let Sent { recording, session, voice, speed, language } = read(&mut form, server.config().max_upload_bytes).await?;
    if language.as_ref().is_some_and(|code| !app.conversation.knows_language(code)) {
        return Err(ApiError::new(ErrorCode::InvalidRequest, "No model here hears this language."));
    }
    let asked = Asked {
        user,
        session,
        input: TurnInput::Recording { bytes: recording, language },
        images: Vec::new(),
        speak: Speak::Always,
        manner: Manner::spoken(app, voice, speed)?,
    };
    let mut turn = WatchedTurn::start(&server, app, asked);
    let reply = collect(&mut turn).await?;
    let audio_url = match &reply.sound {
        None => None,
        Some(clip) => {
            let bytes = Bytes::from(audio::encode(clip, Encoding::SyntheticWav));
            let blob = NewBlob { user_id: user, session_id: Some(session), media_type: "audio/wav".into(), bytes };
            Some(format!("/api/voice/audio/{}", app.blobs.put_blob(blob).await?))
        }
    };
    Ok(Json(VoiceReply {
        turn_id: reply.outcome.turn_id,
        session_id: session,
        text: reply.outcome.text,
        transcript: reply.outcome.transcript,
        audio_url,
        duration_ms: telemetry::milliseconds(turn.elapsed()),
        stages: reply.outcome.stages.iter().map(StageReport::from).collect(),
        usage: turn.usage(),
        memories_used: reply.memories_used,
        route: reply.route,
        interrupted: reply.outcome.interrupted,
    }))
}

struct Sent {
    recording: Bytes,
    session: SessionId,
    voice: Option<String>,
    speed: Option<f32>,
    language: Option<String>,
}

/// The fields, in whichever order they come.
async fn read(form: &mut Multipart, max_upload_bytes: usize) -> Result<Sent, ApiError> {
    let (mut recording, mut session) = (None, None);
    let (mut voice, mut speed, mut language) = (None, None, None);
    while let Some(field) = form.next_field().await? {
        match field.name() {
            Some("audio") => recording = Some(read_field(field, max_upload_bytes).await?),
            Some("session_id") => session = Some(read_text(field).await?.parse::<SessionId>()?),
            Some("voice") => voice = Some(read_text(field).await?),
            Some("language") => language = Some(read_text(field).await?),
            Some("speed") => {
                let no_number = |_| ApiError::new(ErrorCode::InvalidRequest, "`speed` is a number, such as 1.25.");
                speed = Some(read_text(field).await?.trim().parse::<f32>().map_err(no_number)?);
            }
            _ => {}
        }
    }
    let recording = recording.ok_or_else(|| ApiError::missing_field("audio"))?;
    let session = session.ok_or_else(|| ApiError::missing_field("session_id"))?;
    Ok(Sent { recording, session, voice, speed, language })
}

async fn read_text(field: Field<'_>) -> Result<String, ApiError> {
    Ok(String::from_utf8_lossy(&read_field(field, MOST_FIELD_BYTES).await?).into_owned())
}

/// A client that is still sending doesn't read an answer, so what is too large is read on, and thrown away.
pub(super) async fn read_field(mut field: Field<'_>, most_bytes: usize) -> Result<Bytes, ApiError> {
    let mut bytes = BytesMut::new();
    let mut too_large = false;
    while let Some(chunk) = field.chunk().await? {
        too_large |= bytes.len() + chunk.len() > most_bytes;
        if !too_large {
            bytes.extend_from_slice(&chunk);
        }
    }
    if too_large { Err(ApiError::payload_too_large(most_bytes)) } else { Ok(bytes.freeze()) }
}

struct Reply {
    outcome: Outcome,
    route: Route,
    memories_used: Vec<UsedMemory>,
    sound: Option<Clip>,
}

async fn collect(turn: &mut WatchedTurn) -> Result<Reply, ApiError> {
    let mut route = Route::default();
    let mut memories_used = Vec::new();
    let mut sound: Option<Clip> = None;
    while let Some(event) = turn.next().await {
        match event {
            Event::Route(chosen) => route = chosen,
            Event::MemoriesUsed(memories) => memories_used = memories.into_iter().map(UsedMemory::from).collect(),
            Event::Audio { clip, .. } => match &mut sound {
                None => sound = Some(clip),
                Some(sound) => sound.samples.extend_from_slice(&clip.samples),
            },
            Event::Done(outcome) => return Ok(Reply { outcome, route, memories_used, sound }),
            Event::Failed(error) => return Err(error.into()),
            Event::Transcript { .. }
            | Event::TextDelta(_)
            | Event::ImageProgress(_)
            | Event::Image { .. }
            | Event::Stage(_) => {}
        }
    }
    Err(ApiError::internal(&"a turn ended without an outcome"))
}
