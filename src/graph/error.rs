//! What can go wrong while a graph runs.

use super::state::StateError;
use crate::memory::MemoryError;
use crate::providers::ProviderError;
use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// A checkpoint of a graph that had other nodes.
    #[error("the checkpoint goes on at `{0}`, which is no node of this graph")]
    UnknownNode(String),
    #[error("the branch at `{from}` chose `{to}`, which it does not declare")]
    UndeclaredTarget { from: &'static str, to: &'static str },
}
