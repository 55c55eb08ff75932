//! `rose eval`: plays scripted conversations to Rose and judges what she says and keeps.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::comparison::eval::judge::ConversationJudge;
use crate::comparison::eval::play::Stage;
use crate::comparison::eval::report::{self, Judged, Report};
use crate::comparison::eval::script::{self, Script, Suite};
use crate::comparison::summary::Machine;
use crate::comparison::variant::{self, Variant};
use crate::config::{Config, Overrides};
use crate::providers::llm;
use crate::weights::ModelStore;

const EXAMPLES: &str = "\
Each conversation is played from its beginning by a person whom Rose doesn't know, at the time that it names. What is
said and remembered is held against what each turn asks for.

Examples:
  rose eval
  rose eval --backends tiny,small
  rose eval --suite care
  rose eval --only forgetting --only are-you-human
  rose eval --backends groq,local --judge groq --json eval.json --markdown eval.md";

/// Play scripted conversations to Rose, and judge them.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct EvalCommand {
    /// Scripts of your own; evals/conversations.toml shows the form [default: the built-in ones]
    #[arg(value_name = "FILE")]
    conversations: Option<PathBuf>,
    /// The built-in conversations: companion, or care (danger that comes nearer, or doesn't)
    #[arg(long, value_enum, default_value_t)]
    suite: Suite,
    /// What is compared, as in `rose bench` [default: the settings as they are]
    #[arg(long, value_name = "LIST")]
    backends: Option<String>,
    /// Only conversations whose name contains this; may be given again
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// A language model that gives marks by a fixed rubric, beside the checks: a backend, or settings as in --backends
    #[arg(long, value_name = "BACKEND")]
    judge: Option<String>,
    /// What the model's draws begin from: the same seed and files give the same conversation
    #[arg(long, default_value_t = 1)]
    seed: u32,
    /// Where the page with every word goes
    #[arg(long, value_name = "FILE", default_value = "rose-eval.html")]
    html: PathBuf,
    /// Where everything goes as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Where the table and what was missed goes as Markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

impl EvalCommand {
    /// # Errors
    /// Where a script or a backend can't be used, or a result can't be written.
    pub fn run(self, overrides: &Overrides) -> anyhow::Result<()> {
        let variants = match &self.backends {
            Some(list) => variant::parse(list, ModelStore::open(&Config::load(overrides)?.models)?.manifest())?,
            None => vec![variant::as_set()],
        };
        let mut scripts = script::read(self.conversations.as_deref(), self.suite)?;
        scripts.retain(|script| self.only.is_empty() || self.only.iter().any(|name| script.name.contains(name)));
        if scripts.is_empty() {
            bail!("no conversation has a name with {}", self.only.join(" or "));
        }
        let judge = self.judge.as_deref().map(|judge| self.judge(judge, overrides)).transpose()?;
        let mut report = Report {
            started: jiff::Timestamp::now(),
            machine: Machine::this().to_string(),
            seed: self.seed,
            variants: Vec::new(),
        };
        let runtime = super::runtime()?;
        for variant in &variants {
            report.variants.push(runtime.block_on(self.play(variant, &scripts, judge.as_ref(), overrides))?);
        }
        write(&self.html, report::page(&report).as_bytes())?;
        if let Some(path) = &self.json {
            write(path, &serde_json::to_vec_pretty(&report)?)?;
        }
        if let Some(path) = &self.markdown {
            write(path, report::markdown(&report).as_bytes())?;
        }
        let mut out = std::io::stdout().lock();
        write!(out, "{}", report::text(&report))?;
        writeln!(out, "Every word: {}", self.html.display())?;
        Ok(())
    }

    fn judge(&self, judge: &str, overrides: &Overrides) -> anyhow::Result<ConversationJudge> {
        let variants = variant::parse(judge, ModelStore::open(&Config::load(overrides)?.models)?.manifest())?;
        let [variant] = &variants[..] else { bail!("--judge takes one backend") };
        let overrides = Overrides { settings: variant.settings.clone(), ..overrides.clone() };
        let config = Config::load(&overrides)?;
        Ok(ConversationJudge::new(llm::build(&config.llm, &ModelStore::open(&config.models)?)?))
    }

    async fn play(
        &self,
        variant: &Variant,
        scripts: &[Script],
        judge: Option<&ConversationJudge>,
        overrides: &Overrides,
    ) -> anyhow::Result<Judged> {
        let stage = Stage::set(variant, overrides, self.seed).await.with_context(|| variant.label.clone())?;
        let bar = ProgressBar::new(scripts.len() as u64).with_style(
            ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} {msg}").expect("the template is valid"),
        );
        bar.set_prefix(variant.label.clone());
        let mut played = Vec::new();
        for script in scripts {
            bar.set_message(script.name.clone());
            let mut one = stage.play(script).await?;
            if let Some(judge) = judge {
                one.scores = Some(judge.judge(&one).await?);
            }
            played.push(one);
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(Judged { label: variant.label.clone(), model: stage.model(), played })
    }
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("{} can't be written", path.display()))
}
