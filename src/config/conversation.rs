//! A turn and its history.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::ConfigError;

#[derive(Debug, Clone)]
pub struct ConversationConfig {
    /// Past this many messages, the older ones are folded into the summary.
    pub summarize_after: usize,
    /// Messages that stay as they are when the others are folded.
    pub keep_messages: usize,
    pub max_message_chars: usize,
    pub max_recording: Duration,
    pub min_recording: Duration,
    /// A character's folder that takes the built-in one's place, file by file.
    pub character_dir: Option<PathBuf>,
    /// Of the character's texts: the folder's name, such as `en`.
    pub language: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawConversation {
    summarize_after: usize,
    keep_messages: usize,
    max_message_chars: usize,
    max_recording_seconds: u64,
    min_recording_ms: u64,
    character_dir: Option<PathBuf>,
    language: String,
}

impl Default for RawConversation {
    fn default() -> Self {
        Self {
            summarize_after: 20,
            keep_messages: 5,
            max_message_chars: 8_000,
            max_recording_seconds: 300,
            min_recording_ms: 200,
            character_dir: None,
            language: "en".into(),
        }
    }
}

impl RawConversation {
    pub(super) fn set_character_dir(&mut self, dir: &Path) {
        self.character_dir = Some(dir.to_owned());
    }

    pub(super) fn validate(self) -> Result<ConversationConfig, ConfigError> {
        if self.keep_messages >= self.summarize_after {
            return Err(ConfigError::invalid(
                "conversation.keep_messages",
                self.keep_messages,
                "give less than conversation.summarize_after",
            ));
        }
        let is_folder_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if self.language.is_empty() || !self.language.chars().all(is_folder_name) {
            return Err(ConfigError::invalid(
                "conversation.language",
                self.language.escape_default(),
                "name a folder of the character, such as en",
            ));
        }
        Ok(ConversationConfig {
            summarize_after: self.summarize_after,
            keep_messages: self.keep_messages,
            max_message_chars: self.max_message_chars,
            max_recording: Duration::from_secs(self.max_recording_seconds),
            min_recording: Duration::from_millis(self.min_recording_ms),
            character_dir: self.character_dir,
            language: self.language,
        })
    }
}
