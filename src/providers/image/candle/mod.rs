//! Stable Diffusion 1.x, 2.x and SD-Turbo in this process, with candle, from a folder in diffusers layout.

mod engine;
mod layout;
mod noise;
mod scheduler;
mod text_encoder;
mod tokens;
mod weights;

#[cfg(test)]
mod tests;

use async_trait::async_trait;

use super::{GeneratedImage, ImageGenerator, ImageRequest, Step, check};
use crate::config::LocalImageConfig;
use crate::images;
use crate::providers::worker::Worker;
use crate::providers::{Description, ProviderError};
use crate::weights::{InstalledModel, gigabytes};
use engine::{Asked, Engine, Opened, failed};
use layout::Files;

const BACKEND: &str = "local";

/// Where neither request nor settings say: a model that was taught to paint in few steps paints well in as few, and is not
/// to be steered; the others are as diffusers has them, at half its steps.
const DISTILLED: (usize, f64) = (2, 0.0);
const PLAIN: (usize, f64) = (25, 7.5);

/// The model on its own thread.
pub struct CandleImageGenerator {
    worker: Worker<Engine>,
    model: String,
    native_side: u32,
    steps: usize,
    guidance: f64,
}

impl CandleImageGenerator {
    /// Loads the model; returns once it can paint.
    ///
    /// # Errors
    /// `Failed` where a file is missing or is something else, or the machine has too little memory free.
    pub fn load(model: InstalledModel, config: &LocalImageConfig) -> Result<Self, ProviderError> {
        let name = model.name.clone();
        let (told, traits) = std::sync::mpsc::channel();
        let worker = Worker::start(BACKEND, config.queue_length, move || {
            let opened = Opened::open(Files(&model)).map_err(failed)?;
            let needed = opened.size_bytes();
            if let Some(free) = available_bytes().filter(|free| *free < needed) {
                let (needed, free) = (gigabytes(needed), gigabytes(free));
                return Err(failed(format!("the model takes {needed} of memory, {free} are free")));
            }
            let engine = opened.load().map_err(failed)?;
            // As every backend takes it.
            let native_side = engine.native_side.clamp(256, 1440) as u32 / 16 * 16;
            let traits = (native_side, engine.scheduler.is_distilled());
            told.send(traits).map_err(|_| failed("the loader went away"))?;
            Ok(engine)
        })?;
        let (native_side, distilled) = traits.recv().map_err(|_| failed("the engine told nothing of itself"))?;
        let (steps, guidance) = if distilled { DISTILLED } else { PLAIN };
        Ok(Self {
            worker,
            model: name,
            native_side,
            steps: config.steps.map_or(steps, |steps| steps as usize),
            guidance: config.guidance.map_or(guidance, f64::from),
        })
    }

    fn asked(&self, request: &ImageRequest) -> Asked {
        let wishes = &request.wishes;
        Asked {
            prompt: request.prompt.clone(),
            negative: wishes.negative.clone().unwrap_or_default(),
            width: request.width as usize,
            height: request.height as usize,
            steps: wishes.steps.map_or(self.steps, |steps| steps as usize),
            guidance: wishes.guidance.map_or(self.guidance, f64::from),
        }
    }
}

#[async_trait]
impl ImageGenerator for CandleImageGenerator {
    fn describe(&self) -> Description {
        Description { backend: BACKEND, model: self.model.clone() }
    }

    fn native_size(&self) -> (u32, u32) {
        (self.native_side, self.native_side)
    }

    async fn generate(&self, request: ImageRequest) -> Result<GeneratedImage, ProviderError> {
        check(BACKEND, &request)?;
        let asked = self.asked(&request);
        let seed = request.wishes.seed.unwrap_or_else(rand::random);
        let (image, timing) = self
            .worker
            .run(move |engine| {
                suffices(engine.working_bytes(asked.width, asked.height), asked.width, asked.height)?;
                let steps = asked.steps as u32;
                let mut step = |done: usize| {
                    if request.cancel.is_cancelled() {
                        return Err(ProviderError::Cancelled);
                    }
                    if done > 0 {
                        request.progress.tell(Step { done: done as u32, steps });
                    }
                    Ok(())
                };
                let painted = engine.paint(&asked, &mut noise::seeded(seed), &mut step)?;
                images::encode_png(&painted).map_err(failed)
            })
            .await?;
        Ok(GeneratedImage { image: image?, timing })
    }
}

/// # Errors
/// `InvalidInput` where a picture of that size would take more memory than is free.
fn suffices(needed: u64, width: usize, height: usize) -> Result<(), ProviderError> {
    match available_bytes() {
        Some(free) if free < needed => Err(ProviderError::InvalidInput {
            backend: BACKEND,
            reason: format!(
                "a picture of {width}x{height} takes {} of memory while it is painted, {} are free; ask for a smaller one",
                gigabytes(needed),
                gigabytes(free)
            ),
        }),
        _ => Ok(()),
    }
}

/// Memory that nobody would miss; `None` where the system doesn't say.
fn available_bytes() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        use procfs::Current;
        procfs::Meminfo::current().ok().and_then(|memory| memory.mem_available)
    }
    #[cfg(not(target_os = "linux"))]
    None
}
