//! One file for each resource.

pub(super) mod blobs;
pub(super) mod capabilities;
pub(super) mod care;
pub(super) mod chat;
pub(super) mod health;
pub(super) mod index;
pub(super) mod me;
pub(super) mod memories;
pub(super) mod metrics;
pub(super) mod openai;
pub(super) mod realtime;
pub(super) mod replay;
pub(super) mod schema;
pub(super) mod sessions;
pub(super) mod voice;
