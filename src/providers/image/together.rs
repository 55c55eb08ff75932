//! Pictures by Together. Format: <https://docs.together.ai/reference/post-images-generations>; models:
//! <https://docs.together.ai/docs/images-overview>.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::{GeneratedImage, ImageGenerator, ImageRequest, check};
use crate::config::RemoteImageConfig;
use crate::domain::image::{Image, ImageFormat};
use crate::domain::metering::Unit;
use crate::domain::stage::EngineTiming;
use crate::providers::http::Service;
use crate::providers::meter;
use crate::providers::{BackendStatus, Description, Place, ProviderError};

const BACKEND: &str = "together";

pub struct TogetherImageGenerator {
    service: Service,
    steps: u32,
}

impl TogetherImageGenerator {
    /// # Errors
    /// `Failed` where the machine's TLS can't be set up.
    pub fn new(config: &RemoteImageConfig, place: Place) -> Result<Self, ProviderError> {
        Ok(Self { service: Service::new(BACKEND, &config.api, place)?, steps: config.steps })
    }

    async fn ask(&self, request: &ImageRequest) -> Result<Image, ProviderError> {
        let wishes = &request.wishes;
        let mut body = json!({
            "model": self.service.config().model,
            "prompt": request.prompt,
            "width": request.width,
            "height": request.height,
            "steps": wishes.steps.unwrap_or(self.steps),
            "n": 1,
            // Sent along: an address would be a second call, to a host that nobody chose.
            "response_format": "base64",
        });
        if let Some(seed) = wishes.seed {
            body["seed"] = seed.into();
        }
        if let Some(guidance) = wishes.guidance {
            body["guidance_scale"] = guidance.into();
        }
        if let Some(negative) = &wishes.negative {
            body["negative_prompt"] = negative.as_str().into();
        }
        let (response, permit) = self.service.post("/images/generations", |to| to.json(&body)).await?;
        let answer: Answer = self.service.json(response, permit).await?;
        meter::note(&self.describe(), Unit::Images, 1.0);
        let failed = |reason: &str| ProviderError::Failed { backend: BACKEND, reason: reason.into() };
        let encoded = answer.data.into_iter().next().and_then(|one| one.b64_json);
        let encoded = encoded.ok_or_else(|| failed("the answer has no picture"))?;
        let bytes = STANDARD.decode(encoded.trim()).map_err(|_| failed("the picture is not base64"))?;
        // Judged by its bytes, whatever was promised.
        let format = ImageFormat::sniff(&bytes).ok_or_else(|| failed("what it sent is no picture"))?;
        Ok(Image { bytes: Bytes::from(bytes), format })
    }
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<One>,
}

#[derive(Deserialize)]
struct One {
    b64_json: Option<String>,
}

#[async_trait]
impl ImageGenerator for TogetherImageGenerator {
    fn describe(&self) -> Description {
        self.service.status().description
    }

    fn backends(&self) -> Vec<BackendStatus> {
        vec![self.service.status()]
    }

    async fn generate(&self, request: ImageRequest) -> Result<GeneratedImage, ProviderError> {
        check(BACKEND, &request)?;
        let started = Instant::now();
        let image = request.cancel.run_until_cancelled(self.ask(&request)).await.ok_or(ProviderError::Cancelled)??;
        let timing = EngineTiming { queued: Duration::ZERO, inference: started.elapsed() };
        Ok(GeneratedImage { image, timing })
    }
}
