//! Whether the disk has room for what is about to be fetched.

use std::path::Path;

use super::manifest::Model;
use super::{ModelState, ModelStore, WeightsError};

/// While a model is fetched, its packages and what is unpacked of them lie beside one another.
const COPIES_WHILE_FETCHED: u64 = 2;

/// What fetching some models takes of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Of those models that are not there, as they are kept; 0 where all are there.
    pub absent_bytes: u64,
    /// At the most, for a moment.
    pub needed_bytes: u64,
    pub free_bytes: u64,
}

impl Room {
    pub fn suffices(&self) -> bool {
        self.free_bytes >= self.needed_bytes
    }

    fn of(absent: &[u64], free_bytes: u64) -> Self {
        let absent_bytes: u64 = absent.iter().sum();
        let largest = absent.iter().max().copied().unwrap_or(0);
        Self { absent_bytes, needed_bytes: absent_bytes + COPIES_WHILE_FETCHED * largest, free_bytes }
    }
}

impl ModelStore {
    /// What fetching those of `models` that are not there takes, on the disk of the models' folder.
    ///
    /// # Errors
    /// Where a file or the disk can't be read.
    pub fn room(&self, models: &[&Model]) -> Result<Room, WeightsError> {
        let mut absent = Vec::new();
        for model in models {
            if self.state(model)? != ModelState::Installed {
                absent.push(model.size_bytes());
            }
        }
        let folder = nearest_existing(&self.dir);
        let free_bytes = fs4::available_space(folder).map_err(WeightsError::io(folder, "measured"))?;
        Ok(Room::of(&absent, free_bytes))
    }
}

/// The folder itself, or the nearest above it that is there.
pub fn nearest_existing(folder: &Path) -> &Path {
    let mut ancestors = folder.ancestors().filter(|ancestor| !ancestor.as_os_str().is_empty());
    ancestors.find(|ancestor| ancestor.exists()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_model_lies_there_three_times_for_a_moment() {
        let room = Room::of(&[100, 10], 309);
        assert_eq!((room.absent_bytes, room.needed_bytes, room.suffices()), (110, 310, false));
        assert!(Room::of(&[100, 10], 310).suffices());
        assert!(Room::of(&[], 0).suffices(), "nothing is to be fetched");
    }
}
