//! `rose doctor`: what is missing, and the command that mends it. Changes nothing.

use std::fmt;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use anyhow::bail;
use jiff::civil::Date;
use serde::Serialize;

use crate::config::{
    Config, ConfigError, EmbeddingsBackend, ImageBackend, LlmBackend, ModelReference, SttBackend, TtsBackend,
    stale_vendor_models,
};
use crate::weights::{Capability, Model, ModelStore, PackageClients, WeightsError, gigabytes, nearest_existing};

/// Check that everything that the settings ask for is there.
#[derive(Debug, clap::Args)]
pub struct DoctorCommand {
    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl DoctorCommand {
    /// One line for each thing, to stdout. `missing` is what the environment lacks.
    ///
    /// # Errors
    /// Where something is missing.
    pub fn run(self, config: &Config, missing: &[ConfigError]) -> anyhow::Result<()> {
        self.run_to(config, missing, &mut std::io::stdout().lock())
    }

    /// As [`run`](Self::run), with the place given.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_to(self, config: &Config, missing: &[ConfigError], out: &mut dyn Write) -> anyhow::Result<()> {
        let findings = examine(config, missing, jiff::Zoned::now().date());
        if self.json {
            serde_json::to_writer_pretty(&mut *out, &findings)?;
            writeln!(out)?;
        } else {
            for finding in &findings {
                writeln!(out, "{finding}")?;
            }
        }
        match findings.iter().filter(|finding| finding.state == State::Missing).count() {
            0 => Ok(()),
            1 => bail!("one thing is missing"),
            count => bail!("{count} things are missing"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Ok,
    /// Worth knowing; Rose runs as it is.
    Note,
    Missing,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub struct Finding {
    pub state: State,
    pub what: String,
    pub detail: String,
    /// The command or change that mends it.
    pub mend: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Ok => "ok",
            State::Note => "note",
            State::Missing => "MISSING",
        };
        write!(to, "{state:8} {}: {}", self.what, self.detail)?;
        match &self.mend {
            Some(mend) => write!(to, "\n         mend it: {mend}"),
            None => Ok(()),
        }
    }
}

impl Finding {
    pub(super) fn ok(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { state: State::Ok, what: what.into(), detail: detail.into(), mend: None }
    }

    pub(super) fn note(what: impl Into<String>, detail: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { state: State::Note, mend: Some(mend.into()), ..Self::ok(what, detail) }
    }

    pub(super) fn missing(what: impl Into<String>, detail: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { state: State::Missing, ..Self::note(what, detail, mend) }
    }
}

/// Everything that is looked at, in the order in which it is mended. `missing` is what the environment lacks of what `config`
/// needs.
pub fn examine(config: &Config, missing: &[ConfigError], today: Date) -> Vec<Finding> {
    let ports = Port::all(config);
    let mut findings: Vec<Finding> = missing.iter().map(absent).collect();
    findings.extend(ports.iter().map(Port::examine));
    match ModelStore::open(&config.models) {
        Ok(store) => {
            findings.extend(models(&ports, &store));
            findings.extend(painter(config, &store));
            if ports.iter().any(|port| port.local && port.built && port.capability == Capability::Llm) {
                findings.push(sight(config, &store));
                findings.push(super::machine::examine(config, &store));
            }
        }
        Err(error) => {
            findings.push(Finding::missing("models", error.to_string(), "correct models.set or that manifest"));
        }
    }
    if ports.iter().any(|port| port.local && port.capability == Capability::TextToSpeech) {
        findings.push(phoneme_data());
    }
    findings.extend(super::services::examine(config, missing, today));
    findings.extend(stale_vendor_models(today).map(|one| {
        let detail = format!("last looked at on {}: its vendor may have retired it", one.looked_at);
        Finding::note(format!("default model {}", one.model), detail, format!("see {}", one.source))
    }));
    findings.extend(clients());
    findings.push(writable("data folder", &config.data.dir, "data.dir"));
    findings.push(port_free(config));
    findings
}

/// What the environment lacks.
fn absent(error: &ConfigError) -> Finding {
    let (what, mend) = match error {
        ConfigError::MissingKey { section, variable } => (
            format!("key for {section}"),
            format!("get a key from that service and set {variable}, or take it out of the backends"),
        ),
        ConfigError::MissingAddress { section, variable } => (
            format!("address for {section}"),
            format!(
                "set {variable}, such as http://127.0.0.1:6334, or [{section}] base_url, or memory.backend = \"local\""
            ),
        ),
        _ => ("settings".to_owned(), "correct them".to_owned()),
    };
    Finding::missing(what, error.to_string(), mend)
}

/// A capability as the settings ask for it.
struct Port {
    name: &'static str,
    capability: Capability,
    /// The key of the list of backends.
    key: &'static str,
    /// Whether the in-process backend is in the list.
    local: bool,
    /// Whether another stands behind it.
    others: bool,
    feature: &'static str,
    built: bool,
    model: ModelReference,
}

impl Port {
    fn all(config: &Config) -> [Self; 4] {
        [
            Self {
                name: "speech to text",
                capability: Capability::SpeechToText,
                key: "stt.backends",
                local: config.stt.backends.contains(&SttBackend::Local),
                others: config.stt.backends.iter().any(|backend| *backend != SttBackend::Local),
                feature: "stt-whisper",
                built: cfg!(feature = "stt-whisper"),
                model: config.stt.local.model.clone(),
            },
            Self {
                name: "language model",
                capability: Capability::Llm,
                key: "llm.backends",
                local: config.llm.backends.contains(&LlmBackend::Local),
                others: config.llm.backends.iter().any(|backend| *backend != LlmBackend::Local),
                feature: "llm-llama",
                built: cfg!(feature = "llm-llama"),
                model: config.llm.local.model.clone(),
            },
            Self {
                name: "text to speech",
                capability: Capability::TextToSpeech,
                key: "tts.backends",
                local: config.tts.backends.contains(&TtsBackend::Local),
                others: config.tts.backends.iter().any(|backend| *backend != TtsBackend::Local),
                feature: "tts-local",
                built: cfg!(feature = "tts-local"),
                model: config.tts.local.model.clone(),
            },
            Self {
                name: "embeddings",
                capability: Capability::Embeddings,
                key: "embeddings.backends",
                local: config.embeddings.backends.contains(&EmbeddingsBackend::Local),
                others: config.embeddings.backends.iter().any(|backend| *backend != EmbeddingsBackend::Local),
                feature: "candle",
                built: cfg!(feature = "candle"),
                model: config.embeddings.model.clone(),
            },
        ]
    }

    fn examine(&self) -> Finding {
        let Self { key, feature, .. } = self;
        match (self.local, self.built) {
            (false, _) => Finding::ok(self.name, format!("not in this process ({key})")),
            (true, true) => Finding::ok(self.name, format!("in this process (built with {feature})")),
            (true, false) => {
                let detail = format!("{key} names local, which is not in this build");
                let mend = format!("cargo build --release --features {feature}, or take local out of {key}");
                if self.others {
                    Finding::note(self.name, detail, mend)
                } else {
                    Finding::missing(self.name, detail, mend)
                }
            }
        }
    }
}

/// Whether pictures in a message are seen offline.
fn sight(config: &Config, store: &ModelStore) -> Finding {
    const WHAT: &str = "pictures in a message";
    const MEND: &str = "rose models pull smolvlm-500m-instruct, and name it in llm.local.vision.model";
    let local = &config.llm.local;
    let own = store.installed(Capability::Llm, &local.model).ok();
    if local.projector.is_some() || own.is_some_and(|model| model.file("projector").is_some()) {
        return Finding::ok(WHAT, "seen by the language model itself");
    }
    match store.installed(Capability::Vision, &local.vision.model) {
        Ok(model) => Finding::ok(WHAT, format!("seen by {}", model.name)),
        Err(error) => Finding::note(WHAT, format!("not seen offline: {error}"), MEND),
    }
}

/// The models that the local backends need, and room for those that are not there.
fn models(ports: &[Port], store: &ModelStore) -> Vec<Finding> {
    let mut needed: Vec<(Capability, ModelReference)> = Vec::new();
    for port in ports.iter().filter(|port| port.local && port.built) {
        needed.push((port.capability, port.model.clone()));
        if port.capability == Capability::TextToSpeech {
            needed.push((Capability::OnnxRuntime, ModelReference::FromSet));
            needed.push((Capability::VoiceActivity, ModelReference::FromSet));
        }
    }
    let mut findings = Vec::new();
    let mut absent = Vec::new();
    for (capability, reference) in needed {
        let what = format!("model for {capability}");
        findings.push(match store.installed(capability, &reference) {
            Ok(model) => Finding::ok(what, model.name),
            Err(error) => {
                if let Some(model) = named(&error).and_then(|name| store.model(name).ok()) {
                    absent.push(model);
                }
                let mend = match named(&error) {
                    Some(name) => format!("rose models pull {name}"),
                    None => format!("name another model for {capability} in the settings"),
                };
                Finding::missing(what, error.to_string(), mend)
            }
        });
    }
    if !absent.is_empty() {
        findings.push(writable("models folder", store.dir(), "models.dir"));
        findings.push(room(store, &absent));
    }
    findings
}

/// What paints in this process, where the settings ask for it. Without it Rose says that she can't draw: worth knowing, and
/// missing only where the settings name a model.
fn painter(config: &Config, store: &ModelStore) -> Option<Finding> {
    if !config.image.backends.contains(&ImageBackend::Local) {
        return None;
    }
    let what = "pictures in this process";
    if !cfg!(feature = "candle") {
        let mend = "cargo build --release --features candle, or name together in image.backends";
        return Some(Finding::note(what, "not in this build", mend));
    }
    let reference = &config.image.local.model;
    Some(match store.installed(Capability::Image, reference) {
        Ok(model) => Finding::ok(what, model.name),
        Err(error) => {
            let pull = match named(&error) {
                Some(name) => format!("rose models pull {name}"),
                None => "rose models pull sd-turbo, and image.local.model = \"sd-turbo\"".to_owned(),
            };
            let mend = format!("{pull}; or name a folder in diffusers layout in image.local.model");
            if *reference == ModelReference::FromSet {
                Finding::note(what, format!("Rose can't draw here: {error}"), mend)
            } else {
                Finding::missing(what, error.to_string(), mend)
            }
        }
    })
}

fn named(error: &WeightsError) -> Option<&str> {
    match error {
        WeightsError::NotInstalled { name } | WeightsError::Altered { name, .. } => Some(name),
        _ => None,
    }
}

fn room(store: &ModelStore, absent: &[&Model]) -> Finding {
    let what = "room for the models";
    match store.room(absent) {
        Ok(room) if room.suffices() => Finding::ok(what, format!("{} free", gigabytes(room.free_bytes))),
        Ok(room) => {
            let detail = format!("{} free, {} needed", gigabytes(room.free_bytes), gigabytes(room.needed_bytes));
            Finding::missing(what, detail, "make room, or set models.dir to another disk")
        }
        Err(error) => Finding::note(what, error.to_string(), "see that the disk is readable"),
    }
}

fn writable(what: &str, folder: &Path, key: &str) -> Finding {
    match tempfile::tempfile_in(nearest_existing(folder)) {
        Ok(_) => Finding::ok(what, format!("{} can be written", folder.display())),
        Err(error) => {
            let detail = format!("{} can't be written: {error}", folder.display());
            Finding::missing(what, detail, format!("give yourself the right to write there, or set {key}"))
        }
    }
}

/// Where espeak-ng's phoneme data lies: the variable, then where Debian and others put it.
fn phoneme_data() -> Finding {
    let what = "phoneme data of espeak-ng";
    let named = std::env::var_os("PIPER_ESPEAKNG_DATA_DIRECTORY").map(PathBuf::from);
    let usual = [
        format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH),
        "/usr/share".into(),
        "/usr/local/share".into(),
        "/opt/homebrew/share".into(),
    ];
    let mut folders = named.into_iter().chain(usual.into_iter().map(PathBuf::from));
    match folders.find(|folder| folder.join("espeak-ng-data").join("phontab").is_file()) {
        Some(folder) => Finding::ok(what, folder.join("espeak-ng-data").display().to_string()),
        None => Finding::missing(
            what,
            "not found",
            "apt-get install espeak-ng-data, or set PIPER_ESPEAKNG_DATA_DIRECTORY to the folder that holds espeak-ng-data",
        ),
    }
}

fn clients() -> [Finding; 2] {
    let PackageClients { pip, npm } = PackageClients::find();
    let finding = |name: &str, found: Option<&[&str]>, mend: &str| match found {
        Some(call) => Finding::ok(name, call.join(" ")),
        None => Finding::note(name, "not found; needed only to take models from packages", mend),
    };
    [finding("pip", pip, "apt-get install python3-pip"), finding("npm", npm, "apt-get install npm")]
}

fn port_free(config: &Config) -> Finding {
    let address = config.server.bind;
    match TcpListener::bind(address) {
        Ok(_) => Finding::ok("address", format!("{address} is free")),
        Err(error) => {
            let mend = "stop what listens there, or choose another with --bind";
            Finding::missing("address", format!("{address} can't be bound: {error}"), mend)
        }
    }
}
