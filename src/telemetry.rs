//! The log subscriber and the names of metrics.
