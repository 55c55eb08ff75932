//! The one integration-test binary: the native libraries link once.

mod audio;
mod embeddings;
mod graph;
mod llm;
mod memory;
mod rooms;
mod routing;
mod store;
mod tts;
mod weights;
