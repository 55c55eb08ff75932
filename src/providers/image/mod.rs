//! Pictures: words in, a picture out.

mod fake;
mod ordered;
mod together;

pub use fake::FakeImageGenerator;
pub use ordered::Ordered;
pub use together::TogetherImageGenerator;

use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::{BackendStatus, BuildError, Description, Place, ProviderError};
use crate::config::{ImageBackend, ImageConfig};
use crate::domain::image::Image;
use crate::domain::stage::EngineTiming;

#[async_trait]
pub trait ImageGenerator: Send + Sync {
    fn describe(&self) -> Description;

    /// Every backend that may answer, the first in line first.
    fn backends(&self) -> Vec<BackendStatus> {
        vec![BackendStatus::of_engine(self.describe())]
    }

    /// # Errors
    /// `InvalidInput` for a prompt without a word, or a size that it can't make, else as [`ProviderError`].
    async fn generate(&self, request: ImageRequest) -> Result<GeneratedImage, ProviderError>;
}

#[derive(Clone)]
pub struct ImageRequest {
    pub prompt: String,
    /// Pixels; multiples of 16 from 256 to 1440.
    pub width: u32,
    pub height: u32,
    pub cancel: CancellationToken,
}

#[derive(Debug, Clone, PartialEq)]
pub struct GeneratedImage {
    pub image: Image,
    pub timing: EngineTiming,
}

/// The backends that the config names, in its order: alone, or behind one another. `None` where each of them is one that
/// this build doesn't have: Rose then says that she makes no pictures.
///
/// # Errors
/// What the first backend said that is in this build and can't be made.
pub fn build(config: &ImageConfig) -> Result<Option<Arc<dyn ImageGenerator>>, BuildError> {
    let mut built: Vec<Arc<dyn ImageGenerator>> = Vec::new();
    for backend in &config.backends {
        let place = Place::of(backend, &config.backends);
        match backend {
            // No image model runs in this process yet.
            ImageBackend::Local => tracing::debug!("pictures need a service: this process makes none"),
            ImageBackend::Together => built.push(Arc::new(TogetherImageGenerator::new(&config.together, place)?)),
            ImageBackend::Fake => built.push(Arc::new(FakeImageGenerator)),
        }
    }
    let mut built = built.into_iter();
    Ok(match built.next() {
        None => None,
        Some(only) if built.len() == 0 => Some(only),
        Some(first) => Some(Arc::new(Ordered::new(first, built.collect()))),
    })
}

/// What every backend asks of a request.
fn check(backend: &'static str, request: &ImageRequest) -> Result<(), ProviderError> {
    let invalid = |reason: String| Err(ProviderError::InvalidInput { backend, reason });
    if !request.prompt.contains(char::is_alphanumeric) {
        return invalid("the prompt has no word in it".into());
    }
    for side in [request.width, request.height] {
        if !(256..=1440).contains(&side) || side % 16 != 0 {
            return invalid(format!("a side is {side} pixels; give a multiple of 16 from 256 to 1440"));
        }
    }
    if request.cancel.is_cancelled() {
        return Err(ProviderError::Cancelled);
    }
    Ok(())
}
