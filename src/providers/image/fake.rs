//! Pictures without a model: plain PNGs whose colour comes from the prompt. Health calls it `fake`.

use std::hash::{DefaultHasher, Hash, Hasher};

use async_trait::async_trait;

use super::{GeneratedImage, ImageGenerator, ImageRequest, Step, check};
use crate::domain::stage::EngineTiming;
use crate::images::{self, Rgb};
use crate::providers::{Description, ProviderError};

const BACKEND: &str = "fake";

#[derive(Debug, Default)]
pub struct FakeImageGenerator;

#[async_trait]
impl ImageGenerator for FakeImageGenerator {
    fn describe(&self) -> Description {
        Description { backend: BACKEND, model: "one-colour".into() }
    }

    async fn generate(&self, request: ImageRequest) -> Result<GeneratedImage, ProviderError> {
        check(BACKEND, &request)?;
        let mut hasher = DefaultHasher::new();
        request.prompt.hash(&mut hasher);
        request.wishes.seed.hash(&mut hasher);
        let [red, green, blue, ..] = hasher.finish().to_le_bytes();
        let steps = request.wishes.steps.unwrap_or(1);
        (1..=steps).for_each(|done| request.progress.tell(Step { done, steps }));
        let (width, height) = (request.width, request.height);
        let bytes = std::iter::repeat_n([red, green, blue], width as usize * height as usize).flatten().collect();
        let image = images::encode_png(&Rgb { width, height, bytes })
            .map_err(|error| ProviderError::Failed { backend: BACKEND, reason: error.to_string() })?;
        Ok(GeneratedImage { image, timing: EngineTiming::default() })
    }
}
