//! English.

pub mod dates;
pub mod forgetting;
pub mod spoken;
pub mod words;
