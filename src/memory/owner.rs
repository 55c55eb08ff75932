//! What owners do with their own memories: see, correct, delete, take them along.

use super::extraction::{MAX_CHARS, one_line};
use super::{Memories, MemoryError};
use crate::domain::ids::{MemoryId, UserId};
use crate::domain::memory::{Memory, MemoryType};
use crate::store::{MemoryChange, MemoryFilter};

/// Memories read at once for an export.
const PAGE: usize = 500;

impl Memories {
    /// Newest first, with the count of all that match.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn list(&self, user: UserId, filter: MemoryFilter) -> Result<(Vec<Memory>, usize), MemoryError> {
        Ok(self.store.memories(user, filter).await?)
    }

    /// # Errors
    /// `NotFound` where it isn't this user's.
    pub async fn get(&self, user: UserId, id: MemoryId) -> Result<Memory, MemoryError> {
        Ok(self.store.memory(user, id).await?)
    }

    /// The owner's own wording takes the place of the old one. `None` keeps the type.
    ///
    /// # Errors
    /// `Empty` and `TooLong` for a text that can't be kept; `NotFound` where it isn't this user's.
    pub async fn change(
        &self,
        user: UserId,
        id: MemoryId,
        text: &str,
        memory_type: Option<MemoryType>,
    ) -> Result<Memory, MemoryError> {
        let text = one_line(text);
        let length = text.chars().count();
        if length == 0 {
            return Err(MemoryError::Empty);
        }
        if length > MAX_CHARS {
            return Err(MemoryError::TooLong { length, limit: MAX_CHARS });
        }
        let memory_type = match memory_type {
            Some(memory_type) => memory_type,
            None => self.store.memory(user, id).await?.memory_type,
        };
        let embedding = self.embed(&text).await?;
        Ok(self.store.change_memory(user, id, MemoryChange { text, memory_type, embedding }).await?)
    }

    /// # Errors
    /// `NotFound` where it isn't this user's.
    pub async fn delete(&self, user: UserId, id: MemoryId) -> Result<(), MemoryError> {
        Ok(self.store.delete_memory(user, id).await?)
    }

    /// Returns how many went.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn delete_all(&self, user: UserId) -> Result<usize, MemoryError> {
        Ok(self.store.delete_all_memories(user).await?)
    }

    /// Everything that is remembered of this person, newest first.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn export(&self, user: UserId) -> Result<Vec<Memory>, MemoryError> {
        let mut all = Vec::new();
        loop {
            let filter = MemoryFilter { limit: PAGE, offset: all.len(), ..MemoryFilter::default() };
            let (page, _) = self.store.memories(user, filter).await?;
            let last = page.len() < PAGE;
            all.extend(page);
            if last {
                return Ok(all);
            }
        }
    }
}
