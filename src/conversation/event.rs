//! What goes into a turn and what comes out of it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use crate::domain::audio::Clip;
use crate::domain::ids::{BlobId, SessionId, TurnId, UserId};
use crate::domain::image::Image;
use crate::domain::memory::RecalledMemory;
use crate::domain::metering::Used;
use crate::domain::route::Route;
use crate::domain::stage::{EngineTiming, StageTiming};
use crate::graph::GraphError;
use crate::graph::state::{Calling, StateError};
use crate::memory::MemoryError;
use crate::providers::ProviderError;
use crate::providers::image::Step;
use crate::providers::llm::{ToolCall, Usage};
use crate::store::StoreError;

pub struct TurnRequest {
    pub user: UserId,
    pub session: SessionId,
    pub input: TurnInput,
    /// Pictures that came with the message.
    pub images: Vec<Image>,
    pub speak: Speak,
    /// `None` takes the backend's default.
    pub voice: Option<String>,
    /// 1 is the voice's own pace.
    pub speed: f32,
    /// What is added to the character, in this turn.
    pub instructions: Option<String>,
    pub calling: Calling,
    /// Cancelling stops generation at the next token; so does dropping the event receiver.
    pub cancel: CancellationToken,
}

pub enum TurnInput {
    /// An encoded recording, its format judged by its bytes. A language is an ISO 639-1 code; `None` is as the settings say.
    Recording {
        bytes: Bytes,
        language: Option<String>,
    },
    Text(String),
    /// The session's newest turn once more, with its message and pictures as they stand: it got no answer, or the new one
    /// takes the old one's place.
    Again(TurnId),
    /// Words that were heard before the turn: by [`Listening`](super::Listening), while the person still spoke.
    Heard(Heard),
}

/// Shows how long it took only: what was said never reaches a log.
impl std::fmt::Debug for Heard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Heard({} bytes, waited {:?})", self.text.len(), self.waited)
    }
}

/// What a person said, and what it cost to know it.
#[derive(Clone)]
pub struct Heard {
    pub text: String,
    /// How long the recording is.
    pub sound: Duration,
    /// When it was Rose's turn; the turn's time counts from here.
    pub ended: Instant,
    /// How long the person had been silent then, where that is what ended it.
    pub pause: Option<Duration>,
    /// The engine's work after the end; nothing where all was heard before.
    pub timing: EngineTiming,
    /// From the end until the words were there.
    pub waited: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speak {
    Always,
    /// Only where the person asked to hear it.
    IfAskedFor,
    Never,
}

/// In the order in which they come. The last is `Done` or `Failed`.
#[derive(Debug)]
pub enum Event {
    /// What the person said. Not `last`: still speaking.
    Transcript {
        text: String,
        last: bool,
    },
    MemoriesUsed(Vec<RecalledMemory>),
    Route(Route),
    /// Speakable text; the deltas joined are the reply.
    TextDelta(String),
    /// Sound of sentence `sentence`, counted from 0, in playing order.
    Audio {
        sentence: usize,
        clip: Clip,
    },
    /// How far the picture is that is coming.
    ImageProgress(Step),
    Image {
        id: BlobId,
        caption: String,
    },
    Stage(StageTiming),
    Done(Outcome),
    Failed(ConversationError),
}

/// A turn that was answered, perhaps not to its end.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub turn_id: TurnId,
    /// What the person said or wrote.
    pub transcript: String,
    /// What Rose said: after an interruption, only what was heard.
    pub text: String,
    pub interrupted: bool,
    /// Functions that the model wants run: [`TurnInput::Again`] with their results goes on with the turn.
    pub calls: Vec<ToolCall>,
    /// The voice failed: what was to be heard is there to read only, from some sentence on.
    pub voice_failed: bool,
    pub stages: Vec<StageTiming>,
    /// What the model says of its work; `None` where it did none.
    pub usage: Option<Usage>,
    /// What services were used for, until the reply's end.
    pub used: Vec<Used>,
}

#[derive(Debug, thiserror::Error)]
pub enum ConversationError {
    /// The recording can't be used; the text says why and what would do.
    #[error("{0}")]
    Audio(#[from] crate::audio::AudioError),
    /// The recording has no words in it.
    #[error("no speech was heard in the recording; speak for at least half a second, close to the microphone")]
    NoSpeech,
    #[error("the message is {length} characters long; at most {limit} are taken")]
    MessageTooLong { length: usize, limit: usize },
    #[error("the message is empty; write or say something")]
    EmptyMessage,
    #[error("no language model here sees pictures; write without them")]
    PicturesNotSeen,
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// For the log, never for a stranger.
    #[error("the conversation's graph failed: {0}")]
    Graph(String),
}

impl From<GraphError> for ConversationError {
    fn from(error: GraphError) -> Self {
        match error {
            GraphError::Provider(error) | GraphError::Memory(MemoryError::Provider(error)) => error.into(),
            GraphError::Store(error) | GraphError::Memory(MemoryError::Store(error)) => error.into(),
            GraphError::State(StateError::Newer { found, newest }) => {
                StoreError::Newer(format!("a conversation of version {found}, this build reads up to {newest}")).into()
            }
            GraphError::State(StateError::Damaged(what)) => StoreError::Damaged(what).into(),
            other => ConversationError::Graph(other.to_string()),
        }
    }
}
