//! English.

pub mod spoken;
