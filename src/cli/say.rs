//! `rose say`: a text spoken into a WAV file.

use std::io::{IsTerminal, Read, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::audio::{Encoding, encode};
use crate::config::Config;
use crate::conversation::speakable;
use crate::domain::audio::Clip;
use crate::providers::tts::{self, SpeechRequest};
use crate::weights::ModelStore;

/// Speak a text into a WAV file.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  rose say \"Good evening.\" -o evening.wav\n  rose say \"Bonsoir.\" --voice ff_siwis -o bonsoir.wav\n  echo \"From a pipe.\" | rose say - -o - | aplay"
)]
pub struct SayCommand {
    /// What to say; `-` reads it from standard input
    text: String,
    /// Where the WAV goes; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// A voice of the backend's; one that it doesn't have is answered with those that it has [default: its first]
    #[arg(long)]
    voice: Option<String>,
    /// 1 is the voice's own pace, 2 twice as fast [default: the settings' tts.speed]
    #[arg(long)]
    speed: Option<f32>,
}

impl SayCommand {
    /// # Errors
    /// Where there is nothing to say, the voice can't be loaded, or the file can't be written.
    pub fn run(self, config: &Config) -> anyhow::Result<()> {
        let to_stdout = self.output.as_os_str() == "-";
        if to_stdout && std::io::stdout().is_terminal() {
            bail!("standard output is a terminal; name a file with -o, or pipe it into a player");
        }
        let text = match self.text.as_str() {
            "-" => {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text).context("standard input can't be read as UTF-8 text")?;
                text
            }
            _ => self.text,
        };
        let text = speakable::every_word(&text);
        let speed = self.speed.unwrap_or(config.tts.speed);
        if !(0.25..=4.0).contains(&speed) {
            bail!("the speed is {speed}; give a number from 0.25 to 4");
        }
        let models = ModelStore::open(&config.models)?;
        let voice = tts::build(&config.tts, &models)?;
        let clip: Clip = super::runtime()?.block_on(async {
            let request = SpeechRequest { text, voice: self.voice, speed, cancel: CancellationToken::new() };
            let stream = voice.speak(request).await?;
            tts::collect(voice.sample_rate(), stream).await.map(|chunk| chunk.clip)
        })?;
        let wav = encode(&clip, Encoding::SyntheticWav);
        if to_stdout {
            std::io::stdout().write_all(&wav).context("standard output can't be written")
        } else {
            std::fs::write(&self.output, &wav).with_context(|| format!("{} can't be written", self.output.display()))
        }
    }
}
