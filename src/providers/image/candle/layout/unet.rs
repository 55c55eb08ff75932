//! `unet/config.json`.

use candle_transformers::models::stable_diffusion::unet_2d::{BlockConfig, UNet2DConditionModelConfig};
use serde::Deserialize;

use super::{MOST, Unfit, divides, four, groups, norm_eps, one, silu, yes};

/// candle's plain blocks know no other.
const UNET_GROUPS: usize = 32;

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
pub(super) struct UnetConfig {
    #[serde(rename = "_class_name")]
    class: String,
    #[serde(default = "unet_sample_size")]
    pub(super) sample_size: usize,
    #[serde(default = "four")]
    pub(super) in_channels: usize,
    #[serde(default = "four")]
    pub(super) out_channels: usize,
    down_block_types: Vec<String>,
    up_block_types: Vec<String>,
    block_out_channels: Vec<usize>,
    #[serde(default = "two")]
    layers_per_block: usize,
    pub(super) cross_attention_dim: usize,
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

fn two() -> usize {
    2
}

fn one_each() -> Each {
    Each::All(1)
}

fn unit() -> f64 {
    1.0
}

impl UnetConfig {
    pub(super) fn validate(&self) -> Result<UNet2DConditionModelConfig, Unfit> {
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
