//! The spoken conversation over a WebSocket.

mod bad_events;
mod client;
mod push_to_talk;
