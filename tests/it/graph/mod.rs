//! The conversation's graph.

mod danger;
