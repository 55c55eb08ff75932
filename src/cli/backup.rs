//! `rose backup`: everything but recordings and pictures in one file.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;

use crate::config::Config;
use crate::store::{back_up, new_backup_name};

/// Copy the database and the cookie key into one file; a server may be running.
///
/// Recordings and pictures are not in it. Keep it as private as the data folder.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  rose backup\n  rose backup -o rose-before-the-move.db")]
pub struct BackupCommand {
    /// Where to write it; nothing that exists is overwritten [default: the data folder's backups]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl BackupCommand {
    /// Prints where the backup is and what it holds.
    ///
    /// # Errors
    /// Where there is no database, it is damaged, or the file can't be written.
    pub fn run(self, config: &Config, out: &mut dyn Write) -> anyhow::Result<()> {
        let to = self.output.unwrap_or_else(|| config.data.backups().join(new_backup_name()));
        let summary = back_up(&config.data, &to).context("no backup was made")?;
        writeln!(
            out,
            "{}: {} sessions, {} memories, {} kB",
            summary.path.display(),
            summary.sessions,
            summary.memories,
            summary.size_bytes.div_ceil(1000)
        )?;
        Ok(())
    }
}
