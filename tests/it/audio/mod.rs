//! Recordings as they come from browsers, phones and files, decoded and brought to 16 kHz.

mod containers;
pub(crate) mod corpus;
mod hostile;
pub(crate) mod made;
pub(crate) mod sounds;

pub(crate) use made::original;
