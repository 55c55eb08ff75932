//! Recordings and streams of bytes to and from [`Clip`](crate::domain::audio::Clip)s: decoding, resampling, encoding.

mod apple;
mod decode;
mod encode;
mod error;
mod flac;
mod format;
mod frames;
mod g711;
mod mark;
mod mix;
mod mp4;
mod ogg_links;
mod resample;
mod stream;
mod wav;

pub use decode::{DurationLimits, decode};
pub use encode::{Encoding, encode, samples_from_pcm16};
pub use error::AudioError;
pub use g711::{Companding, samples_from_g711, to_g711};
pub use mark::SYNTHETIC;
pub use resample::{Resampler, resample};
pub use stream::{EncodeError, StreamEncoder, StreamFormat};
