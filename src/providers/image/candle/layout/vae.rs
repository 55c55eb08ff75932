//! `vae/config.json`.

use candle_transformers::models::stable_diffusion::vae::AutoEncoderKLConfig;
use serde::Deserialize;

use super::{Unfit, divides, four, groups, one, silu, yes};

/// `vae/config.json`.
#[derive(Debug, Deserialize)]
pub(super) struct VaeConfig {
    #[serde(rename = "_class_name")]
    class: String,
    #[serde(default = "four")]
    pub(super) latent_channels: usize,
    up_block_types: Vec<String>,
    pub(super) block_out_channels: Vec<usize>,
    #[serde(default = "one")]
    layers_per_block: usize,
    #[serde(default = "groups")]
    norm_num_groups: usize,
    #[serde(default = "latent_scale")]
    pub(super) scaling_factor: f64,
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
    pub(super) fn validate(&self) -> Result<AutoEncoderKLConfig, Unfit> {
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
