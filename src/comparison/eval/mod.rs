//! Whole conversations, judged: scripts are played to any number of variants of the settings, and what is said and kept
//! is held against what each script names.
//!
//! [`script`] reads, [`play`] plays, [`check`] decides, [`judge`] asks a model where one is named, [`report`] counts and
//! shows.

pub mod check;
pub mod judge;
pub mod play;
pub mod report;
pub mod script;
