//! The spoken conversation over a WebSocket, and how turns are told apart in it.

use std::time::Duration;

use serde::Deserialize;

use super::ConfigError;

#[derive(Debug, Clone)]
pub struct RealtimeConfig {
    /// At the same time.
    pub max_connections: usize,
    /// Of one message of the client's.
    pub max_message_bytes: usize,
    /// A connection whose client says nothing for so long is closed.
    pub idle: Duration,
    pub turns: TurnDetectionConfig,
}

/// What a session starts with; its client may change the first three.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TurnDetectionConfig {
    /// How likely speech must be to start, in (0, 1).
    pub threshold: f32,
    /// Sound from before the start of speech that belongs to it.
    pub prefix_padding: Duration,
    /// The pause that ends a turn whose words read unfinished, or aren't known.
    pub silence: Duration,
    /// The pause that ends a turn whose words surely are finished; where they only may be, the mean of both ends it.
    pub finished_silence: Duration,
    /// Speech that is shorter is none.
    pub least_speech: Duration,
    /// While Rose speaks, speech that is shorter is none.
    pub interrupt_after: Duration,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawRealtime {
    max_connections: usize,
    max_message_bytes: usize,
    idle_seconds: u64,
    threshold: f32,
    prefix_padding_ms: u64,
    silence_ms: u64,
    finished_silence_ms: u64,
    least_speech_ms: u64,
    interrupt_after_ms: u64,
}

impl Default for RawRealtime {
    fn default() -> Self {
        Self {
            max_connections: 64,
            // OpenAI's own limit.
            max_message_bytes: 15 * 1024 * 1024,
            idle_seconds: 900,
            threshold: 0.5,
            prefix_padding_ms: 300,
            silence_ms: 1400,
            finished_silence_ms: 400,
            least_speech_ms: 160,
            interrupt_after_ms: 320,
        }
    }
}

impl RawRealtime {
    pub(super) fn validate(self) -> Result<RealtimeConfig, ConfigError> {
        if !(0.05..=0.95).contains(&self.threshold) {
            return Err(ConfigError::invalid("realtime.threshold", self.threshold, "give a number from 0.05 to 0.95"));
        }
        if self.finished_silence_ms > self.silence_ms {
            return Err(ConfigError::invalid(
                "realtime.finished_silence_ms",
                self.finished_silence_ms,
                "give at most realtime.silence_ms",
            ));
        }
        if self.idle_seconds == 0 {
            return Err(ConfigError::invalid("realtime.idle_seconds", 0, "give at least 1"));
        }
        Ok(RealtimeConfig {
            max_connections: self.max_connections,
            max_message_bytes: self.max_message_bytes,
            idle: Duration::from_secs(self.idle_seconds),
            turns: TurnDetectionConfig {
                threshold: self.threshold,
                prefix_padding: Duration::from_millis(self.prefix_padding_ms),
                silence: Duration::from_millis(self.silence_ms),
                finished_silence: Duration::from_millis(self.finished_silence_ms),
                least_speech: Duration::from_millis(self.least_speech_ms),
                interrupt_after: Duration::from_millis(self.interrupt_after_ms),
            },
        })
    }
}
