//! `rose restore`: a backup takes the database's place.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;

use crate::config::Config;
use crate::store::restore;

/// Put a backup in the database's place; the server must be stopped.
///
/// The backup is checked first. The database that it replaces is kept aside.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  rose restore data/backups/rose-20260131T030000.000Z.db")]
pub struct RestoreCommand {
    /// What `rose backup`, or the daily backup, wrote.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl RestoreCommand {
    /// Prints what came back, and where the replaced database is.
    ///
    /// # Errors
    /// Where a server uses the data folder, or the file is no whole backup that this version can read.
    pub fn run(self, config: &Config, out: &mut dyn Write) -> anyhow::Result<()> {
        let summary = restore(&config.data, &self.file).context("nothing was restored")?;
        let restored = summary.restored;
        writeln!(out, "{}: {} sessions, {} memories", restored.path.display(), restored.sessions, restored.memories)?;
        if let Some(replaced) = summary.replaced {
            writeln!(out, "{}: what stood there before", replaced.display())?;
        }
        Ok(())
    }
}
