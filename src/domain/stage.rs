//! Where a turn's time goes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The parts of a turn that are timed. Names are the same in the API, the logs, the metrics and the benches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The person's silence until it was Rose's turn.
    Pause,
    Decode,
    SpeechToText,
    ExtractMemories,
    Route,
    Image,
    InjectContext,
    /// Prompt accepted to first token.
    FirstToken,
    Respond,
    TextToSpeech,
    InjectMemories,
    Summarize,
    Checkpoint,
    /// End of the person's input to the first audio of the reply.
    FirstAudio,
    Total,
}

impl Stage {
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Pause => "pause",
            Stage::Decode => "decode",
            Stage::SpeechToText => "speech_to_text",
            Stage::ExtractMemories => "extract_memories",
            Stage::Route => "route",
            Stage::Image => "image",
            Stage::InjectContext => "inject_context",
            Stage::FirstToken => "first_token",
            Stage::Respond => "respond",
            Stage::TextToSpeech => "text_to_speech",
            Stage::InjectMemories => "inject_memories",
            Stage::Summarize => "summarize",
            Stage::Checkpoint => "checkpoint",
            Stage::FirstAudio => "first_audio",
            Stage::Total => "total",
        }
    }
}

/// What an engine says of one job: how long it waited for the engine, how long the engine worked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EngineTiming {
    pub queued: Duration,
    pub inference: Duration,
}

/// One stage of one turn. `total ≥ queued + inference`; the rest is what Rose herself adds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StageTiming {
    pub stage: Stage,
    pub queued: Duration,
    pub inference: Duration,
    pub total: Duration,
}

impl StageTiming {
    /// A stage in which no engine took part.
    pub fn own(stage: Stage, total: Duration) -> Self {
        Self { stage, queued: Duration::ZERO, inference: Duration::ZERO, total }
    }

    pub fn engine(stage: Stage, timing: EngineTiming, total: Duration) -> Self {
        Self { stage, queued: timing.queued, inference: timing.inference, total }
    }
}
