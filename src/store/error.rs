//! What can go wrong while keeping things.

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
    #[error("embeddings of {got} in a store made with {expected}")]
    Model { expected: String, got: String },
    /// For the log, never for a stranger.
    #[error("the store failed: {0}")]
    Failed(String),
}
