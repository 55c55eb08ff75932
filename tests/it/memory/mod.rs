//! What Rose remembers: the labelled messages.

#[cfg(feature = "candle")]
mod labelled;
