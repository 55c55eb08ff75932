//! Voice activity detection.

mod contract;
mod silero;

pub(crate) use silero::local as local_detector;
