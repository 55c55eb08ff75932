//! From the format in which a model is published to the one that its engine reads.

mod ctranslate2;
mod mel;
mod vocabulary;
mod whisper;

pub use whisper::ctranslate2_to_ggml;

/// Why a file can't be converted. Offsets and lengths are in bytes.
#[derive(Debug, thiserror::Error)]
pub enum ConversionError {
    #[error("the file ends at byte {length}, within {what} at byte {offset}")]
    Truncated { what: &'static str, offset: usize, length: usize },
    #[error("{what} at byte {offset} is {got}; {expected}")]
    Malformed { what: &'static str, offset: usize, got: String, expected: &'static str },
    #[error("the file has no variable `{name}`")]
    Missing { name: String },
    #[error("`{name}` is {got}; {expected}")]
    Unsupported { name: String, got: String, expected: String },
    #[error("line {line} of the vocabulary {reason}")]
    Vocabulary { line: usize, reason: String },
    #[error("the converted file can't be written: {0}")]
    Write(#[from] std::io::Error),
}
