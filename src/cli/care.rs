//! `rose care`: trains the probe for a model, and tells how often care answered.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use crate::care::{Table, Weights, train};
use crate::config::Config;
use crate::providers::llm;
use crate::store::SqliteStore;
use crate::weights::ModelStore;

/// See to what watches over people.
#[derive(Args)]
pub struct CareCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Train(TrainCommand),
    Report(ReportCommand),
}

const EXAMPLES: &str = "\
Examples:
  rose care train                                      for the model of the settings, into the models' folder
  rose care train --layers 20,24,28 --models laptop    the layers to choose from, for another set's model";

/// Train the probe that hears danger between the lines, for the local language model.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
struct TrainCommand {
    /// The folder with training.toml and thresholds.toml
    #[arg(long, value_name = "DIR", default_value = "evals/care")]
    corpus: PathBuf,
    /// Layers to choose from, counted from 0 [default: 15, 18 and 21]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    layers: Vec<usize>,
    /// Where the weights go [default: probes/MODEL.safetensors in the models' folder]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// How often care answered in a year: kinds and levels, nobody's words.
#[derive(Args)]
struct ReportCommand {
    /// [default: this one]
    #[arg(long, value_name = "YEAR")]
    year: Option<i16>,
    /// As JSON, day by day
    #[arg(long)]
    json: bool,
}

impl CareCommand {
    /// # Errors
    /// Where the corpus, the model or the data can't be used.
    pub fn run(self, config: &Config, out: &mut dyn Write) -> anyhow::Result<()> {
        match self.what {
            What::Train(command) => command.run(config, out),
            What::Report(command) => command.run(config, out),
        }
    }
}

impl TrainCommand {
    fn run(self, config: &Config, out: &mut dyn Write) -> anyhow::Result<()> {
        let models = ModelStore::open(&config.models)?;
        let model = llm::build(&config.llm, &models)?;
        let name = model.describe().model;
        let mut layers = if self.layers.is_empty() { DEFAULT_LAYERS.to_vec() } else { self.layers };
        layers.sort_unstable();
        layers.dedup();
        let Some(states) = model.hidden_states(&layers) else {
            bail!("{name} doesn't run in this process, so its states can't be read; name a local model");
        };
        let states = states?;
        let bar =
            ProgressBar::new(0).with_style(ProgressStyle::with_template("{wide_bar} {pos} of {len}, {eta} left")?);
        let trained = super::runtime()?.block_on(train(&self.corpus, states.as_ref(), &layers, |done, of| {
            bar.set_length(of as u64);
            bar.set_position(done as u64);
        }))?;
        bar.finish_and_clear();
        let path = self.output.unwrap_or_else(|| Weights::path(&name, &config.models.dir));
        let bytes = trained.weights.to_bytes(&name)?;
        write_file(&path, &bytes).with_context(|| format!("cannot write {}", path.display()))?;
        for (layer, area) in &trained.areas {
            let chosen = if *layer == trained.weights.layer { ", chosen" } else { "" };
            writeln!(out, "layer {layer}: area under the curve {area:.3}{chosen}")?;
        }
        writeln!(out, "{}: {} bytes for {name}", path.display(), bytes.len())?;
        Ok(())
    }
}

/// Behind the middle of a model of 24 to 36 layers, where what a text means stands clearest.
const DEFAULT_LAYERS: [usize; 3] = [15, 18, 21];

fn write_file(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, bytes)
}

impl ReportCommand {
    fn run(self, config: &Config, out: &mut dyn Write) -> anyhow::Result<()> {
        let year = self.year.unwrap_or_else(|| jiff::Zoned::now().year());
        // Beside a server that runs: nothing is written.
        let counted = SqliteStore::counted_beside(&config.data, year)?;
        let table = Table::new(year, counted);
        if self.json {
            writeln!(out, "{}", serde_json::to_string_pretty(&table)?)?;
        } else {
            writeln!(out, "{}", table.to_text())?;
        }
        Ok(())
    }
}
