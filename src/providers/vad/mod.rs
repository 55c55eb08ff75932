//! Voice activity detection: where in a stream or a clip somebody speaks.

mod fake;
#[cfg(feature = "vad-silero")]
mod silero;
mod spans;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{BuildError, Description, ProviderError};
use crate::config::{VadBackend, VadConfig};
use crate::domain::audio::SampleRate;
use crate::weights::ModelStore;

pub use fake::FakeDetector;
#[cfg(feature = "vad-silero")]
pub use silero::Silero;
pub use spans::{SpeechChange, SpeechThresholds, SpeechTracker, speech_spans};

/// Samples, at [`SampleRate::SPEECH`], for which one probability is given: 32 ms.
pub const WINDOW: usize = 512;

/// How long a [`WINDOW`] lasts.
pub const WINDOW_DURATION: Duration = Duration::from_micros(WINDOW as u64 * 1_000_000 / SampleRate::SPEECH.0 as u64);

pub trait VoiceActivityDetector: Send + Sync {
    fn describe(&self) -> Description;

    /// A stream that has heard nothing yet. Streams don't disturb each other.
    fn listen(&self) -> Box<dyn VoiceActivityStream>;
}

#[async_trait]
pub trait VoiceActivityStream: Send {
    /// Takes the next `samples`, 16 kHz mono, of any length. Returns, in order, how likely each [`WINDOW`] that they
    /// complete is speech, in [0, 1].
    ///
    /// # Errors
    /// As [`ProviderError`]; the samples are then not taken.
    async fn push(&mut self, samples: &[f32]) -> Result<Vec<f32>, ProviderError>;
}

/// The first backend of the list that can be built.
///
/// # Errors
/// What the first backend said, where none can be built: it has no weights, doesn't load, or is not in this build.
pub fn build(config: &VadConfig, models: &ModelStore) -> Result<Arc<dyn VoiceActivityDetector>, BuildError> {
    let mut first_error = None;
    for backend in &config.backends {
        let built = match backend {
            VadBackend::Local => local(config, models),
            VadBackend::Fake => Ok(Arc::new(FakeDetector) as Arc<dyn VoiceActivityDetector>),
        };
        match built {
            Ok(detector) => return Ok(detector),
            Err(error) => {
                tracing::warn!(vad.backend = ?backend, error = %error, "a voice activity detector can't be built");
                first_error.get_or_insert(error);
            }
        }
    }
    Err(first_error.expect("the config names at least one backend"))
}

#[cfg(feature = "vad-silero")]
fn local(config: &VadConfig, models: &ModelStore) -> Result<Arc<dyn VoiceActivityDetector>, BuildError> {
    use crate::config::ModelReference;
    use crate::weights::Capability;

    let model = models.installed(Capability::VoiceActivity, &config.local.model)?;
    let runtime = models.installed(Capability::OnnxRuntime, &ModelReference::FromSet)?;
    Ok(Arc::new(Silero::load(model, runtime, config.local.queue_length)?))
}

#[cfg(not(feature = "vad-silero"))]
fn local(_config: &VadConfig, _models: &ModelStore) -> Result<Arc<dyn VoiceActivityDetector>, BuildError> {
    Err(ProviderError::NotEnabled { backend: "local", feature: "vad-silero" }.into())
}

/// Cuts a stream of samples into whole windows.
#[derive(Debug, Clone, Default)]
struct Windows {
    /// Fewer than [`WINDOW`] samples, from the last push.
    pending: Vec<f32>,
}

impl Windows {
    /// The samples of every window that is whole now.
    fn take(&mut self, samples: &[f32]) -> Vec<f32> {
        self.pending.extend_from_slice(samples);
        let rest = self.pending.split_off(self.pending.len() / WINDOW * WINDOW);
        std::mem::replace(&mut self.pending, rest)
    }
}
