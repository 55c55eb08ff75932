//! Compares backends on whole spoken turns: recordings go through any number of variants of the settings, each in a
//! process of its own, in interleaved runs, so that what disturbs the machine disturbs all of them alike.
//!
//! [`eval`] compares what is said in whole conversations. Of the rest, [`recordings`] and [`variant`] read what is asked for, [`run`] leads, a [`worker`] measures, [`summary`] counts,
//! [`tables`] and [`page`] show.

pub mod eval;
pub mod page;
mod process;
pub mod protocol;
pub mod recordings;
pub mod run;
pub mod summary;
pub mod tables;
pub mod variant;
pub mod worker;

use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum ComparisonError {
    #[error("{path} can't be read: {source}", path = .path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{path} is no recording that can be used: {reason}", path = .path.display())]
    NoRecording { path: PathBuf, reason: String },
    #[error(
        "{path} holds no recording; put WAV, MP3, FLAC, Ogg, WebM or MP4 files there, and the words of NAME.wav in \
         NAME.txt or in a README.md's table with the columns `file` and `words`",
        path = .0.display()
    )]
    NoRecordings(PathBuf),
    #[error("{0}")]
    Variant(String),
    /// A worker ended, or said something that is not in the protocol.
    #[error("the process that measures {variant} {what}")]
    Worker { variant: String, what: String },
    #[error("{origin} can't be played: {reason}")]
    Script { origin: String, reason: String },
    #[error("the conversation {script} broke off: {what}")]
    Played { script: String, what: String },
    #[error("the judge gave no marks to {script}: {what}")]
    Judge { script: String, what: String },
    #[error("the result can't be drawn: {0}")]
    Chart(String),
}
