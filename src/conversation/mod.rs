//! A turn: audio → speech-to-text → graph → text-to-speech → events. One pipeline serves every interface.

mod ahead;
mod careful;
mod collect;
mod completion;
mod endpoint;
mod event;
mod finished;
mod history;
mod languages;
mod listen;
mod outbox;
mod phrasing;
mod recent;
mod rehearsal;
mod reply;
pub mod sentences;
mod sessions;
mod shape;
pub mod speakable;
mod speaker;
mod start;
mod turn;
mod words;

pub use collect::{CollectedTurn, collect};
pub use event::{ConversationError, Event, Heard, Outcome, Speak, TurnInput, TurnRequest};
pub use listen::{Hearing, ListenError, ListenEvent, Listening, Utterance};
pub use rehearsal::Delivery;
pub use start::{Conversation, Parts, Turn};
