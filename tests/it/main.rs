//! The one integration-test binary: the native libraries link once.

mod embeddings;
mod llm;
mod rooms;
