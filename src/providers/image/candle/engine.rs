//! From a prompt to pixels: the text encoder, the UNet along the scheduler's way, the VAE.

use candle_core::{Device, Tensor};
use candle_transformers::models::stable_diffusion::unet_2d::UNet2DConditionModel;
use candle_transformers::models::stable_diffusion::vae::AutoEncoderKL;

use super::layout::{Files, Layout, Unfit};
use super::scheduler::Scheduler;
use super::text_encoder::TextEncoder;
use super::tokens::Tokens;
use super::weights::Weights;
use crate::images::Rgb;
use crate::providers::{ProviderError, cores};

/// From here on a model is steered by what it should not paint too, which takes it twice the time.
const NO_GUIDANCE: f64 = 1.0;

/// How often the largest of what is computed lies in memory at once: what goes in, what comes out, and one between.
const COPIES: u64 = 3;

pub(super) struct Engine {
    tokens: Tokens,
    text_encoder: TextEncoder,
    unet: UNet2DConditionModel,
    vae: AutoEncoderKL,
    pub(super) scheduler: Scheduler,
    latent_scale: f64,
    latent_channels: usize,
    /// Of the UNet's first block.
    heads: usize,
    /// Pixels a side that one latent becomes.
    pub(super) pixels: usize,
    /// Of the pictures that the model was trained with.
    pub(super) native_side: usize,
}

/// What is to be painted.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) prompt: String,
    pub(super) negative: String,
    /// Pixels.
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) steps: usize,
    pub(super) guidance: f64,
}

/// The files of a model, opened and measured, so that it is known what loading takes.
pub(super) struct Opened<'a> {
    files: Files<'a>,
    layout: Layout,
    parts: [Weights; 3],
}

impl<'a> Opened<'a> {
    /// # Errors
    /// `Unfit` where a file is missing or is something else.
    pub(super) fn open(files: Files<'a>) -> Result<Self, Unfit> {
        let layout = Layout::read(&files)?;
        let open = |role| {
            let path = files.path(role)?;
            let unreadable = |error: candle_core::Error| Unfit::Unreadable {
                path: path.to_owned(),
                // Without the trace, which names where this was built.
                reason: error.to_string().lines().next().unwrap_or_default().to_owned(),
            };
            Weights::open(path).map_err(unreadable)
        };
        let parts = [open("text_encoder.weights")?, open("unet.weights")?, open("vae.weights")?];
        Ok(Self { files, layout, parts })
    }

    /// Of the weights in memory.
    pub(super) fn size_bytes(&self) -> u64 {
        self.parts.iter().map(Weights::size_bytes).sum()
    }

    /// # Errors
    /// `Unfit` where the weights aren't those that the config tells of.
    pub(super) fn load(self) -> Result<Engine, Unfit> {
        let Layout { text, unet, vae, latent_scale, latent_channels, latent_side, pixels, scheduler } = self.layout;
        let tokens = Tokens::load(&self.files)?;
        let apart =
            |error: candle_core::Error| Unfit::Parts(error.to_string().lines().next().unwrap_or_default().to_owned());
        let [text_weights, unet_weights, vae_weights] = self.parts;
        let heads = unet.blocks.first().map_or(1, |block| block.attention_head_dim);
        Ok(Engine {
            tokens,
            text_encoder: TextEncoder::load(&text_weights.of_model(), &text).map_err(apart)?,
            unet: UNet2DConditionModel::new(unet_weights.of_model(), latent_channels, latent_channels, false, unet)
                .map_err(apart)?,
            vae: AutoEncoderKL::new(vae_weights.of_decoder(), 3, 3, vae).map_err(apart)?,
            scheduler,
            latent_scale,
            latent_channels,
            heads,
            pixels,
            native_side: latent_side * pixels,
        })
    }
}

impl Engine {
    /// `draw` gives so many numbers of a standard normal distribution: the first latent, then the noise of each step that
    /// takes some. `step` is told how many steps are done, from 0 on, and may end the work.
    ///
    /// # Errors
    /// What `step` says; `Failed` where the model can't be computed with.
    pub(super) fn paint(
        &self,
        asked: &Asked,
        draw: &mut dyn FnMut(usize) -> Vec<f32>,
        step: &mut dyn FnMut(usize) -> Result<(), ProviderError>,
    ) -> Result<Rgb, ProviderError> {
        let latent = self.latent(asked, draw, step)?;
        let picture = cores::compute(usize::MAX, |_| self.decode(&latent)).map_err(failed)?;
        pixels(&picture).map_err(failed)
    }

    /// What the text encoder makes of a text, `(1, 77, width)`.
    pub(super) fn embed(&self, text: &str) -> Result<Tensor, ProviderError> {
        let ids = self.ids(text)?;
        cores::compute(usize::MAX, |_| self.text_encoder.encode(&ids)).map_err(failed)
    }

    pub(super) fn ids(&self, text: &str) -> Result<Vec<u32>, ProviderError> {
        self.tokens.encode(text).map_err(failed)
    }

    /// `(1, channels, rows, columns)`, without noise.
    pub(super) fn latent(
        &self,
        asked: &Asked,
        draw: &mut dyn FnMut(usize) -> Vec<f32>,
        step: &mut dyn FnMut(usize) -> Result<(), ProviderError>,
    ) -> Result<Tensor, ProviderError> {
        step(0)?;
        let wanted = self.embed(&asked.prompt)?;
        let unwanted = if asked.guidance > NO_GUIDANCE { Some(self.embed(&asked.negative)?) } else { None };
        let shape = (1, self.latent_channels, asked.height / self.pixels, asked.width / self.pixels);
        let mut noise = || Tensor::from_vec(draw(shape.1 * shape.2 * shape.3), shape, &Device::Cpu);
        let plan = self.scheduler.plan(asked.steps);
        let mut latent = (noise().map_err(failed)? * plan.first).map_err(failed)?;
        for (done, at) in plan.steps.iter().enumerate() {
            let mut next = || {
                let shown = (&latent * at.shown)?;
                // One after the other: both at once take twice the memory and no less time.
                let said = |text: &Tensor| cores::compute(usize::MAX, |_| self.unet.forward(&shown, at.timestep, text));
                let output = match &unwanted {
                    None => said(&wanted)?,
                    Some(unwanted) => {
                        let away = said(unwanted)?;
                        (&away + ((said(&wanted)? - &away)? * asked.guidance)?)?
                    }
                };
                let moved = ((&latent * at.sample)? + (output * at.output)?)?;
                if at.noise > 0.0 { moved + (noise()? * at.noise)? } else { Ok(moved) }
            };
            latent = next().map_err(failed)?;
            step(done + 1)?;
        }
        Ok(latent)
    }

    /// `(1, 3, height, width)`, from -1 to 1 and a little beyond.
    pub(super) fn decode(&self, latent: &Tensor) -> candle_core::Result<Tensor> {
        self.vae.decode(&(latent / self.latent_scale)?)
    }

    /// What painting takes beside the weights: the larger of the attention's scores in the UNet's first block, and the
    /// VAE's widest picture.
    pub(super) fn working_bytes(&self, width: usize, height: usize) -> u64 {
        let (pixels, latents) = ((width * height) as u64, (width / self.pixels * (height / self.pixels)) as u64);
        let scores = latents.saturating_mul(latents).saturating_mul(self.heads as u64);
        // The second block's channels come at full size into the first's.
        let channels = self.vae.config.block_out_channels.iter().take(2).max().copied().unwrap_or(1);
        let widest = pixels.saturating_mul(channels as u64);
        scores.max(widest).saturating_mul(COPIES * size_of::<f32>() as u64)
    }
}

fn pixels(picture: &Tensor) -> candle_core::Result<Rgb> {
    let (_, _, height, width) = picture.dims4()?;
    let bytes = ((picture.clamp(-1f32, 1f32)? + 1.0)? * 127.5)?.round()?;
    let bytes = bytes.squeeze(0)?.permute((1, 2, 0))?.flatten_all()?.to_dtype(candle_core::DType::U8)?.to_vec1()?;
    Ok(Rgb { width: width as u32, height: height as u32, bytes })
}

pub(super) fn failed(reason: impl std::fmt::Display) -> ProviderError {
    ProviderError::Failed { backend: super::BACKEND, reason: reason.to_string() }
}
