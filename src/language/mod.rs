//! What is a matter of one language: its patterns, word lists and grammar, each in the folder of its language.

pub mod en;
