//! A turn: audio → speech-to-text → graph → text-to-speech → events. One pipeline serves every interface.

mod event;

pub use event::{ConversationError, Event, Outcome, Speak, TurnInput, TurnRequest};
