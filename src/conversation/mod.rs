//! A turn: audio → speech-to-text → graph → text-to-speech → events. One pipeline serves every interface.

mod collect;
mod event;
mod history;
mod outbox;
mod reply;
pub mod sentences;
mod sessions;
mod shape;
pub mod speakable;
mod speaker;
mod start;
mod turn;

pub use collect::{CollectedTurn, collect};
pub use event::{ConversationError, Event, Outcome, Speak, TurnInput, TurnRequest};
pub use start::{Conversation, Parts, StartError, Turn};
