//! What can go wrong with memories.

use crate::providers::ProviderError;
use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    #[error("the memory is empty; write what is to be remembered")]
    Empty,
    #[error("the memory is {length} characters long; at most {limit} are kept")]
    TooLong { length: usize, limit: usize },
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error(transparent)]
    Store(#[from] StoreError),
}
