//! The spoken conversation over a WebSocket.

mod agents;
mod bad_events;
mod client;
mod hearing;
mod interruption;
mod openai;
mod push_to_talk;
mod robust;
