//! What the leader asks of a worker, and what it answers: one line of JSON each.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::config::Overrides;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum Order {
    /// Build everything that these settings name.
    Load { overrides: Box<Overrides> },
    /// A whole turn for each recording, all at once, each of a new person's.
    Turns { recordings: Vec<PathBuf>, door: Door },
    /// Each stage by itself.
    Alone { recording: PathBuf },
}

/// How the recording comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// The whole recording at once, after it was made, as `/api/voice/process` takes it.
    Upload,
    /// Spoken at its own pace, its end told at once, as by one who lets go of a button.
    Released,
    /// Spoken at its own pace, its end found by the silence after it.
    HandsFree,
}

impl Door {
    pub fn as_str(self) -> &'static str {
        match self {
            Door::Upload => "upload",
            Door::Released => "released",
            Door::HandsFree => "hands-free",
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    Loaded { seconds: f64, services: Vec<Service> },
    Turns { turns: Vec<TurnMeasure>, seconds: f64, peak_bytes: Option<u64> },
    Alone { measures: AloneMeasure, peak_bytes: Option<u64> },
    Failed { reason: String },
}

/// Which backend stands behind a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    pub port: String,
    pub backend: String,
    pub model: String,
}

/// One whole turn. Times in milliseconds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct TurnMeasure {
    /// What was understood.
    pub heard: String,
    /// By the stage's name.
    pub stages: BTreeMap<String, StageMeasure>,
    pub tokens: Option<Tokens>,
    /// What services were used for costs so much, by the settings' prices.
    #[serde(default)]
    pub cost: f64,
    /// By unit: tokens, characters, seconds of sound, pictures.
    #[serde(default)]
    pub used: BTreeMap<String, f64>,
    /// How long the spoken reply is.
    pub spoken_seconds: f64,
    /// Why there is no answer.
    pub failure: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct StageMeasure {
    pub total_ms: f64,
    pub inference_ms: f64,
    pub queued_ms: f64,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Tokens {
    pub prompt: usize,
    /// Of the prompt, what was not in the cache.
    pub computed: usize,
    pub completion: usize,
}

/// Each stage by itself, in milliseconds where nothing else is said.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct AloneMeasure {
    pub heard: String,
    pub decode: f64,
    pub speech_to_text: f64,
    /// Of one sentence.
    pub embedding: f64,
    /// With the prompt's beginning in the cache, where there is one.
    pub first_token: f64,
    pub tokens_per_second: f64,
    /// Of one sentence, to its first piece of sound.
    pub first_sound: f64,
    /// Seconds of work for a second of speech.
    pub speech_real_time_factor: f64,
}
