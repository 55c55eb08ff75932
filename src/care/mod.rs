//! Does what a person says speak of danger, and what is answered then? Three layers, each of which may raise the alarm and
//! none take it back: patterns for what is said plainly, a probe of the local model's state, a strong model's judgement.
//! The first two give the same answer every time.

mod answers;
mod corpus;
mod helplines;
mod judge;
mod patterns;
mod probe;
mod report;
mod watch;

pub use answers::{Answers, AnswersError, Words};
pub use corpus::{Class, CorpusError, Labelled, read as read_corpus};
pub use helplines::{Call, Country, Helplines, HelplinesError, Line, Purpose};
pub use judge::DangerJudge;
pub use patterns::{DangerPatterns, PatternsError};
pub use probe::{Probe, Reading, Trained, TrainingError, Weights, WeightsError, train};
pub use report::Table;
pub use watch::{Care, Watch};

pub use crate::domain::danger::{Alarm, Counted, Kind, Layer, Level};
