//! Words that every room speaks. Imports nothing of ours; does no I/O.

pub mod audio;
pub mod danger;
pub mod embedding;
pub mod ids;
pub mod image;
pub mod memory;
pub mod message;
pub mod metering;
pub mod person;
pub mod route;
pub mod session;
pub mod stage;
pub mod word_error_rate;
