//! A turn: audio → speech-to-text → graph → text-to-speech → events. One pipeline serves every interface.

mod event;
pub mod sentences;
pub mod speakable;

pub use event::{ConversationError, Event, Outcome, Speak, TurnInput, TurnRequest};
