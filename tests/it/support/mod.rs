//! What the server's tests share: the server inside the test, people who call it, the binary as a child.

pub mod app;
pub mod child;
pub mod cloud;
pub mod events;
pub mod person;
pub mod qdrant;
pub mod recordings;
pub mod service;
pub mod settings;
