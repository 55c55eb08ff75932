//! `rose memories`: what concerns everybody's memories at once.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};

use crate::app::reembedding;
use crate::config::Config;
use crate::memory::embed_anew;
use crate::providers::embeddings::{self, Embedder};
use crate::store::{SqliteStore, StoreError};
use crate::weights::ModelStore;

/// See to everybody's memories.
#[derive(Debug, Clone, clap::Args)]
pub struct MemoriesCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum What {
    /// Have the embedding model that the settings name take over the memories of another one.
    ///
    /// The new embeddings are made beside the old ones, which answer until all are there; then the new ones take their place in
    /// one step. What is embedded already is not embedded again, however the command ended. While a server uses the data
    /// folder everything but that last step is done; stop the server and call the command again, which then takes moments.
    Reembed,
}

impl MemoriesCommand {
    /// Prints what was done; shows the progress on stderr.
    ///
    /// # Errors
    /// Where the model can't be loaded, a store or the model fails, or a server keeps the last step from being done.
    pub fn run(self, config: &Config, out: &mut dyn Write) -> anyhow::Result<()> {
        match self.what {
            What::Reembed => {
                let models = ModelStore::open(&config.models)?;
                let embedder = embeddings::build(&config.embeddings, &models)?;
                super::runtime()?.block_on(reembed(config, embedder.as_ref(), out))
            }
        }
    }
}

async fn reembed(config: &Config, embedder: &dyn Embedder, out: &mut dyn Write) -> anyhow::Result<()> {
    let to = embedder.describe().model;
    let held = match SqliteStore::open(&config.data) {
        Ok(store) => Some(store),
        Err(StoreError::InUse { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let Some(place) = reembedding(config, held.as_ref(), embedder).await? else {
        writeln!(out, "nothing to do: there is no memory that {to} did not embed")?;
        return Ok(());
    };
    let from = place.from().clone();
    let bar = ProgressBar::new(from.memories as u64);
    bar.set_style(ProgressStyle::with_template("{msg} {wide_bar} {pos} of {len}, {eta} left")?);
    bar.set_message(format!("{} to {to}", from.model));
    bar.enable_steady_tick(Duration::from_millis(200));
    let tell = |done: usize| {
        bar.set_length(bar.length().unwrap_or_default().max(done as u64));
        bar.set_position(done as u64);
    };
    let embedded = embed_anew(place.as_ref(), embedder, &tell).await;
    bar.finish_and_clear();
    let embedded = embedded.context("what was embedded so far is kept; run the command again")?;
    if held.is_none() {
        let dir = config.data.dir.display();
        bail!(
            "{embedded} memories were embedded with {to} beside the server that uses {dir}, which goes on with {}; stop it and \
             run the command again, so that {to} takes over",
            from.model
        );
    }
    let memories = place.switch().await?;
    writeln!(
        out,
        "{memories} memories are {to}'s now, {embedded} of them embedded just now; they were {}'s",
        from.model
    )?;
    Ok(())
}
