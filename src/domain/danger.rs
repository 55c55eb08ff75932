//! What is said of danger: how grave, of what kind, noticed by what.

use serde::{Deserialize, Serialize};

/// How grave it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Rose asks plainly, says where help is, and stays in the conversation.
    Concern,
    /// Rose says whom to call, before any model's words.
    Danger,
}

/// What kind of danger: it decides what is asked, and whom to call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    SelfHarm,
    /// Too much of something taken, and poisoning.
    Overdose,
    EatingDisorder,
    /// Suffered, threatened or planned; fire and the like too.
    Violence,
    ChildAtRisk,
    /// A person's body is in danger now.
    Medical,
    /// Somebody else is in danger.
    ThirdPerson,
}

impl Kind {
    /// In the order of the probe's rows: only append.
    pub const ALL: [Kind; 7] = [
        Kind::SelfHarm,
        Kind::Overdose,
        Kind::EatingDisorder,
        Kind::Violence,
        Kind::ChildAtRisk,
        Kind::Medical,
        Kind::ThirdPerson,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::SelfHarm => "self_harm",
            Kind::Overdose => "overdose",
            Kind::EatingDisorder => "eating_disorder",
            Kind::Violence => "violence",
            Kind::ChildAtRisk => "child_at_risk",
            Kind::Medical => "medical",
            Kind::ThirdPerson => "third_person",
        }
    }
}

impl Level {
    pub const fn as_str(self) -> &'static str {
        match self {
            Level::Concern => "concern",
            Level::Danger => "danger",
        }
    }
}

/// What noticed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    Patterns,
    Probe,
    Judge,
    /// The person said yes when Rose asked.
    Answer,
}

impl Layer {
    pub const fn as_str(self) -> &'static str {
        match self {
            Layer::Patterns => "patterns",
            Layer::Probe => "probe",
            Layer::Judge => "judge",
            Layer::Answer => "answer",
        }
    }
}

/// A message speaks of danger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Alarm {
    pub level: Level,
    pub kind: Kind,
    pub layer: Layer,
}

impl Alarm {
    /// The graver of two; of two alike the one that came first.
    #[must_use]
    pub fn graver(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(if other.level > one.level { other } else { one }),
            (one, other) => one.or(other),
        }
    }
}

/// So many alarms of one sort on one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// UTC, such as `2026-11-26`.
    pub day: String,
    pub kind: String,
    pub level: String,
    pub layer: String,
    pub count: u64,
}
