//! The command line: results to stdout, everything else to stderr.

pub mod doctor;
pub mod models;
