//! Pictures: words in, a picture out.

#[cfg(feature = "candle")]
mod candle;
mod fake;
mod ordered;
mod together;

#[cfg(feature = "candle")]
pub use candle::CandleImageGenerator;
pub use fake::FakeImageGenerator;
pub use ordered::Ordered;
pub use together::TogetherImageGenerator;

use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::{BackendStatus, BuildError, Description, Place, ProviderError};
use crate::config::{ImageBackend, ImageConfig, LocalImageConfig, ModelReference};
use crate::domain::image::Image;
use crate::domain::stage::EngineTiming;
use crate::weights::{ModelStore, WeightsError};

/// Pixels a side of what services make where nobody says otherwise.
const USUAL_SIDE: u32 = 768;

/// Of a picture: what is past it is a mistake.
pub const MOST_STEPS: u32 = 150;

#[async_trait]
pub trait ImageGenerator: Send + Sync {
    fn describe(&self) -> Description;

    /// Every backend that may answer, the first in line first.
    fn backends(&self) -> Vec<BackendStatus> {
        vec![BackendStatus::of_engine(self.describe())]
    }

    /// Width and height in pixels of what it makes best.
    fn native_size(&self) -> (u32, u32) {
        (USUAL_SIDE, USUAL_SIDE)
    }

    /// A backend that can tell how far it is tells it through the request, and ends at the next step where it is cancelled.
    ///
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
    pub wishes: Wishes,
    pub progress: Progress,
    pub cancel: CancellationToken,
}

/// How it is to be painted; what is `None` is as the backend has it. A service may know some of it only.
#[derive(Clone, Default)]
pub struct Wishes {
    /// Of the diffusion: 1 to [`MOST_STEPS`].
    pub steps: Option<u32>,
    /// How closely the words are kept to: 0 to 30; up to 1 is not at all.
    pub guidance: Option<f32>,
    /// What is not to be seen. Without guidance it does nothing.
    pub negative: Option<String>,
    /// The same one makes the same picture.
    pub seed: Option<u64>,
}

/// How far a picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// From 1 on.
    pub done: u32,
    pub steps: u32,
}

/// Who wants to know how far a picture is; the default is nobody. It is told on the engine's thread, which waits meanwhile.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<dyn Fn(Step) + Send + Sync>>);

impl Progress {
    pub fn to(listener: impl Fn(Step) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(listener)))
    }

    fn tell(&self, step: Step) {
        if let Some(listener) = &self.0 {
            listener(step);
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct GeneratedImage {
    pub image: Image,
    pub timing: EngineTiming,
}

/// The backends that the config names, in its order: alone, or behind one another. `None` where there is none to be had:
/// Rose then says that she makes no pictures.
///
/// # Errors
/// What the first backend said that the settings ask for by name and that can't be made. The local one is asked for by
/// name where its model is named.
pub fn build(config: &ImageConfig, models: &ModelStore) -> Result<Option<Arc<dyn ImageGenerator>>, BuildError> {
    let mut built: Vec<Arc<dyn ImageGenerator>> = Vec::new();
    for backend in &config.backends {
        let place = Place::of(backend, &config.backends);
        match backend {
            ImageBackend::Local => built.extend(local_if_there(&config.local, models)?),
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

/// # Errors
/// Where the settings name a model that can't be used.
fn local_if_there(
    config: &LocalImageConfig,
    models: &ModelStore,
) -> Result<Option<Arc<dyn ImageGenerator>>, BuildError> {
    match local(config, models) {
        Ok(generator) => Ok(Some(generator)),
        Err(error) if config.model != ModelReference::FromSet => Err(error),
        Err(BuildError::Weights(WeightsError::NotInSet { .. } | WeightsError::NotInstalled { .. })) => {
            tracing::debug!("this process makes no pictures: no weights are here for it");
            Ok(None)
        }
        Err(error) => {
            tracing::warn!(error = %error, "this process makes no pictures");
            Ok(None)
        }
    }
}

#[cfg(feature = "candle")]
fn local(config: &LocalImageConfig, models: &ModelStore) -> Result<Arc<dyn ImageGenerator>, BuildError> {
    let model = models.installed(crate::weights::Capability::Image, &config.model)?;
    Ok(Arc::new(CandleImageGenerator::load(model, config)?))
}

#[cfg(not(feature = "candle"))]
fn local(_config: &LocalImageConfig, _models: &ModelStore) -> Result<Arc<dyn ImageGenerator>, BuildError> {
    Err(ProviderError::NotEnabled { backend: "local", feature: "candle" }.into())
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
    let wishes = &request.wishes;
    if let Some(steps) = wishes.steps.filter(|steps| !(1..=MOST_STEPS).contains(steps)) {
        return invalid(format!("{steps} steps were asked for; give 1 to {MOST_STEPS}"));
    }
    if let Some(guidance) = wishes.guidance.filter(|guidance| !(0.0..=30.0).contains(guidance)) {
        return invalid(format!("the guidance is {guidance}; give 0 to 30"));
    }
    if request.cancel.is_cancelled() {
        return Err(ProviderError::Cancelled);
    }
    Ok(())
}
