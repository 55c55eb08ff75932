//! What can go wrong while keeping things.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// No variant carries what a person said: each may be logged. None is meant for a stranger's eyes.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Not there, or not this owner's: the two are never told apart.
    #[error("no such {0}")]
    NotFound(&'static str),
    #[error("the data was written by a newer version of Rose: {0}")]
    Newer(String),
    #[error("stored data is damaged: {0}")]
    Damaged(String),
    #[error("an embedding of width {got} in a store of width {expected}")]
    Dimension { expected: usize, got: usize },
    /// Vectors of two models can't be compared.
    #[error(
        "the memories were embedded with {expected}, and the settings name {got}. To have {got} embed them anew, run `rose \
         memories reembed` or set memory.reembed_at_start; to go on as before, name {expected} in the settings"
    )]
    Model { expected: String, got: String },
    #[error("{embedded} of {memories} memories are embedded anew; run `rose memories reembed` again")]
    Incomplete { embedded: usize, memories: usize },
    /// A collection that memories can't be kept in.
    #[error("the collection {0}")]
    Collection(String),
    /// One process at a time: two would undo each other's cleanup, and each would believe itself alone.
    #[error("another Rose is using the data folder {}; stop it first, or name another folder with --data-dir", dir.display())]
    InUse { dir: PathBuf },
    #[error("{what} {}: {source}", path.display())]
    File { what: &'static str, path: PathBuf, source: std::io::Error },
    #[error("the store failed: {0}")]
    Failed(String),
}

impl StoreError {
    /// For `map_err`: `what` is what was tried, such as "cannot write".
    pub(super) fn file(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| StoreError::File { what, path: path.to_owned(), source }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error as Sql;
        match &error {
            Sql::SqliteFailure(failure, _)
                if matches!(failure.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) =>
            {
                StoreError::Damaged(error.to_string())
            }
            // Names the column and the type only; the value itself may be a person's words.
            Sql::FromSqlConversionFailure(column, kind, _) => {
                StoreError::Damaged(format!("column {column} holds an unreadable {kind}"))
            }
            Sql::InvalidColumnType(..) | Sql::IntegralValueOutOfRange(..) | Sql::Utf8Error(..) => {
                StoreError::Damaged(error.to_string())
            }
            _ => StoreError::Failed(error.to_string()),
        }
    }
}
