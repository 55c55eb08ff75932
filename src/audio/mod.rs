//! Recordings and streams of bytes to and from [`Clip`](crate::domain::audio::Clip)s: decoding, resampling, encoding.

mod error;

pub use error::AudioError;
