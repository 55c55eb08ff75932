//! What Rose remembers, with the real embeddings in the real store.

#[cfg(feature = "candle")]
mod judgement;
#[cfg(feature = "candle")]
mod kept;
#[cfg(feature = "candle")]
mod labelled;
