//! Pictures that Rose makes.

use serde::Deserialize;

use super::api::{ApiDefaults, RawApi};
use super::vendors;
use super::{ApiConfig, ConfigError, ModelReference};

#[derive(Debug, Clone)]
pub struct ImageConfig {
    /// In the order in which they are tried.
    pub backends: Vec<ImageBackend>,
    /// Pixels, of a picture whose size nobody asked for; `None` takes what the first backend makes best.
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub local: LocalImageConfig,
    pub together: RemoteImageConfig,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageBackend {
    Local,
    Together,
    Fake,
}

impl ImageConfig {
    /// Width and height of a picture whose size nobody asked for; `native` is what the backend makes best.
    pub fn size(&self, native: (u32, u32)) -> (u32, u32) {
        (self.width.unwrap_or(native.0), self.height.unwrap_or(native.1))
    }
}

#[derive(Debug, Clone)]
pub struct LocalImageConfig {
    pub model: ModelReference,
    /// Steps of the diffusion, and how closely the words are kept to; `None` goes by the model.
    pub steps: Option<u32>,
    pub guidance: Option<f32>,
    /// Pictures that may wait for the one that is painted.
    pub queue_length: usize,
}

#[derive(Debug, Clone)]
pub struct RemoteImageConfig {
    pub api: ApiConfig,
    /// Steps of the diffusion: more is finer and slower.
    pub steps: u32,
}

/// `schnell` is made for 1 to 4 steps.
const TOGETHER: ApiDefaults = ApiDefaults {
    base_url: "https://api.together.xyz/v1",
    model: vendors::TOGETHER_IMAGE.model,
    key_variable: "TOGETHER_API_KEY",
    key_needed: true,
};

/// A picture takes longer than a first word.
const FIRST_BYTE_TIMEOUT_MS: u64 = 30_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawImage {
    backends: Vec<ImageBackend>,
    width: Option<u32>,
    height: Option<u32>,
    local: RawLocalImage,
    together: RawRemoteImage,
}

impl Default for RawImage {
    fn default() -> Self {
        Self {
            backends: vec![ImageBackend::Local],
            width: None,
            height: None,
            local: RawLocalImage::default(),
            together: RawRemoteImage::default(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawLocalImage {
    model: Option<String>,
    steps: Option<u32>,
    guidance: Option<f32>,
    queue_length: usize,
}

impl Default for RawLocalImage {
    fn default() -> Self {
        Self { model: None, steps: None, guidance: None, queue_length: 4 }
    }
}

/// Flat, as [`super::llm`] says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawRemoteImage {
    steps: Option<u32>,
    base_url: Option<String>,
    model: Option<String>,
    connect_timeout_ms: Option<u64>,
    first_byte_timeout_ms: Option<u64>,
    idle_timeout_ms: Option<u64>,
}

impl RawImage {
    pub(super) fn validate(self, missing: &mut Vec<ConfigError>) -> Result<ImageConfig, ConfigError> {
        if self.backends.is_empty() {
            return Err(ConfigError::invalid("image.backends", "empty", "name at least one of local, together, fake"));
        }
        for (key, side) in [("image.width", self.width), ("image.height", self.height)] {
            if let Some(side) = side.filter(|side| !(256..=1440).contains(side) || side % 16 != 0) {
                return Err(ConfigError::invalid(key, side, "give a multiple of 16 from 256 to 1440"));
            }
        }
        let local = self.local;
        if let Some(steps) = local.steps.filter(|steps| !(1..=150).contains(steps)) {
            return Err(ConfigError::invalid("image.local.steps", steps, "give 1 to 150"));
        }
        if let Some(guidance) = local.guidance.filter(|guidance| !(0.0..=30.0).contains(guidance)) {
            return Err(ConfigError::invalid("image.local.guidance", guidance, "give 0 to 30"));
        }
        if local.queue_length == 0 {
            return Err(ConfigError::invalid("image.local.queue_length", 0, "give at least 1"));
        }
        let together = self.together;
        let steps = together.steps.unwrap_or(4);
        if !(1..=50).contains(&steps) {
            return Err(ConfigError::invalid("image.together.steps", steps, "give 1 to 50"));
        }
        let api = RawApi {
            base_url: together.base_url,
            model: together.model,
            connect_timeout_ms: together.connect_timeout_ms,
            first_byte_timeout_ms: together.first_byte_timeout_ms.or(Some(FIRST_BYTE_TIMEOUT_MS)),
            idle_timeout_ms: together.idle_timeout_ms,
        };
        let used = self.backends.contains(&ImageBackend::Together);
        Ok(ImageConfig {
            backends: self.backends,
            width: self.width,
            height: self.height,
            local: LocalImageConfig {
                model: ModelReference::parse(local.model),
                steps: local.steps,
                guidance: local.guidance,
                queue_length: local.queue_length,
            },
            together: RemoteImageConfig { api: api.validate("image.together", &TOGETHER, used, missing)?, steps },
        })
    }
}
