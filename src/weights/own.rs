//! Files of the user's own, named in the settings: a GGUF, a ggml Whisper, a piper voice, a folder with a Kokoro, a BERT or a
//! Stable Diffusion.

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
        Capability::Image => painter(path),
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

/// A folder in diffusers layout. Of two files with the same weights, the finer is taken.
fn painter(folder: &Path) -> Result<Files, String> {
    let mut files = BTreeMap::new();
    for (role, names) in [
        ("index", &["model_index.json"][..]),
        ("scheduler.config", &["scheduler/scheduler_config.json"]),
        ("text_encoder.config", &["text_encoder/config.json"]),
        ("text_encoder.weights", &["text_encoder/model.safetensors", "text_encoder/model.fp16.safetensors"]),
        ("tokenizer.config", &["tokenizer/tokenizer_config.json"]),
        ("tokenizer.merges", &["tokenizer/merges.txt"]),
        ("tokenizer.vocab", &["tokenizer/vocab.json"]),
        ("unet.config", &["unet/config.json"]),
        (
            "unet.weights",
            &["unet/diffusion_pytorch_model.safetensors", "unet/diffusion_pytorch_model.fp16.safetensors"],
        ),
        ("vae.config", &["vae/config.json"]),
        ("vae.weights", &["vae/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.fp16.safetensors"]),
    ] {
        let paths: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
        let Some(path) = paths.iter().find(|path| path.is_file()) else {
            return Err(format!(
                "it is no model in diffusers layout, or not the whole: there is no {}",
                names.join(" or ")
            ));
        };
        files.insert(role.to_owned(), path.clone());
    }
    // Older tokenizers name here what fills up a prompt.
    let special = folder.join("tokenizer/special_tokens_map.json");
    if special.is_file() {
        files.insert("tokenizer.special".into(), special);
    }
    Ok(files)
}
