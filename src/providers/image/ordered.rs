//! Several backends behind one port: each picture is made by the first that can.

use std::sync::Arc;

use async_trait::async_trait;

use super::{GeneratedImage, ImageGenerator, ImageRequest};
use crate::providers::{BackendStatus, Description, ProviderError};

pub struct Ordered {
    first: Arc<dyn ImageGenerator>,
    rest: Vec<Arc<dyn ImageGenerator>>,
}

impl Ordered {
    pub fn new(first: Arc<dyn ImageGenerator>, rest: Vec<Arc<dyn ImageGenerator>>) -> Self {
        Self { first, rest }
    }
}

#[async_trait]
impl ImageGenerator for Ordered {
    /// Of the backend that is tried first.
    fn describe(&self) -> Description {
        self.first.describe()
    }

    fn backends(&self) -> Vec<BackendStatus> {
        std::iter::once(&self.first).chain(&self.rest).flat_map(|backend| backend.backends()).collect()
    }

    /// Of the backend that is tried first.
    fn native_size(&self) -> (u32, u32) {
        self.first.native_size()
    }

    async fn generate(&self, request: ImageRequest) -> Result<GeneratedImage, ProviderError> {
        let mut backend = &self.first;
        for next in &self.rest {
            match backend.generate(request.clone()).await {
                Err(error) if error.may_fall_back() && !request.cancel.is_cancelled() => {
                    let name = backend.describe().backend;
                    tracing::warn!(image.backend = name, error = %error, "no picture came, the next one is asked");
                    backend = next;
                }
                outcome => return outcome,
            }
        }
        backend.generate(request).await
    }
}
