//! The server from outside: over HTTP, in this process or as the binary.

mod bad_input;
mod browsers;
mod chat;
mod crash;
mod faults;
mod frontend;
mod health;
mod limits;
mod logs;
mod memories;
mod model_watch;
mod openapi;
mod ownership;
mod ranges;
mod replay;
mod retry;
mod schemathesis;
mod sessions;
mod stopping;
mod together;
mod vision;
mod voice;
