//! Sound in memory. Files and containers are the `audio` room's matter.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Samples per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SampleRate(pub u32);

impl SampleRate {
    /// What every speech-to-text backend and voice activity detector takes.
    pub const SPEECH: SampleRate = SampleRate(16_000);
    /// What the realtime protocol carries.
    pub const REALTIME: SampleRate = SampleRate(24_000);

    /// How long `samples` last at this rate.
    pub fn duration_of(self, samples: usize) -> Duration {
        Duration::from_secs_f64(samples as f64 / f64::from(self.0.max(1)))
    }

    /// How many samples `duration` takes at this rate, rounded down.
    pub fn samples_in(self, duration: Duration) -> usize {
        (duration.as_secs_f64() * f64::from(self.0)) as usize
    }
}

/// Mono `f32` samples in [-1, 1], `samples[t]`, at one rate.
#[derive(Clone, PartialEq)]
pub struct Clip {
    pub samples: Vec<f32>,
    pub rate: SampleRate,
}

impl Clip {
    pub fn new(samples: Vec<f32>, rate: SampleRate) -> Self {
        Self { samples, rate }
    }

    pub fn duration(&self) -> Duration {
        self.rate.duration_of(self.samples.len())
    }

    /// Root mean square over the whole clip, in [0, 1]; 0 for an empty clip.
    pub fn rms(&self) -> f32 {
        if self.samples.is_empty() {
            return 0.0;
        }
        let energy: f64 = self.samples.iter().map(|s| f64::from(*s) * f64::from(*s)).sum();
        (energy / self.samples.len() as f64).sqrt() as f32
    }
}

/// Shows the shape only: sound never reaches a log.
impl std::fmt::Debug for Clip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Clip({} samples at {} Hz)", self.samples.len(), self.rate.0)
    }
}
