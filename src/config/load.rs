//! From file, environment and command line to one validated [`Config`].

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{
    ConversationConfig, DataConfig, EmbeddingsConfig, LlmConfig, LogConfig, MemoryConfig, ModelsConfig, ServerConfig,
    SttConfig, TtsConfig, conversation::RawConversation, data::RawData, embeddings::RawEmbeddings, llm::RawLlm,
    log::RawLog, memory::RawMemory, models::RawModels, server::RawServer, stt::RawStt, tts::RawTts,
};

/// Everything the program was told, validated.
#[derive(Debug, Clone)]
pub struct Config {
    pub server: ServerConfig,
    pub data: DataConfig,
    pub models: ModelsConfig,
    pub stt: SttConfig,
    pub llm: LlmConfig,
    pub tts: TtsConfig,
    pub embeddings: EmbeddingsConfig,
    pub memory: MemoryConfig,
    pub conversation: ConversationConfig,
    pub log: LogConfig,
}

/// What the command line says; it outranks everything.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// A settings file; it must exist. `None` reads `rose.toml` where there is one.
    pub file: Option<PathBuf>,
    pub bind: Option<String>,
    pub data_dir: Option<PathBuf>,
    pub models_dir: Option<PathBuf>,
    pub model_set: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The text names the file or variable, the key, and what would be right.
    #[error("{0}")]
    Unreadable(String),
    #[error("`{key}` is {got}; {expected}")]
    Invalid { key: &'static str, got: String, expected: String },
}

impl ConfigError {
    pub(super) fn invalid(key: &'static str, got: impl std::fmt::Display, expected: impl Into<String>) -> Self {
        ConfigError::Invalid { key, got: got.to_string(), expected: expected.into() }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    server: RawServer,
    data: RawData,
    models: RawModels,
    stt: RawStt,
    llm: RawLlm,
    tts: RawTts,
    embeddings: RawEmbeddings,
    memory: RawMemory,
    conversation: RawConversation,
    log: RawLog,
}

impl Config {
    /// # Errors
    /// Where a file can't be read, a key is unknown, or a value is out of its range.
    pub fn load(overrides: &Overrides) -> Result<Self, ConfigError> {
        let file = match &overrides.file {
            Some(file) => config::File::from(file.as_path()).required(true),
            None => config::File::from(Path::new("rose.toml")).required(false),
        };
        let environment = config::Environment::with_prefix("ROSE")
            .prefix_separator("__")
            .separator("__")
            .list_separator(",")
            .with_list_parse_key("stt.backends")
            .with_list_parse_key("llm.backends")
            .with_list_parse_key("tts.backends")
            .with_list_parse_key("embeddings.backends")
            .with_list_parse_key("server.allowed_origins")
            .try_parsing(true);
        let raw: Raw = config::Config::builder()
            .add_source(file.format(config::FileFormat::Toml))
            .add_source(environment)
            .build()
            .and_then(config::Config::try_deserialize)
            .map_err(|error| ConfigError::Unreadable(format!("the settings can't be read: {error}")))?;
        Self::validate(raw, overrides)
    }

    /// The defaults alone: no file, no environment.
    ///
    /// # Errors
    /// Where an override is out of its range.
    pub fn defaults(overrides: &Overrides) -> Result<Self, ConfigError> {
        Self::validate(Raw::default(), overrides)
    }

    fn validate(mut raw: Raw, overrides: &Overrides) -> Result<Self, ConfigError> {
        if let Some(bind) = &overrides.bind {
            raw.server.bind.clone_from(bind);
        }
        if let Some(dir) = &overrides.data_dir {
            raw.data.dir.clone_from(dir);
        }
        if let Some(dir) = &overrides.models_dir {
            raw.models.dir.clone_from(dir);
        }
        if let Some(set) = &overrides.model_set {
            raw.models.set.clone_from(set);
        }
        Ok(Self {
            server: raw.server.validate()?,
            data: raw.data.validate()?,
            models: raw.models.validate()?,
            stt: raw.stt.validate()?,
            llm: raw.llm.validate()?,
            tts: raw.tts.validate()?,
            embeddings: raw.embeddings.validate()?,
            memory: raw.memory.validate()?,
            conversation: raw.conversation.validate()?,
            log: raw.log.validate()?,
        })
    }
}
