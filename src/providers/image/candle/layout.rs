//! What a model in diffusers layout says of itself: `model_index.json` and each part's `config.json`, read, and refused
//! where it is something that is not painted with here. Format: <https://huggingface.co/docs/diffusers/using-diffusers/other-formats>.

use std::path::{Path, PathBuf};

use candle_transformers::models::stable_diffusion::unet_2d::{BlockConfig, UNet2DConditionModelConfig};
use candle_transformers::models::stable_diffusion::vae::AutoEncoderKLConfig;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::scheduler::{Scheduler, SchedulerConfig};
use super::tokens;
use crate::weights::InstalledModel;

/// No `config.json` comes near; a vocabulary is read by the tokenizer.
const MOST_JSON_BYTES: u64 = 1024 * 1024;

/// candle's plain blocks of the UNet know no other.
const UNET_GROUPS: usize = 32;

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
    part > 0 && (1..=MOST).contains(&whole) && whole % part == 0
}

/// One for all blocks, or one for each.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Each {
    All(usize),
    Block(Vec<usize>),
}

impl Each {
    fn of(&self, block: usize) -> Option<usize> {
        match self {
            Each::All(value) => Some(*value),
            Each::Block(values) => values.get(block).copied(),
        }
    }
}

/// `unet/config.json`. What is not there is as diffusers has it.
#[derive(Debug, Deserialize)]
struct UnetConfig {
    #[serde(rename = "_class_name")]
    class: String,
    #[serde(default = "unet_sample_size")]
    sample_size: usize,
    #[serde(default = "four")]
    in_channels: usize,
    #[serde(default = "four")]
    out_channels: usize,
    down_block_types: Vec<String>,
    up_block_types: Vec<String>,
    block_out_channels: Vec<usize>,
    #[serde(default = "two")]
    layers_per_block: usize,
    cross_attention_dim: usize,
    /// The number of heads, for all its name: <https://github.com/huggingface/diffusers/issues/2011>.
    attention_head_dim: Each,
    num_attention_heads: Option<Each>,
    #[serde(default = "one_each")]
    transformer_layers_per_block: Each,
    #[serde(default)]
    use_linear_projection: bool,
    #[serde(default)]
    center_input_sample: bool,
    #[serde(default = "yes")]
    flip_sin_to_cos: bool,
    #[serde(default)]
    freq_shift: f64,
    #[serde(default = "one")]
    downsample_padding: usize,
    #[serde(default = "unit")]
    mid_block_scale_factor: f64,
    #[serde(default = "norm_eps")]
    norm_eps: f64,
    #[serde(default = "groups")]
    norm_num_groups: usize,
    #[serde(default = "silu")]
    act_fn: String,
    // What candle's UNet doesn't have.
    #[serde(default)]
    dual_cross_attention: bool,
    #[serde(default)]
    only_cross_attention: bool,
    class_embed_type: Option<serde_json::Value>,
    addition_embed_type: Option<serde_json::Value>,
    time_cond_proj_dim: Option<serde_json::Value>,
    encoder_hid_dim: Option<serde_json::Value>,
}

fn unet_sample_size() -> usize {
    64
}

fn four() -> usize {
    4
}

fn two() -> usize {
    2
}

fn one() -> usize {
    1
}

fn one_each() -> Each {
    Each::All(1)
}

fn yes() -> bool {
    true
}

fn unit() -> f64 {
    1.0
}

fn groups() -> usize {
    UNET_GROUPS
}

fn silu() -> String {
    "silu".into()
}

impl UnetConfig {
    fn validate(&self) -> Result<UNet2DConditionModelConfig, Unfit> {
        let wrong = |key, found: &dyn std::fmt::Debug, known| {
            Err(Unfit::Setting { file: "unet/config.json", key, found: format!("{found:?}"), known })
        };
        if self.class != "UNet2DConditionModel" {
            return wrong("_class_name", &self.class, "UNet2DConditionModel");
        }
        for (key, set) in [
            ("dual_cross_attention", self.dual_cross_attention),
            ("only_cross_attention", self.only_cross_attention),
            ("class_embed_type", self.class_embed_type.is_some()),
            ("addition_embed_type", self.addition_embed_type.is_some()),
            ("time_cond_proj_dim", self.time_cond_proj_dim.is_some()),
            ("encoder_hid_dim", self.encoder_hid_dim.is_some()),
        ] {
            if set {
                return wrong(key, &"set", "only where it is not set");
            }
        }
        if self.act_fn != "silu" {
            return wrong("act_fn", &self.act_fn, "silu");
        }
        if self.norm_num_groups != UNET_GROUPS {
            return wrong("norm_num_groups", &self.norm_num_groups, "32");
        }
        let count = self.block_out_channels.len();
        if !(2..=8).contains(&count) || !(1..=8).contains(&self.layers_per_block) {
            return wrong("block_out_channels", &self.block_out_channels, "2 to 8 blocks of 1 to 8 layers");
        }
        let mirrored = self.up_block_types.iter().rev().map(|up| up.replace("Up", "Down"));
        if self.down_block_types.len() != count || !self.down_block_types.iter().cloned().eq(mirrored) {
            return wrong("up_block_types", &self.up_block_types, "the mirror of down_block_types");
        }
        let heads = self.num_attention_heads.as_ref().unwrap_or(&self.attention_head_dim);
        let mut blocks = Vec::with_capacity(count);
        for (i, (kind, &out_channels)) in self.down_block_types.iter().zip(&self.block_out_channels).enumerate() {
            let layers = self.transformer_layers_per_block.of(i).filter(|layers| (1..=32).contains(layers));
            let use_cross_attn = match (kind.as_str(), layers) {
                ("DownBlock2D", _) => None,
                ("CrossAttnDownBlock2D", Some(layers)) => Some(layers),
                ("CrossAttnDownBlock2D", None) => {
                    return wrong("transformer_layers_per_block", &self.transformer_layers_per_block, "1 to 32");
                }
                (kind, _) => return wrong("down_block_types", &kind, "CrossAttnDownBlock2D, DownBlock2D"),
            };
            let attention_head_dim = heads.of(i).filter(|heads| divides(*heads, out_channels));
            let Some(attention_head_dim) = attention_head_dim.filter(|_| divides(UNET_GROUPS, out_channels)) else {
                return wrong("attention_head_dim", heads, "a divisor of each block's channels, as is 32");
            };
            blocks.push(BlockConfig { out_channels, use_cross_attn, attention_head_dim });
        }
        if !(1..=MOST).contains(&self.cross_attention_dim) || !(1..=512).contains(&self.sample_size) {
            return wrong("sample_size", &self.sample_size, "1 to 512");
        }
        Ok(UNet2DConditionModelConfig {
            center_input_sample: self.center_input_sample,
            flip_sin_to_cos: self.flip_sin_to_cos,
            freq_shift: self.freq_shift,
            blocks,
            layers_per_block: self.layers_per_block,
            downsample_padding: self.downsample_padding,
            mid_block_scale_factor: self.mid_block_scale_factor,
            norm_num_groups: self.norm_num_groups,
            norm_eps: self.norm_eps,
            cross_attention_dim: self.cross_attention_dim,
            sliced_attention_size: None,
            use_linear_projection: self.use_linear_projection,
        })
    }
}

/// `vae/config.json`.
#[derive(Debug, Deserialize)]
struct VaeConfig {
    #[serde(rename = "_class_name")]
    class: String,
    #[serde(default = "four")]
    latent_channels: usize,
    up_block_types: Vec<String>,
    block_out_channels: Vec<usize>,
    #[serde(default = "one")]
    layers_per_block: usize,
    #[serde(default = "groups")]
    norm_num_groups: usize,
    #[serde(default = "latent_scale")]
    scaling_factor: f64,
    shift_factor: Option<f64>,
    #[serde(default = "yes")]
    use_post_quant_conv: bool,
    #[serde(default = "silu")]
    act_fn: String,
}

fn latent_scale() -> f64 {
    0.18215
}

impl VaeConfig {
    fn validate(&self) -> Result<AutoEncoderKLConfig, Unfit> {
        let wrong = |key, found: &dyn std::fmt::Debug, known| {
            Err(Unfit::Setting { file: "vae/config.json", key, found: format!("{found:?}"), known })
        };
        if self.class != "AutoencoderKL" {
            return wrong("_class_name", &self.class, "AutoencoderKL");
        }
        if self.act_fn != "silu" {
            return wrong("act_fn", &self.act_fn, "silu");
        }
        if self.shift_factor.is_some() {
            return wrong("shift_factor", &self.shift_factor, "only where it is not set");
        }
        let groups = self.norm_num_groups;
        let channels = &self.block_out_channels;
        if !(1..=6).contains(&channels.len()) || !channels.iter().all(|&channels| divides(groups, channels)) {
            return wrong("block_out_channels", channels, "1 to 6, each divided by norm_num_groups");
        }
        if self.up_block_types.len() != channels.len()
            || self.up_block_types.iter().any(|kind| kind != "UpDecoderBlock2D")
        {
            return wrong("up_block_types", &self.up_block_types, "UpDecoderBlock2D, one for each block");
        }
        if !(1..=8).contains(&self.layers_per_block) || !(1..=64).contains(&self.latent_channels) {
            return wrong("layers_per_block", &self.layers_per_block, "1 to 8, with 1 to 64 latent channels");
        }
        if !self.scaling_factor.is_normal() {
            return wrong("scaling_factor", &self.scaling_factor, "not nought");
        }
        Ok(AutoEncoderKLConfig {
            block_out_channels: channels.clone(),
            layers_per_block: self.layers_per_block,
            latent_channels: self.latent_channels,
            norm_num_groups: groups,
            // Of the way from pictures to latents, which nobody goes here.
            use_quant_conv: false,
            use_post_quant_conv: self.use_post_quant_conv,
        })
    }
}
