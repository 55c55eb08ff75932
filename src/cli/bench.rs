//! `rose bench`: compares backends on whole spoken turns.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::audio::DurationLimits;
use crate::comparison::protocol::Door;
use crate::comparison::run::{Plan, run};
use crate::comparison::summary::Report;
use crate::comparison::{page, recordings, tables, variant, worker};
use crate::config::{Config, Overrides};
use crate::weights::ModelStore;

const EXAMPLES: &str = "\
Backends are compared side by side in interleaved runs, each in a process of its own. One is a backend's name, a
model's of `rose models list`, settings of rose.toml, or several of them, joined by +, perhaps with a label before a colon:

Examples:
  rose bench recordings
  rose bench recordings --backends whisper-tiny.en,whisper-base
  rose bench recordings --backends 'piper: en_US-joe-medium, kokoro: kokoro-82m'
  rose bench recordings --backends 'one: stt.local.threads=1+llm.local.threads=1, two: local'
  rose bench recordings --door released --door hands-free --runs 10
  rose bench recordings --json results.json --markdown results.md

The words of NAME.wav are read from NAME.txt beside it, or from the table of a README.md there (columns `file` and
`words`); they are needed for the word error rate only.";

/// Compare backends on recordings: each stage alone, whole turns, warm and cold, one and many at once.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct BenchCommand {
    /// Folders of recordings, or single ones
    #[arg(required = true)]
    recordings: Vec<PathBuf>,
    /// What is compared [default: the settings as they are]
    #[arg(long, value_name = "LIST")]
    backends: Option<String>,
    /// Warm rounds; each takes every recording through every backend
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    runs: u16,
    /// Turns at once in the last part; 1 leaves it out
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    at_once: u16,
    /// How the recordings come in; may be given again. `released` and `hands-free` play them at their own pace
    #[arg(long = "door", value_enum, default_values_t = [Door::Upload])]
    doors: Vec<Door>,
    /// Where the page with the charts goes
    #[arg(long, value_name = "FILE", default_value = "rose-bench.html")]
    html: PathBuf,
    /// Where the figures go as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Where the tables go as Markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

/// What `rose bench` starts for each of the backends.
#[derive(Args)]
pub struct WorkerCommand {}

impl BenchCommand {
    /// # Errors
    /// Where a recording or a backend can't be used, or a result can't be written.
    pub fn run(self, config: &Config, overrides: Overrides) -> anyhow::Result<()> {
        let limits =
            DurationLimits { least: config.conversation.min_recording, most: config.conversation.max_recording };
        let mut doors = self.doors.clone();
        doors.sort();
        doors.dedup();
        let plan = Plan {
            recordings: recordings::read_all(&self.recordings, &limits)?,
            variants: match &self.backends {
                Some(list) => variant::parse(list, ModelStore::open(&config.models)?.manifest())?,
                None => vec![variant::as_set()],
            },
            runs: self.runs.into(),
            at_once: self.at_once.into(),
            doors,
            overrides,
        };
        // A setting that is wrong is told before anything is loaded.
        for variant in &plan.variants {
            let mut overrides = plan.overrides.clone();
            overrides.settings.extend(variant.settings.iter().cloned());
            Config::load(&overrides)?;
        }
        let rose = std::env::current_exe().context("the program's own file can't be found")?;
        let worker = || {
            let mut command = Command::new(&rose);
            command.arg("bench-worker");
            command
        };
        let bar = ProgressBar::new(plan.steps() as u64).with_style(
            ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} of about {duration}  {wide_msg}")
                .context("the progress bar's template")?,
        );
        let mut begun = false;
        let report = run(&plan, worker, |step| {
            bar.inc(u64::from(std::mem::replace(&mut begun, true)));
            bar.set_message(step.to_owned());
        });
        bar.finish_and_clear();
        self.write(&report?)
    }

    fn write(&self, report: &Report) -> anyhow::Result<()> {
        let file = |path: &Path, text: &str| {
            std::fs::write(path, text).with_context(|| format!("{} can't be written", path.display()))
        };
        file(&self.html, &page::html(report)?)?;
        if let Some(path) = &self.json {
            file(path, &serde_json::to_string_pretty(report)?)?;
        }
        if let Some(path) = &self.markdown {
            file(path, &tables::markdown(report))?;
        }
        writeln!(std::io::stdout(), "{}", tables::terminal(report)).context("standard output can't be written")?;
        writeln!(std::io::stderr(), "The page with the charts is {}.", self.html.display())?;
        Ok(())
    }
}

impl WorkerCommand {
    /// # Errors
    /// Where the leader can't be understood or reached.
    pub fn run(self) -> anyhow::Result<()> {
        worker::work(std::io::stdin().lock(), std::io::stdout().lock())
    }
}
