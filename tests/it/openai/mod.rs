//! The OpenAI protocol under `/v1`: its own clients, unmodified, and what they don't try.

mod chat;
pub mod clients;
mod speech;
