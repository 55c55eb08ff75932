//! Rose the Healer Shaman: a voice companion that listens, remembers and answers aloud, in one process.
//!
//! The rooms, each importing only from those before it:
//!
//! | room | what |
//! |---|---|
//! | [`domain`] | words everyone speaks |
//! | [`audio`] | recordings to and from clips |
//! | [`images`] | pictures as they come, decoded within bounds |
//! | [`config`] | settings, raw → validated |
//! | [`weights`] | where a model's files are |
//! | [`language`] | what is a matter of one language |
//! | [`providers`] | the ports and their adapters |
//! | [`care`] | does a message speak of danger, and what is answered |
//! | [`store`] | what outlives the process; the only room that knows SQL |
//! | [`memory`] | what to keep, what to recall |
//! | [`graph`] | state, builder, runner, nodes |
//! | [`conversation`] | a turn, as a stream of events |
//! | [`app`] | composition root |
//! | [`server`] | HTTP |
//! | [`jobs`] | what runs by the clock |
//! | [`comparison`] | backends side by side, on whole turns |
//! | [`cli`] | the command line |

pub mod app;
pub mod audio;
pub mod care;
pub mod cli;
pub mod comparison;
pub mod config;
pub mod conversation;
pub mod domain;
pub mod graph;
pub mod images;
pub mod jobs;
pub mod language;
pub mod memory;
pub mod providers;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod weights;
