//! A whole turn at once, for callers that don't stream.

use super::{ConversationError, Event, Outcome, Turn};
use crate::domain::audio::Clip;
use crate::domain::ids::BlobId;
use crate::domain::memory::RecalledMemory;
use crate::domain::route::Route;

/// What a turn brought.
#[derive(Debug)]
pub struct CollectedTurn {
    pub outcome: Outcome,
    pub memories: Vec<RecalledMemory>,
    pub route: Route,
    /// The spoken reply in one; `None` where nothing was spoken.
    pub audio: Option<Clip>,
    pub images: Vec<BlobId>,
}

/// # Errors
/// The turn's own.
pub async fn collect(mut turn: Turn) -> Result<CollectedTurn, ConversationError> {
    let mut memories = Vec::new();
    let mut route = Route::default();
    let mut audio: Option<Clip> = None;
    let mut images = Vec::new();
    while let Some(event) = turn.events.recv().await {
        match event {
            Event::MemoriesUsed(used) => memories = used,
            Event::Route(taken) => route = taken,
            Event::Audio { clip, .. } => match &mut audio {
                Some(audio) => audio.samples.extend_from_slice(&clip.samples),
                None => audio = Some(clip),
            },
            Event::Image { id, .. } => images.push(id),
            Event::Done(outcome) => return Ok(CollectedTurn { outcome, memories, route, audio, images }),
            Event::Failed(error) => return Err(error),
            Event::Transcript { .. } | Event::TextDelta(_) | Event::ImageProgress(_) | Event::Stage(_) => {}
        }
    }
    Err(ConversationError::Graph("the turn ended without an outcome".into()))
}
