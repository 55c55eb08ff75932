//! `rose paint`: a picture of what is said, into a file.

use std::io::{IsTerminal, Read, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::domain::image::Image;
use crate::providers::image::{self, ImageRequest, Progress, Wishes};
use crate::weights::ModelStore;

/// Paint a picture of a text.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  rose paint \"a calm sea at dusk\" -o sea.png\n  rose paint \"a calm sea at dusk\" -o sea.png --steps 4 --size 512x768 --seed 7"
)]
pub struct PaintCommand {
    /// What is to be seen; `-` reads it from standard input
    prompt: String,
    /// Where the picture goes; `-` is standard output. Its format is the backend's: PNG where it is painted in this process
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Steps of the diffusion: more is finer and slower [default: by the model]
    #[arg(long)]
    steps: Option<u32>,
    /// Width and height in pixels, multiples of 16 from 256 to 1440 [default: the settings', else the model's]
    #[arg(long, value_name = "WIDTHxHEIGHT")]
    size: Option<String>,
    /// How closely the words are kept to; up to 1 is not at all, and half the work [default: by the model]
    #[arg(long)]
    guidance: Option<f32>,
    /// What is not to be seen; does nothing without guidance
    #[arg(long)]
    negative: Option<String>,
    /// The same seed makes the same picture [default: another each time]
    #[arg(long)]
    seed: Option<u64>,
}

impl PaintCommand {
    /// # Errors
    /// Where nothing paints here, the picture can't be made, or the file can't be written.
    pub fn run(self, config: &Config) -> anyhow::Result<()> {
        let to_stdout = self.output.as_os_str() == "-";
        if to_stdout && std::io::stdout().is_terminal() {
            bail!("standard output is a terminal; name a file with -o, or pipe it into a viewer");
        }
        let models = ModelStore::open(&config.models)?;
        let Some(painter) = image::build(&config.image, &models)? else {
            bail!("nothing paints here; `rose doctor` says how to get what does");
        };
        let (width, height) = match &self.size {
            None => config.image.size(painter.native_size()),
            Some(size) => sides(size).context("the size is width and height, as in 512x512")?,
        };
        let bar = ProgressBar::new(0).with_style(
            ProgressStyle::with_template("{bar:30} step {pos} of {len}  {elapsed}, about {eta} to go")
                .context("the progress bar's template")?,
        );
        let cancel = CancellationToken::new();
        let request = ImageRequest {
            prompt: prompt(self.prompt)?,
            width,
            height,
            wishes: Wishes { steps: self.steps, guidance: self.guidance, negative: self.negative, seed: self.seed },
            progress: Progress::to({
                let bar = bar.clone();
                move |step| {
                    bar.set_length(step.steps.into());
                    bar.set_position(step.done.into());
                }
            }),
            cancel: cancel.clone(),
        };
        let made = super::runtime()?.block_on(async {
            let mut painting = painter.generate(request);
            loop {
                tokio::select! {
                    made = &mut painting => break made,
                    // The picture ends at its next step.
                    _ = tokio::signal::ctrl_c(), if !cancel.is_cancelled() => cancel.cancel(),
                }
            }
        });
        bar.finish_and_clear();
        let Image { bytes, .. } = made?.image;
        if to_stdout {
            std::io::stdout().write_all(&bytes).context("standard output can't be written")
        } else {
            std::fs::write(&self.output, &bytes).with_context(|| format!("{} can't be written", self.output.display()))
        }
    }
}

fn prompt(given: String) -> anyhow::Result<String> {
    if given != "-" {
        return Ok(given);
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("standard input can't be read as UTF-8 text")?;
    Ok(text)
}

fn sides(size: &str) -> Option<(u32, u32)> {
    let (width, height) = size.split_once('x')?;
    Some((width.parse().ok()?, height.parse().ok()?))
}
