//! Sentence embeddings: one contract over every backend, and MiniLM against its reference.

mod contract;
#[cfg(feature = "candle")]
mod minilm;
mod openai;

#[cfg(feature = "candle")]
pub(crate) use minilm::local;
