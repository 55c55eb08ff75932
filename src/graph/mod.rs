//! The conversation's graph: state, builder (is it valid?), runner (run it), nodes (one verb a file).

pub mod routing;
