//! Listens to a stream of sound: tells where the person's turns begin and end, and what they say, most of it before the
//! end. One task for each stream; it ends, with all that it began, when its [`Listening`] is dropped.

mod stream;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::start::Conversation;
use super::{ConversationError, Delivery, Heard};
use crate::config::TurnDetectionConfig;
use crate::domain::audio::Clip;
use crate::domain::ids::{SessionId, UserId};
use crate::providers::llm::Tools;
use stream::{Link, Stream};

/// Pieces of sound that wait to be heard; who sends more waits.
const QUEUE: usize = 64;

/// One message of the person's, counted from 0 in each stream.
pub type Utterance = u64;

/// Whom to listen to, and how.
pub struct Hearing {
    pub user: UserId,
    pub session: SessionId,
    /// `None`: the person says where a turn ends.
    pub turns: Option<TurnDetectionConfig>,
    /// What is added to the character.
    pub instructions: Option<String>,
    /// Functions that the model may call.
    pub tools: Option<Tools>,
    /// What the person speaks, by its ISO 639-1 code; `None` is as the settings say.
    pub language: Option<String>,
    /// How the reply will be spoken; `None` where it won't be.
    pub delivery: Option<Delivery>,
}

/// A stream that is listened to. Dropping it ends all that is done for it.
pub struct Listening {
    input: mpsc::Sender<Input>,
    events: mpsc::UnboundedReceiver<ListenEvent>,
    rose_speaks: Arc<AtomicBool>,
    next: Arc<AtomicU64>,
    _cancel: DropGuard,
}

/// In the order in which they come.
pub enum ListenEvent {
    /// Times count from the start of the stream.
    SpeechStarted {
        utterance: Utterance,
        at: Duration,
    },
    SpeechStopped {
        utterance: Utterance,
        at: Duration,
    },
    /// More words of which it is clear that they were said, to be put behind those before.
    Words {
        utterance: Utterance,
        text: String,
    },
    /// The message is complete; its words come with `Heard`. `detected`: silence ended it, and not the caller.
    Committed {
        utterance: Utterance,
        detected: bool,
    },
    Heard {
        utterance: Utterance,
        heard: Result<Heard, ConversationError>,
    },
    Cleared,
    /// A call could not be followed.
    Refused(ListenError),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ListenError {
    #[error("there is too little sound for a message: {got:.0?}; send at least 100 ms before the commit")]
    TooLittle { got: Duration },
    #[error("a message holds at most {most:?} of sound; commit or clear what is there")]
    TooLong { most: Duration },
    #[error("there is no voice activity detector here; say where turns end with input_audio_buffer.commit")]
    NoDetector,
}

enum Input {
    Sound(Clip),
    Recording { utterance: Utterance, clip: Clip },
    Commit,
    Clear,
    Turns(Option<TurnDetectionConfig>),
    Guidance { instructions: Option<String>, tools: Option<Tools> },
    Language(Option<String>),
    Delivery(Option<Delivery>),
}

impl Conversation {
    /// Whether turns can be told apart by listening.
    pub fn detects_turns(&self) -> bool {
        self.inner.detector.is_some()
    }

    pub fn listen(&self, hearing: Hearing) -> Listening {
        let (input, inputs) = mpsc::channel(QUEUE);
        // Not bounded here: a listener sends no more than a few for each piece of sound, and those are bounded.
        let (outlet, events) = mpsc::unbounded_channel();
        let rose_speaks = Arc::new(AtomicBool::new(false));
        let next = Arc::new(AtomicU64::new(0));
        let cancel = CancellationToken::new();
        let link =
            Link { outlet, rose_speaks: Arc::clone(&rose_speaks), next: Arc::clone(&next), cancel: cancel.clone() };
        let stream = Stream::new(Arc::clone(&self.inner), hearing, link);
        let ended = cancel.clone();
        self.inner.tasks.spawn(async move { ended.run_until_cancelled_owned(stream.run(inputs)).await });
        Listening { input, events, rose_speaks, next, _cancel: cancel.drop_guard() }
    }
}

impl Listening {
    /// The next sound, at any rate. Waits where the listener can't keep up.
    pub async fn hear(&self, clip: Clip) {
        self.send(Input::Sound(clip)).await;
    }

    /// A whole message, apart from the stream.
    pub async fn hear_recording(&self, clip: Clip) -> Utterance {
        let utterance = self.next.fetch_add(1, Ordering::Relaxed);
        self.send(Input::Recording { utterance, clip }).await;
        utterance
    }

    /// What is there is a message.
    pub async fn commit(&self) {
        self.send(Input::Commit).await;
    }

    /// Forgets the sound that is no message yet.
    pub async fn clear(&self) {
        self.send(Input::Clear).await;
    }

    pub async fn set_turns(&self, turns: Option<TurnDetectionConfig>) {
        self.send(Input::Turns(turns)).await;
    }

    /// What the person speaks, by its ISO 639-1 code; `None` is as the settings say.
    pub async fn set_language(&self, language: Option<String>) {
        self.send(Input::Language(language)).await;
    }

    /// What is added to the character, and the functions that the model may call.
    pub async fn set_guidance(&self, instructions: Option<String>, tools: Option<Tools>) {
        self.send(Input::Guidance { instructions, tools }).await;
    }

    pub async fn set_delivery(&self, delivery: Option<Delivery>) {
        self.send(Input::Delivery(delivery)).await;
    }

    /// While Rose speaks, a cough is not taken for a word.
    pub fn rose_speaks(&self, speaks: bool) {
        self.rose_speaks.store(speaks, Ordering::Relaxed);
    }

    /// `None` once the listener has ended, which it does only by a panic.
    pub async fn next(&mut self) -> Option<ListenEvent> {
        self.events.recv().await
    }

    async fn send(&self, input: Input) {
        // The listener ends only by a panic, which `next` tells.
        let _ = self.input.send(input).await;
    }
}
