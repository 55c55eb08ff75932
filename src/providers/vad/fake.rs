//! Voice activity without a model: what is loud is speech. Deterministic; health calls it `fake`.

use async_trait::async_trait;

use super::{VoiceActivityDetector, VoiceActivityStream, WINDOW, Windows};
use crate::providers::{Description, ProviderError};

/// The root mean square at which a window is as likely speech as not: -40 dB of full scale.
const EVEN_CHANCE: f32 = 0.01;

#[derive(Debug, Default)]
pub struct FakeDetector;

impl VoiceActivityDetector for FakeDetector {
    fn describe(&self) -> Description {
        Description { backend: "fake", model: "loudness".into() }
    }

    fn listen(&self) -> Box<dyn VoiceActivityStream> {
        Box::new(FakeStream { windows: Windows::default() })
    }
}

struct FakeStream {
    windows: Windows,
}

#[async_trait]
impl VoiceActivityStream for FakeStream {
    async fn push(&mut self, samples: &[f32]) -> Result<Vec<f32>, ProviderError> {
        Ok(self.windows.take(samples).chunks_exact(WINDOW).map(probability).collect())
    }
}

/// 0.5 at [`EVEN_CHANCE`], towards 1 above it and 0 below it.
fn probability(window: &[f32]) -> f32 {
    let power = window.iter().map(|sample| sample * sample).sum::<f32>() / window.len() as f32;
    power / (power + EVEN_CHANCE * EVEN_CHANCE)
}
