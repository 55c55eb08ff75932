//! Recordings and streams of bytes to and from [`Clip`](crate::domain::audio::Clip)s: decoding, resampling, encoding.

mod decode;
mod encode;
mod error;
mod format;
mod mp4;
mod resample;

pub use decode::{DurationLimits, decode};
pub use encode::{Encoding, encode, samples_from_pcm16};
pub use error::AudioError;
pub use resample::{Resampler, resample};
