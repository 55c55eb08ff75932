//! `rose transcribe`: the words of a recording.

use std::io::{Read, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::app::detector;
use crate::audio::{DurationLimits, decode, resample};
use crate::config::Config;
use crate::domain::audio::SampleRate;
use crate::providers::stt::{self, Transcription, TranscriptionRequest};
use crate::weights::ModelStore;

/// Print the words of a recording (WAV, MP3, FLAC, Ogg, WebM or MP4).
#[derive(Args)]
#[command(after_help = "Examples:\n  rose transcribe memo.webm\n  rose transcribe --json interview.mp3 | jq .segments")]
pub struct TranscribeCommand {
    /// The recording; `-` reads it from standard input
    file: PathBuf,
    /// The language spoken, ISO 639-1 [default: the settings' stt.language, else the model judges]
    #[arg(long)]
    language: Option<String>,
    /// Print text, language and segments with their times as JSON
    #[arg(long)]
    json: bool,
}

impl TranscribeCommand {
    /// # Errors
    /// Where the file is no recording, has no speech in it, or the model can't be loaded.
    pub fn run(self, config: &Config) -> anyhow::Result<()> {
        let bytes = if self.file.as_os_str() == "-" {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes).context("standard input can't be read")?;
            bytes
        } else {
            std::fs::read(&self.file).with_context(|| format!("{} can't be read", self.file.display()))?
        };
        let limits =
            DurationLimits { least: config.conversation.min_recording, most: config.conversation.max_recording };
        let clip = resample(&decode(&bytes, &limits)?, SampleRate::SPEECH);
        let models = ModelStore::open(&config.models)?;
        let backend = stt::build(&config.stt, &models, detector(config, &models)?.as_ref())?;
        let request = TranscriptionRequest {
            language: self.language.or_else(|| config.stt.language.clone()),
            ..TranscriptionRequest::new(clip, CancellationToken::new())
        };
        let transcription = super::runtime()?.block_on(backend.transcribe(request))?;
        if transcription.text.is_empty() {
            bail!("no speech was heard in {}", self.file.display());
        }
        let out = if self.json { as_json(&transcription)? } else { transcription.text };
        writeln!(std::io::stdout(), "{out}").context("standard output can't be written")
    }
}

fn as_json(transcription: &Transcription) -> anyhow::Result<String> {
    let segments: Vec<_> = transcription
        .segments
        .iter()
        .map(|segment| {
            serde_json::json!({
                "start_seconds": segment.start.as_secs_f64(),
                "end_seconds": segment.end.as_secs_f64(),
                "text": segment.text,
            })
        })
        .collect();
    let value =
        serde_json::json!({ "text": transcription.text, "language": transcription.language, "segments": segments });
    Ok(serde_json::to_string_pretty(&value)?)
}
