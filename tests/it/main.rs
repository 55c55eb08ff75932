//! The one integration-test binary: the native libraries link once.

mod audio;
mod embeddings;
mod llm;
mod rooms;
mod routing;
mod store;
mod tts;
mod vad;
