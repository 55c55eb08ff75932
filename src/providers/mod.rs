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

use std::sync::Arc;

pub(crate) use attempts::{Attempt, attempt};
pub use error::{BuildError, ProviderError};
pub use http::{Place, client_builder};

/// The backends of a port that could be built: alone, or behind one another as `ordered` puts them.
///
/// # Errors
/// `first_error`, where none could be built.
fn in_order<T: ?Sized>(
    built: Vec<Arc<T>>,
    first_error: Option<BuildError>,
    ordered: impl FnOnce(Arc<T>, Vec<Arc<T>>) -> Arc<T>,
) -> Result<Arc<T>, BuildError> {
    let mut built = built.into_iter();
    match (built.next(), first_error) {
        (Some(only), _) if built.len() == 0 => Ok(only),
        (Some(first), _) => Ok(ordered(first, built.collect())),
        (None, Some(error)) => Err(error),
        (None, None) => unreachable!("config validation names at least one backend"),
    }
}

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
