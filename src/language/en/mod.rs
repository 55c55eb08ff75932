//! English.

pub mod dates;
pub mod forgetting;
pub mod words;
