//! The one integration-test binary: the native libraries link once.

#![expect(
    unreachable_pub,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "a test may fail loudly, and says what it saw"
)]

mod audio;
mod care;
mod comparison;
mod conversation;
mod doctor;
mod embeddings;
mod fallback;
mod image;
mod llm;
mod memory;
mod openai;
mod realtime;
mod rooms;
mod routing;
mod server;
mod store;
mod stt;
mod support;
mod tts;
mod vad;
mod weights;
