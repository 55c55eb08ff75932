//! Why a recording can't be used, in words for the person who sent it.

use std::time::Duration;

#[derive(Debug, Clone, thiserror::Error, PartialEq)]
pub enum AudioError {
    #[error("the recording is empty")]
    Empty,
    /// `found` is a clause: "it is a PNG picture".
    #[error(
        "this is not a recording that can be read: {found}; send WAV, MP3, FLAC, Ogg, WebM/Opus, MP4/AAC, AIFF or CAF"
    )]
    UnknownFormat { found: String },
    #[error("the {format} recording is damaged: {reason}")]
    Damaged { format: &'static str, reason: String },
    /// A container that is known around something that isn't.
    #[error("the {format} recording holds sound that can't be read: {reason}")]
    UnsupportedCodec { format: &'static str, reason: String },
    #[error("the recording lasts {} s; at least {} s are needed", .got.as_secs_f32(), .least.as_secs_f32())]
    TooShort { got: Duration, least: Duration },
    #[error("the recording lasts more than {} s, the longest that is taken", .most.as_secs())]
    TooLong { most: Duration },
}
