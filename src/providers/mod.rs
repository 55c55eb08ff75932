//! The ports and their adapters: each capability a trait in its folder, each backend a file beside it.
//! Which backend serves is answered by that port's `build()`, from config.

mod attempts;
pub mod breaker;
pub mod catalogue;
#[cfg(any(feature = "stt-whisper", feature = "llm-llama", feature = "tts-local", feature = "candle"))]
mod cores;
pub mod embeddings;
mod error;
mod http;
pub mod image;
pub mod llm;
pub mod meter;
#[cfg(any(feature = "tts-local", feature = "vad-silero"))]
mod onnx;
pub mod stt;
pub mod tts;
pub mod vad;
pub mod watch;
pub mod worker;

pub(crate) use attempts::{Attempt, attempt};
pub use error::{BuildError, ProviderError};
pub use http::{Place, client_builder};

/// What health shows of a backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The config's name of it: `local`, `fake`, `groq`.
    pub backend: &'static str,
    /// The model it serves, as its maker names it.
    pub model: String,
}

/// What health shows of one of the backends behind a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendStatus {
    pub description: Description,
    /// `None` for an engine inside the process.
    pub breaker: Option<breaker::BreakerState>,
}

impl BackendStatus {
    pub fn of_engine(description: Description) -> Self {
        Self { description, breaker: None }
    }
}
