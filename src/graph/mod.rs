//! The conversation's graph: state, builder (is it valid?), runner (run it), nodes (one verb a file).

pub mod builder;
pub mod character;
pub mod disclosure;
mod error;
pub mod guardrail;
pub mod node;
pub mod nodes;
pub mod prompt;
pub mod routing;
pub mod runner;
pub mod state;

pub use error::GraphError;
