//! Pictures that Rose makes.

use serde::Deserialize;

use super::api::{ApiDefaults, RawApi};
use super::vendors;
use super::{ApiConfig, ConfigError};

#[derive(Debug, Clone)]
pub struct ImageConfig {
    /// In the order in which they are tried.
    pub backends: Vec<ImageBackend>,
    /// Pixels, of a picture whose size nobody asked for.
    pub width: u32,
    pub height: u32,
    pub together: RemoteImageConfig,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageBackend {
    Local,
    Together,
    Fake,
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
    width: u32,
    height: u32,
    together: RawRemoteImage,
}

impl Default for RawImage {
    fn default() -> Self {
        Self { backends: vec![ImageBackend::Local], width: 768, height: 768, together: RawRemoteImage::default() }
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
    pub(super) fn validate(self) -> Result<ImageConfig, ConfigError> {
        if self.backends.is_empty() {
            return Err(ConfigError::invalid("image.backends", "empty", "name at least one of local, together, fake"));
        }
        for (key, side) in [("image.width", self.width), ("image.height", self.height)] {
            if !(256..=1440).contains(&side) || side % 16 != 0 {
                return Err(ConfigError::invalid(key, side, "give a multiple of 16 from 256 to 1440"));
            }
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
            together: RemoteImageConfig { api: api.validate("image.together", &TOGETHER, used)?, steps },
        })
    }
}
