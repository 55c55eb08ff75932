//! Voice activity detection.

mod contract;
mod silero;
