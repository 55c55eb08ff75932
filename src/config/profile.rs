//! Which backends stand behind the ports, in one word. The file, the environment and the options outrank it.

use serde::{Deserialize, Serialize};

use super::ConfigError;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Every engine inside this process, as without a profile: no key, no network.
    Offline,
    /// Groq, ElevenLabs and Together, each with the local engine behind it; embeddings in this process, memories in Qdrant.
    Production,
    /// As `offline`, and the same input gets the same words each time.
    Benchmark,
}

impl std::str::FromStr for Profile {
    type Err = ConfigError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "offline" => Ok(Profile::Offline),
            "production" => Ok(Profile::Production),
            "benchmark" => Ok(Profile::Benchmark),
            other => Err(ConfigError::invalid("--profile", other, "give offline, production or benchmark")),
        }
    }
}

impl Profile {
    /// The backends of each port, by the key of its list.
    pub(super) fn backends(self) -> [(&'static str, &'static [&'static str]); 5] {
        match self {
            Profile::Offline | Profile::Benchmark => [
                ("stt.backends", &["local"]),
                ("llm.backends", &["local"]),
                ("tts.backends", &["local"]),
                ("embeddings.backends", &["local"]),
                ("image.backends", &["local"]),
            ],
            Profile::Production => [
                ("stt.backends", &["groq", "local"]),
                ("llm.backends", &["groq", "local"]),
                ("tts.backends", &["elevenlabs", "local"]),
                // Memories must not die with a vendor's model.
                ("embeddings.backends", &["local"]),
                ("image.backends", &["together", "local"]),
            ],
        }
    }

    /// Where the memories are.
    pub(super) fn memory(self) -> &'static str {
        if self == Profile::Production { "qdrant" } else { "local" }
    }

    /// Draws no lots where backends are compared.
    pub(super) fn seed(self) -> Option<i64> {
        (self == Profile::Benchmark).then_some(1)
    }
}
