//! Files of the user's own, named in the settings: a GGUF, a ggml Whisper, a piper voice, a folder with a Kokoro or a BERT.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{Capability, InstalledModel, WeightsError};

/// How a file of a kind begins.
const GGUF: &[u8] = b"GGUF";
const GGML: &[u8] = b"lmgg";

/// # Errors
/// `OwnFile` where a file is missing or is plainly of another kind.
pub(super) fn find(capability: Capability, path: &Path) -> Result<InstalledModel, WeightsError> {
    let unusable = |reason: String| WeightsError::OwnFile { path: path.to_owned(), capability, reason };
    let files = match capability {
        Capability::Llm | Capability::Vision => begins(path, GGUF, "a GGUF").map(|()| one("weights", path)),
        Capability::SpeechToText => begins(path, GGML, "a ggml Whisper").map(|()| one("weights", path)),
        Capability::TextToSpeech => voice(path),
        Capability::Embeddings => sentence_encoder(path),
        Capability::VoiceActivity => present(path).map(|()| one("weights", path)),
        Capability::OnnxRuntime => present(path).map(|()| one("library", path)),
    };
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    Ok(InstalledModel { name, files: files.map_err(unusable)? })
}

type Files = BTreeMap<String, PathBuf>;

fn one(role: &str, path: &Path) -> Files {
    BTreeMap::from([(role.to_owned(), path.to_owned())])
}

fn present(path: &Path) -> Result<(), String> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(()),
        Ok(_) => Err(format!("{} is not a file", path.display())),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

fn begins(path: &Path, magic: &[u8], kind: &str) -> Result<(), String> {
    present(path)?;
    let mut start = vec![0; magic.len()];
    match File::open(path).and_then(|mut file| file.read_exact(&mut start)) {
        Ok(()) if start == magic => Ok(()),
        Ok(()) => Err(format!("it does not begin as {kind} file does")),
        Err(error) => Err(error.to_string()),
    }
}

/// `voice.onnx` with `voice.onnx.json` beside it, or a folder with a Kokoro.
fn voice(path: &Path) -> Result<Files, String> {
    if path.is_dir() {
        return kokoro(path);
    }
    present(path)?;
    let mut config = path.as_os_str().to_owned();
    config.push(".json");
    let config = PathBuf::from(config);
    present(&config).map_err(|reason| format!("a voice needs its settings beside it: {reason}"))?;
    let mut files = one("weights", path);
    files.insert("config".into(), config);
    Ok(files)
}

/// A folder as the store lays it out: `model.onnx`, `vocab.json`, and a `.bin` for each voice.
fn kokoro(folder: &Path) -> Result<Files, String> {
    let mut files = BTreeMap::from([
        ("weights".to_owned(), folder.join("model.onnx")),
        ("config".to_owned(), folder.join("vocab.json")),
    ]);
    files.values().try_for_each(|path| present(path))?;
    let entries = std::fs::read_dir(folder).map_err(|error| error.to_string())?;
    for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
        let name = path
            .file_stem()
            .and_then(|name| name.to_str())
            .filter(|_| path.extension().is_some_and(|ending| ending == "bin"));
        if let Some(name) = name {
            files.insert(format!("voice.{name}"), path.clone());
        }
    }
    if files.len() == 2 { Err("it holds no voices, which end in .bin".into()) } else { Ok(files) }
}

/// A folder as the hub has it, or the weights in it.
fn sentence_encoder(path: &Path) -> Result<Files, String> {
    let (folder, weights) = if path.is_dir() {
        (path, path.join("model.safetensors"))
    } else {
        (path.parent().unwrap_or(Path::new("")), path.to_owned())
    };
    let files = BTreeMap::from([
        ("weights".to_owned(), weights),
        ("config".to_owned(), folder.join("config.json")),
        ("tokenizer".to_owned(), folder.join("tokenizer.json")),
    ]);
    files.values().try_for_each(|path| present(path))?;
    Ok(files)
}
