//! Pictures without a model: plain PNGs whose colour comes from the prompt. Health calls it `fake`.

use std::hash::{DefaultHasher, Hash, Hasher};

use async_trait::async_trait;
use bytes::Bytes;

use super::{GeneratedImage, ImageGenerator, ImageRequest, Step, check, png};
use crate::domain::image::{Image, ImageFormat};
use crate::domain::stage::EngineTiming;
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
        let line: Vec<u8> = std::iter::repeat_n([red, green, blue], request.width as usize).flatten().collect();
        let lines = std::iter::repeat_n(&line[..], request.height as usize);
        let bytes = png::encode(request.width, request.height, lines)
            .map_err(|error| ProviderError::Failed { backend: BACKEND, reason: error.to_string() })?;
        let image = Image { bytes: Bytes::from(bytes), format: ImageFormat::Png };
        Ok(GeneratedImage { image, timing: EngineTiming::default() })
    }
}
