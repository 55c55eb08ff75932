//! What can go wrong at a port, in words that no backend owns.

use std::time::Duration;

#[derive(Debug, Clone, thiserror::Error)]
pub enum ProviderError {
    /// The queue is full: nothing was started.
    #[error("{backend} is busy; try again in {} s", retry_after.as_secs().max(1))]
    Busy { backend: &'static str, retry_after: Duration },
    /// The caller asked for something that no retry will mend.
    #[error("{backend} refused the input: {reason}")]
    InvalidInput { backend: &'static str, reason: String },
    /// The caller cancelled, or went away.
    #[error("cancelled")]
    Cancelled,
    #[error("{backend} did not answer within {} s", after.as_secs_f32())]
    Timeout { backend: &'static str, after: Duration },
    /// The backend failed; `reason` is for the log, never for a stranger.
    #[error("{backend} failed: {reason}")]
    Failed { backend: &'static str, reason: String },
    /// The backend exists, but this binary was built without it.
    #[error("{backend} is not enabled in this build; build with --features {feature}")]
    NotEnabled { backend: &'static str, feature: &'static str },
}

impl ProviderError {
    /// Whether the next backend in the list may succeed where this one did not.
    pub fn may_fall_back(&self) -> bool {
        matches!(
            self,
            ProviderError::Busy { .. }
                | ProviderError::Timeout { .. }
                | ProviderError::Failed { .. }
                | ProviderError::NotEnabled { .. }
        )
    }
}

/// A port that can't be built from its config.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error(transparent)]
    Weights(#[from] crate::weights::WeightsError),
    #[error(transparent)]
    Provider(#[from] ProviderError),
}
