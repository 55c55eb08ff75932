//! Recordings and streams of bytes to and from [`Clip`](crate::domain::audio::Clip)s: decoding, resampling, encoding.

mod decode;
mod encode;
mod error;
mod format;
mod g711;
mod mark;
mod mp4;
mod resample;
mod stream;

pub use decode::{DurationLimits, decode};
pub use encode::{Encoding, encode, samples_from_pcm16};
pub use error::AudioError;
pub use g711::{Companding, samples_from_g711, to_g711};
pub use mark::SYNTHETIC;
pub use resample::{Resampler, resample};
pub use stream::{EncodeError, StreamEncoder, StreamFormat};
