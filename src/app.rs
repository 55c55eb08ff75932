//! Composition root: [`Config`](crate::config::Config) → the ports, ready to serve.
