//! What a model in diffusers layout says of itself: `model_index.json` and each part's `config.json`, read, and refused
//! where it is something that is not painted with here. Format: <https://huggingface.co/docs/diffusers/using-diffusers/other-formats>.

mod unet;
mod vae;

use std::path::{Path, PathBuf};

use candle_transformers::models::stable_diffusion::unet_2d::UNet2DConditionModelConfig;
use candle_transformers::models::stable_diffusion::vae::AutoEncoderKLConfig;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::scheduler::{Scheduler, SchedulerConfig};
use super::tokens;
use crate::weights::InstalledModel;
use unet::UnetConfig;
use vae::VaeConfig;

/// No `config.json` comes near; a vocabulary is read by the tokenizer.
const MOST_JSON_BYTES: u64 = 1024 * 1024;

/// What diffusers takes where a config says none.
const GROUPS: usize = 32;

/// Of any count or width in a config: ten times what the largest models have.
const MOST: usize = 1 << 17;

/// Why a model can't be painted with.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    #[error("the model has no {0}")]
    Missing(&'static str),
    #[error("{} can't be read: {reason}", .path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error(
        "{found} is not painted with here: a model is a StableDiffusionPipeline in diffusers layout (Stable Diffusion 1.x, 2.x, SD-Turbo)"
    )]
    Pipeline { found: String },
    #[error("{key} of {file} is {found}; known is: {known}")]
    Setting { file: &'static str, key: &'static str, found: String, known: &'static str },
    #[error("the parts don't fit together: {0}")]
    Parts(String),
    #[error("the tokenizer can't be read: {0}")]
    Tokenizer(String),
}

/// The files of a model, by role.
pub(super) struct Files<'a>(pub(super) &'a InstalledModel);

impl Files<'_> {
    pub(super) fn path(&self, role: &'static str) -> Result<&Path, Unfit> {
        self.optional(role).ok_or(Unfit::Missing(role))
    }

    pub(super) fn optional(&self, role: &str) -> Option<&Path> {
        self.0.file(role)
    }
}

pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, Unfit> {
    let unreadable = |reason: String| Unfit::Unreadable { path: path.to_owned(), reason };
    let length = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
    if length > MOST_JSON_BYTES {
        return Err(unreadable(format!("{length} bytes are too many for it")));
    }
    let text = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))
}

/// What a model is made of.
pub(super) struct Layout {
    pub(super) text: TextConfig,
    pub(super) unet: UNet2DConditionModelConfig,
    pub(super) vae: AutoEncoderKLConfig,
    /// The UNet was trained on latents divided by it.
    pub(super) latent_scale: f64,
    pub(super) latent_channels: usize,
    /// Latents a side that the model was trained with.
    pub(super) latent_side: usize,
    /// Pixels a side that one latent becomes.
    pub(super) pixels: usize,
    pub(super) scheduler: Scheduler,
}

impl Layout {
    /// # Errors
    /// `Unfit` with what is missing, or not known here.
    pub(super) fn read(files: &Files<'_>) -> Result<Self, Unfit> {
        let index: Index = read_json(files.path("index")?)?;
        if index.class != "StableDiffusionPipeline" {
            return Err(Unfit::Pipeline { found: index.class });
        }
        let text: TextConfig = read_json(files.path("text_encoder.config")?)?;
        let unet: UnetConfig = read_json(files.path("unet.config")?)?;
        let vae: VaeConfig = read_json(files.path("vae.config")?)?;
        let scheduler: SchedulerConfig = read_json(files.path("scheduler.config")?)?;
        text.check()?;
        let (unet_config, vae_config) = (unet.validate()?, vae.validate()?);
        if text.hidden_size != unet.cross_attention_dim {
            let (text, unet) = (text.hidden_size, unet.cross_attention_dim);
            return Err(Unfit::Parts(format!("the text encoder gives {text} numbers a token, the UNet takes {unet}")));
        }
        if [unet.in_channels, unet.out_channels] != [vae.latent_channels; 2] {
            let (taken, given, kept) = (unet.in_channels, unet.out_channels, vae.latent_channels);
            return Err(Unfit::Parts(format!("the UNet takes {taken} channels and gives {given}, the VAE has {kept}")));
        }
        Ok(Self {
            text,
            unet: unet_config,
            latent_scale: vae.scaling_factor,
            latent_channels: vae.latent_channels,
            latent_side: unet.sample_size,
            pixels: 1 << (vae.block_out_channels.len() - 1),
            vae: vae_config,
            scheduler: scheduler.validate()?,
        })
    }
}

#[derive(Debug, Deserialize)]
struct Index {
    #[serde(rename = "_class_name")]
    class: String,
}

/// `text_encoder/config.json`.
#[derive(Debug, Deserialize)]
pub(super) struct TextConfig {
    pub(super) vocab_size: usize,
    pub(super) hidden_size: usize,
    pub(super) intermediate_size: usize,
    pub(super) num_hidden_layers: usize,
    pub(super) num_attention_heads: usize,
    pub(super) max_position_embeddings: usize,
    pub(super) hidden_act: Activation,
    #[serde(default = "norm_eps")]
    pub(super) layer_norm_eps: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Activation {
    QuickGelu,
    Gelu,
}

fn norm_eps() -> f64 {
    1e-5
}

impl TextConfig {
    fn check(&self) -> Result<(), Unfit> {
        let wrong = |key, found: usize, known| {
            Err(Unfit::Setting { file: "text_encoder/config.json", key, found: found.to_string(), known })
        };
        if !divides(self.num_attention_heads, self.hidden_size) {
            return wrong("num_attention_heads", self.num_attention_heads, "a divisor of hidden_size");
        }
        if self.max_position_embeddings != tokens::LENGTH {
            return wrong("max_position_embeddings", self.max_position_embeddings, "77");
        }
        for (key, value) in [
            ("vocab_size", self.vocab_size),
            ("intermediate_size", self.intermediate_size),
            ("num_hidden_layers", self.num_hidden_layers),
        ] {
            if !(1..=MOST).contains(&value) {
                return wrong(key, value, "1 to 131072");
            }
        }
        Ok(())
    }
}

fn divides(part: usize, whole: usize) -> bool {
    part > 0 && (1..=MOST).contains(&whole) && whole.is_multiple_of(part)
}

fn four() -> usize {
    4
}

fn one() -> usize {
    1
}

fn yes() -> bool {
    true
}

fn groups() -> usize {
    GROUPS
}

fn silu() -> String {
    "silu".into()
}
