//! What a model is for.

use std::fmt;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    Llm,
    SpeechToText,
    TextToSpeech,
    Embeddings,
    VoiceActivity,
    /// A language model that sees, with the projector that makes pictures into what it reads. A set may have none.
    Vision,
    /// The shared library that runs ONNX models.
    OnnxRuntime,
    /// What paints, in diffusers layout. A set may have none.
    Image,
}

impl Capability {
    /// What every set names a model for.
    pub const NEEDED: [Self; 6] =
        [Self::Llm, Self::SpeechToText, Self::TextToSpeech, Self::Embeddings, Self::VoiceActivity, Self::OnnxRuntime];

    /// As in the manifest.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Llm => "llm",
            Self::SpeechToText => "speech_to_text",
            Self::TextToSpeech => "text_to_speech",
            Self::Embeddings => "embeddings",
            Self::VoiceActivity => "voice_activity",
            Self::Vision => "vision",
            Self::OnnxRuntime => "onnx_runtime",
            Self::Image => "image",
        }
    }

    /// The files without which a model of this kind can't be loaded.
    pub(super) fn roles(self) -> &'static [&'static str] {
        match self {
            Self::Llm | Self::SpeechToText | Self::VoiceActivity => &["weights"],
            Self::TextToSpeech => &["weights", "config"],
            Self::Vision => &["weights", "projector"],
            Self::Embeddings => &["weights", "config", "tokenizer"],
            Self::OnnxRuntime => &["library"],
            Self::Image => &[
                "index",
                "scheduler.config",
                "text_encoder.config",
                "text_encoder.weights",
                "tokenizer.config",
                "tokenizer.merges",
                "tokenizer.vocab",
                "unet.config",
                "unet.weights",
                "vae.config",
                "vae.weights",
            ],
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(self.as_str())
    }
}
