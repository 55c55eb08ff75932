//! From file, environment and command line to one validated [`Config`].

use std::path::{Path, PathBuf};

use serde::de::IntoDeserializer;
use serde::de::value::{Error as ValueError, StrDeserializer};
use serde::{Deserialize, Serialize};

use super::{
    CareConfig, ConversationConfig, DataConfig, EmbeddingsBackend, EmbeddingsConfig, ImageBackend, ImageConfig,
    JudgementConfig, LlmBackend, LlmConfig, LogConfig, MemoryConfig, ModelsConfig, PricesConfig, Profile,
    RealtimeConfig, ServerConfig, SttBackend, SttConfig, TtsBackend, TtsConfig, VadConfig, care::RawCare,
    conversation::RawConversation, data::RawData, embeddings::RawEmbeddings, image::RawImage, judgement::RawJudgement,
    llm::RawLlm, log::RawLog, memory::RawMemory, models::RawModels, prices::RawPrices, realtime::RawRealtime,
    server::RawServer, stt::RawStt, tts::RawTts, vad::RawVad,
};

/// Read where it is there and no other is named.
const FILE: &str = "rose.toml";

/// Everything the program was told, validated.
#[derive(Debug, Clone)]
pub struct Config {
    pub server: ServerConfig,
    pub data: DataConfig,
    pub models: ModelsConfig,
    pub vad: VadConfig,
    pub stt: SttConfig,
    pub llm: LlmConfig,
    pub tts: TtsConfig,
    pub embeddings: EmbeddingsConfig,
    pub image: ImageConfig,
    pub memory: MemoryConfig,
    pub judgement: JudgementConfig,
    pub care: CareConfig,
    pub conversation: ConversationConfig,
    pub realtime: RealtimeConfig,
    pub prices: PricesConfig,
    pub log: LogConfig,
}

/// What the command line says; it outranks everything.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Overrides {
    /// A settings file; it must exist. `None` reads `rose.toml` where there is one.
    pub file: Option<PathBuf>,
    pub bind: Option<String>,
    pub data_dir: Option<PathBuf>,
    pub models_dir: Option<PathBuf>,
    pub model_set: Option<String>,
    pub character_dir: Option<PathBuf>,
    /// Outranked by the file and the environment.
    pub profile: Option<Profile>,
    /// Any other key and its value, as in `("stt.local.threads", "1")`; these outrank the rest.
    pub settings: Vec<(String, String)>,
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The text names the file or variable, the key, and what would be right.
    #[error("{0}")]
    Unreadable(String),
    #[error("{variable} is not set: `{section}` needs the key of that service in the environment")]
    MissingKey { section: &'static str, variable: &'static str },
    #[error("{variable} is not set: `{section}` needs the address of that service, there or as its base_url")]
    MissingAddress { section: &'static str, variable: &'static str },
    /// All that the environment lacks, one a line.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Missing(Vec<ConfigError>),
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
    vad: RawVad,
    stt: RawStt,
    llm: RawLlm,
    tts: RawTts,
    embeddings: RawEmbeddings,
    image: RawImage,
    memory: RawMemory,
    judgement: RawJudgement,
    care: RawCare,
    conversation: RawConversation,
    realtime: RawRealtime,
    prices: RawPrices,
    log: RawLog,
}

impl Config {
    /// # Errors
    /// Where a file can't be read, a key is unknown, a value is out of its range, or the environment lacks something: all that
    /// it lacks is named.
    pub fn load(overrides: &Overrides) -> Result<Self, ConfigError> {
        Self::complete(Self::load_incomplete(overrides)?)
    }

    /// For who wants to say all that is wrong: also what the environment lacks, beside the settings without it.
    ///
    /// # Errors
    /// As [`load`](Self::load), but for what the environment lacks.
    pub fn load_incomplete(overrides: &Overrides) -> Result<(Self, Vec<ConfigError>), ConfigError> {
        let file = match &overrides.file {
            Some(file) => Some(read(file)?),
            None if Path::new(FILE).exists() => Some(read(Path::new(FILE))?),
            None => None,
        };
        let environment = config::Environment::with_prefix("ROSE")
            .prefix_separator("__")
            .separator("__")
            .list_separator(",")
            .with_list_parse_key("vad.backends")
            .with_list_parse_key("stt.backends")
            .with_list_parse_key("llm.backends")
            .with_list_parse_key("tts.backends")
            .with_list_parse_key("embeddings.backends")
            .with_list_parse_key("image.backends")
            .with_list_parse_key("tts.elevenlabs.voices")
            .with_list_parse_key("tts.openai.voices")
            .with_list_parse_key("server.allowed_origins")
            .with_list_parse_key("server.trusted_proxies")
            .try_parsing(true);
        let mut builder = config::Config::builder();
        if let Some(profile) = overrides.profile {
            let unreadable = |error| ConfigError::Unreadable(format!("the profile can't be applied: {error}"));
            for (key, backends) in profile.backends() {
                builder = builder.set_default(key, backends.to_vec()).map_err(unreadable)?;
            }
            builder = builder.set_default("memory.backend", profile.memory()).map_err(unreadable)?;
            if let Some(seed) = profile.seed() {
                builder = builder.set_default("llm.seed", seed).map_err(unreadable)?;
            }
        }
        if let Some(text) = &file {
            builder = builder.add_source(config::File::from_str(text, config::FileFormat::Toml));
        }
        builder = builder.add_source(environment);
        for (key, value) in &overrides.settings {
            let value = match key.ends_with(".backends") {
                true => config::Value::from(vec![value.clone()]),
                false => config::Value::from(value.clone()),
            };
            builder = builder
                .set_override(key, value)
                .map_err(|error| ConfigError::Unreadable(format!("the setting {key} can't be read: {error}")))?;
        }
        let raw: Raw = builder
            .build()
            .and_then(config::Config::try_deserialize)
            .map_err(|error| ConfigError::Unreadable(format!("the settings can't be read: {error}")))?;
        Self::validate(raw, overrides)
    }

    fn complete((config, missing): (Self, Vec<ConfigError>)) -> Result<Self, ConfigError> {
        if missing.is_empty() { Ok(config) } else { Err(ConfigError::Missing(missing)) }
    }

    /// The defaults alone: no file, no environment.
    ///
    /// # Errors
    /// Where an override is out of its range.
    pub fn defaults(overrides: &Overrides) -> Result<Self, ConfigError> {
        Self::complete(Self::validate(Raw::default(), overrides)?)
    }

    fn validate(mut raw: Raw, overrides: &Overrides) -> Result<(Self, Vec<ConfigError>), ConfigError> {
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
        if let Some(dir) = &overrides.character_dir {
            raw.conversation.set_character_dir(dir);
        }
        let mut missing = Vec::new();
        let config = Self {
            server: raw.server.validate()?,
            data: raw.data.validate()?,
            models: raw.models.validate()?,
            vad: raw.vad.validate()?,
            stt: raw.stt.validate(&mut missing)?,
            llm: raw.llm.validate(&mut missing)?,
            tts: raw.tts.validate(&mut missing)?,
            embeddings: raw.embeddings.validate(&mut missing)?,
            image: raw.image.validate(&mut missing)?,
            memory: raw.memory.validate(&mut missing)?,
            judgement: raw.judgement.validate()?,
            care: raw.care.validate()?,
            conversation: raw.conversation.validate()?,
            realtime: raw.realtime.validate()?,
            prices: raw.prices.validate()?,
            log: raw.log.validate()?,
        };
        Ok((config, missing))
    }
}

/// A settings file's text, without the mark that some editors put before it.
///
/// # Errors
/// `Unreadable`, with the encoding where it is not UTF-8.
fn read(file: &Path) -> Result<String, ConfigError> {
    let unreadable = |reason: &str| ConfigError::Unreadable(format!("the settings file {} {reason}", file.display()));
    let bytes = std::fs::read(file).map_err(|error| unreadable(&format!("can't be read: {error}")))?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    // Of UTF-16 without a mark every other byte is 0, as long as it is written in Latin letters.
    let zeros = bytes.iter().take(64).filter(|byte| **byte == 0).count();
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") || zeros > 8 {
        return Err(unreadable("is written in UTF-16; save it as UTF-8"));
    }
    String::from_utf8(bytes.to_vec()).map_err(|error| {
        let line = bytes[..error.utf8_error().valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        unreadable(&format!(
            "is not written in UTF-8 (line {line}), but in an older encoding such as Latin-1; save it as UTF-8"
        ))
    })
}

/// The settings that put the backend of this name behind every port that has one; none where no port has.
pub fn everywhere(backend: &str) -> Vec<(String, String)> {
    fn has<'a, B: Deserialize<'a>>(backend: &'a str) -> bool {
        let name: StrDeserializer<'a, ValueError> = backend.into_deserializer();
        B::deserialize(name).is_ok()
    }
    let ports = [
        ("stt.backends", has::<SttBackend>(backend)),
        ("llm.backends", has::<LlmBackend>(backend)),
        ("tts.backends", has::<TtsBackend>(backend)),
        ("embeddings.backends", has::<EmbeddingsBackend>(backend)),
        ("image.backends", has::<ImageBackend>(backend)),
    ];
    ports.into_iter().filter(|(_, has)| *has).map(|(key, _)| (key.to_owned(), backend.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../rose.example.toml");

    fn parse(text: &str) -> Result<Config, ConfigError> {
        let raw: Raw = toml::from_str(text).map_err(|error| ConfigError::Unreadable(error.to_string()))?;
        Config::complete(Config::validate(raw, &Overrides::default())?)
    }

    #[test]
    fn the_example_holds_the_defaults() {
        let example = parse(EXAMPLE).expect("the example is valid");
        let defaults = Config::defaults(&Overrides::default()).expect("the defaults are valid");
        assert_eq!(format!("{example:?}"), format!("{defaults:?}"));
    }

    #[test]
    fn what_the_example_leaves_out_is_known_too() {
        let complete: String = EXAMPLE
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                // A commented-out setting, as against a sentence.
                Some(rest) if rest.split_once(" = ").is_some_and(|(key, _)| !key.contains(' ')) => format!("{rest}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        let config = parse(&complete).expect("every commented-out setting is valid");
        assert_eq!(config.stt.language.as_deref(), Some("en"));
        assert_eq!(config.llm.seed, Some(7));
    }

    #[test]
    fn a_wrong_value_is_named_with_what_would_be_right() {
        let error = parse("[llm]\ntemperature = 9.0").expect_err("9 is out of range");
        assert_eq!(error.to_string(), "`llm.temperature` is 9; give a number from 0 to 2");
        let error = parse("[server]\nbind = \"here\"").expect_err("not an address");
        assert!(error.to_string().contains("127.0.0.1:8080"), "{error}");
    }

    #[test]
    fn an_encoding_is_named_and_a_mark_passed_over() {
        let load = |bytes: &[u8]| {
            let folder = tempfile::tempdir().expect("a folder");
            let file = folder.path().join("rose.toml");
            std::fs::write(&file, bytes).expect("a file");
            Config::load(&Overrides { file: Some(file), ..Overrides::default() })
        };
        let text = "[llm]\nseed = 7\n[log]\n# caf\u{e9}\n";
        let marked = [b"\xef\xbb\xbf", text.as_bytes()].concat();
        assert_eq!(load(&marked).expect("UTF-8 with its mark").llm.seed, Some(7));
        let latin: Vec<u8> = text.chars().map(|letter| letter as u8).collect();
        let error = load(&latin).expect_err("Latin-1").to_string();
        assert!(error.contains("line 4") && error.contains("Latin-1") && error.contains("rose.toml"), "{error}");
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for wide in [&little, &big, &[b"\xff\xfe", &little[..]].concat(), &[b"\xfe\xff", &big[..]].concat()] {
            let error = load(wide).expect_err("UTF-16").to_string();
            assert!(error.contains("UTF-16"), "{error}");
        }
        let absent = Config::load(&Overrides { file: Some("no-such-file.toml".into()), ..Overrides::default() });
        assert!(absent.expect_err("no such file").to_string().contains("no-such-file.toml"));
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let error = parse("[server]\nbindd = \"127.0.0.1:1\"").expect_err("no such key");
        assert!(error.to_string().contains("bindd"), "{error}");
    }

    #[test]
    fn a_profile_names_backends_and_the_settings_outrank_it() {
        let load = |profile: Option<Profile>, settings: &[(&str, &str)]| {
            let folder = tempfile::tempdir().expect("a folder");
            let file = folder.path().join("rose.toml");
            std::fs::write(&file, "[llm]\nbackends = [\"fake\"]\n").expect("a file");
            let settings = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            Config::load(&Overrides { file: Some(file), profile, settings, ..Overrides::default() })
        };
        let benchmark = load(Some(Profile::Benchmark), &[]).expect("no key is needed");
        assert_eq!((benchmark.llm.seed, benchmark.llm.backends), (Some(1), vec![LlmBackend::Fake]));
        assert_eq!(load(None, &[]).expect("no key is needed").llm.seed, None);
        let missing = load(Some(Profile::Production), &[]).expect_err("services need keys").to_string();
        for variable in ["GROQ_API_KEY", "ELEVENLABS_API_KEY", "TOGETHER_API_KEY", "QDRANT_URL"] {
            assert!(missing.lines().any(|line| line.starts_with(&format!("{variable} is not set"))), "{missing}");
        }
        assert!("cloud".parse::<Profile>().expect_err("no such profile").to_string().contains("production"));
    }
}
