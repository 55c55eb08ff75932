//! Kokoro-82M, in this process: espeak-ng's phonemes in, a StyleTTS 2 model run by ONNX Runtime; many voices, several
//! languages.
//!
//! With [`Rendering::Reference`] the samples are those that the model's file gives for the whole text.

mod float;
mod language;
mod network;
mod phonemes;
mod symbols;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use self::language::Language;
use self::network::{Network, Utterance};
use self::symbols::{MOST_SYMBOLS, Style, Symbols};
use super::loudness::{self, Leveller};
use super::pieces::{self, Lengths};
use super::{
    BACKEND, Phonemes, Rendering, SpeechChunk, SpeechRequest, SpeechStream, TextToSpeech, Voice, check, failed, reading,
};
use crate::config::LocalTtsConfig;
use crate::domain::audio::{Clip, SampleRate};
use crate::domain::stage::EngineTiming;
use crate::providers::worker::{Outlet, Worker};
use crate::providers::{Description, ProviderError};
use crate::weights::InstalledModel;

/// What the roles of the voices' files begin with.
const VOICE_ROLE: &str = "voice.";

/// Rose's own, where it is there.
const DEFAULT_VOICE: &str = "af_heart";

const RATE: SampleRate = SampleRate(24_000);

/// A sentence up to about 4 s is spoken in one go; a longer one clause by clause, since nothing of a piece is heard before
/// all of it is rendered.
const LENGTHS: Lengths = Lengths { whole: 64, shortest: 24, longest: 160 };

const ENDLESS: Lengths = Lengths { whole: MOST_SYMBOLS, shortest: MOST_SYMBOLS / 2, longest: MOST_SYMBOLS };

/// The silence behind a sentence and behind a piece of one; the model's own may be half a second behind either.
const SENTENCE_PAUSE: Duration = Duration::from_millis(350);
const PIECE_PAUSE: Duration = Duration::from_millis(180);

/// Samples below this are silent.
const SILENCE: f32 = 0.005;

/// The silence before the first sound that is kept; the model gives about 350 ms.
const LEAD: Duration = Duration::from_millis(80);

/// Whether these are the files of a Kokoro.
pub(super) fn is_one(model: &InstalledModel) -> bool {
    model.files.keys().any(|role| role.starts_with(VOICE_ROLE))
}

/// The model on its own thread.
pub struct Kokoro {
    worker: Worker<Engine>,
    model: String,
    voices: Vec<Voice>,
}

struct Engine {
    network: Network,
    symbols: Symbols,
    speakers: HashMap<String, Speaker>,
    rendering: Rendering,
}

/// One of its voices.
struct Speaker {
    language: &'static Language,
    style: Style,
    /// What brings it to the level of other voices; measured when it speaks for the first time.
    gain: Option<f32>,
}

/// What a request asks of the engine.
struct Job {
    text: String,
    voice: String,
    speed: f32,
    cancel: tokio_util::sync::CancellationToken,
}

impl Kokoro {
    /// Loads the model and warms its default voice; returns once it speaks.
    ///
    /// # Errors
    /// `Failed` where a file or espeak-ng's data is missing or is not what it should be.
    pub fn load(
        files: InstalledModel,
        runtime: InstalledModel,
        settings: &LocalTtsConfig,
        rendering: Rendering,
    ) -> Result<Self, ProviderError> {
        let model = files.name.clone();
        let symbols = files.file("config").ok_or_else(|| failed("the voice has no symbols"))?;
        let symbols = Symbols::parse(&std::fs::read_to_string(symbols).map_err(failed)?).map_err(failed)?;
        let speakers = speakers(&files)?;
        let voices = voices(&speakers);
        let Some(default) = voices.first().map(|voice| voice.name.clone()) else {
            return Err(failed("it has no voice of a language whose phonemes can be had"));
        };
        let threads = settings.threads;
        let worker = Worker::start(BACKEND, settings.queue_length, move || {
            let weights = files.file("weights").ok_or_else(|| failed("the voice has no weights file"))?;
            let network = Network::load(&runtime, weights, threads, rendering == Rendering::Reference)?;
            let mut engine = Engine { network, symbols, speakers, rendering };
            engine.warm(&default)?;
            Ok(engine)
        })?;
        Ok(Self { worker, model, voices })
    }
}

/// By name; those whose phonemes can't be had are left out.
fn speakers(files: &InstalledModel) -> Result<HashMap<String, Speaker>, ProviderError> {
    let mut speakers = HashMap::new();
    for (role, path) in &files.files {
        let Some(name) = role.strip_prefix(VOICE_ROLE) else { continue };
        let Some(language) = Language::of(name) else {
            tracing::warn!(tts.voice = name, "a voice is left out: espeak-ng can't give the phonemes that it learned");
            continue;
        };
        let style = Style::read(path).map_err(failed)?;
        speakers.insert(name.to_owned(), Speaker { language, style, gain: None });
    }
    Ok(speakers)
}

/// The default one first, then by name, in which the language stands first.
fn voices(speakers: &HashMap<String, Speaker>) -> Vec<Voice> {
    let voice = |(name, speaker): (&String, &Speaker)| Voice {
        name: name.clone(),
        language: Some(speaker.language.tag.to_owned()),
    };
    let mut voices: Vec<Voice> = speakers.iter().map(voice).collect();
    voices.sort_by_key(|voice| (voice.name != DEFAULT_VOICE, voice.name.clone()));
    voices
}

#[async_trait]
impl TextToSpeech for Kokoro {
    fn describe(&self) -> Description {
        Description { backend: BACKEND, model: self.model.clone() }
    }

    fn sample_rate(&self) -> SampleRate {
        RATE
    }

    fn voices(&self) -> Vec<Voice> {
        self.voices.clone()
    }

    async fn speak(&self, request: SpeechRequest) -> Result<SpeechStream, ProviderError> {
        check(BACKEND, &request, &self.voices)?;
        let voice = request.voice.unwrap_or_else(|| self.voices[0].name.clone());
        let job = Job { text: request.text, voice, speed: request.speed, cancel: request.cancel };
        Ok(Box::pin(self.worker.stream(move |engine, outlet| engine.speak(&job, outlet))?))
    }
}

impl Engine {
    /// Measures the voice, which runs everything once.
    fn warm(&mut self, voice: &str) -> Result<(), ProviderError> {
        if self.rendering == Rendering::Live { self.meet(voice) } else { Ok(()) }
    }

    fn speaker(&self, name: &str) -> Result<&Speaker, ProviderError> {
        self.speakers.get(name).ok_or_else(|| failed("the voice is gone"))
    }

    /// Measures a voice that has not spoken yet.
    fn meet(&mut self, name: &str) -> Result<(), ProviderError> {
        let speaker = self.speaker(name)?;
        if speaker.gain.is_some() || self.rendering == Rendering::Reference {
            return Ok(());
        }
        let sentences = phonemes::sentences(speaker.language, speaker.language.calibration).map_err(failed)?;
        let first = sentences.into_iter().next().unwrap_or_default();
        let ids = self.symbols.ids(&first).ok_or_else(|| failed("the voice knows no phoneme"))?;
        let speaker = self.speakers.get_mut(name).ok_or_else(|| failed("the voice is gone"))?;
        let utterance = Utterance { ids: &ids, style: speaker.style.row(ids.len()), speed: 1.0 };
        speaker.gain = Some(loudness::gain_for(&self.network.render(&utterance)?));
        Ok(())
    }

    fn speak(&mut self, job: &Job, outlet: &Outlet<SpeechChunk>) -> Result<(), ProviderError> {
        if job.cancel.is_cancelled() {
            return Err(ProviderError::Cancelled);
        }
        let mut started = Instant::now();
        let mut queued = outlet.queued;
        let mut silent = true;
        let pieces = self.pieces(&job.voice, &job.text)?;
        self.meet(&job.voice)?;
        for piece in pieces {
            if job.cancel.is_cancelled() || outlet.is_closed() {
                return Err(ProviderError::Cancelled);
            }
            let gain = self.speaker(&job.voice)?.gain;
            let mut samples = self.render(&job.voice, &piece, job.speed)?;
            if job.cancel.is_cancelled() {
                return Err(ProviderError::Cancelled);
            }
            if let Some(gain) = gain {
                samples = with_pause(samples, piece.ends_sentence, job.speed);
                Leveller::new(gain).level(&mut samples);
            }
            if samples.is_empty() {
                continue;
            }
            let timing = EngineTiming { queued, inference: started.elapsed() };
            outlet.send(SpeechChunk { clip: Clip::new(samples, RATE), timing })?;
            (queued, started, silent) = (Duration::ZERO, Instant::now(), false);
        }
        if silent {
            let reason = "the voice can't pronounce any of it".into();
            return Err(ProviderError::InvalidInput { backend: BACKEND, reason });
        }
        Ok(())
    }

    fn pieces(&self, voice: &str, text: &str) -> Result<Vec<Piece>, ProviderError> {
        let language = self.speaker(voice)?.language;
        let sentences = match self.rendering {
            Rendering::Live => phonemes::sentences(language, &reading::prepare(text, language.espeak)),
            Rendering::Reference => phonemes::sentences(language, text).map(|sentences| vec![join(&sentences)]),
        };
        let lengths = match self.rendering {
            Rendering::Live => LENGTHS,
            Rendering::Reference => ENDLESS,
        };
        let mut found = Vec::new();
        for sentence in sentences.map_err(failed)? {
            let pieces = pieces::cut(sentence, lengths);
            let last = pieces.len() - 1;
            found.extend(pieces.into_iter().enumerate().filter_map(|(at, piece)| {
                // A mark alone, such as a closing quotation mark, is a noise.
                if !piece.iter().any(|symbol| symbol.contains(char::is_alphabetic)) {
                    return None;
                }
                let ends_sentence = at == last && piece.iter().rev().take(2).any(|mark| ".!?".contains(mark.as_str()));
                Some(Piece { ids: self.symbols.ids(&piece)?, ends_sentence })
            }));
        }
        Ok(found)
    }

    /// The mono samples of one piece, at the voice's own level.
    fn render(&mut self, voice: &str, piece: &Piece, speed: f32) -> Result<Vec<f32>, ProviderError> {
        let speaker = self.speakers.get(voice).ok_or_else(|| failed("the voice is gone"))?;
        self.network.render(&Utterance { ids: &piece.ids, style: speaker.style.row(piece.ids.len()), speed })
    }
}

/// What is rendered in one go.
struct Piece {
    ids: Vec<i64>,
    ends_sentence: bool,
}

fn join(sentences: &[Phonemes]) -> Phonemes {
    sentences.join(&" ".to_owned())
}

/// The piece between the lead and the pause that a speaker makes; as it is where nothing sounds.
fn with_pause(mut samples: Vec<f32>, ends_sentence: bool, speed: f32) -> Vec<f32> {
    let sounds = |sample: &f32| sample.abs() > SILENCE;
    let (Some(first), Some(last)) = (samples.iter().position(sounds), samples.iter().rposition(sounds)) else {
        return samples;
    };
    let pause = if ends_sentence { SENTENCE_PAUSE } else { PIECE_PAUSE };
    samples.resize(last + 1 + (RATE.samples_in(pause) as f32 / speed) as usize, 0.0);
    samples.drain(..first.saturating_sub(RATE.samples_in(LEAD)));
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_begins_soon_and_ends_in_a_pause() {
        let piece = |silence: usize| [vec![0.0; silence], vec![0.5; 100], vec![0.0; silence]].concat();
        let length = |pause| RATE.samples_in(LEAD) + 100 + RATE.samples_in(pause);
        assert_eq!(with_pause(piece(20_000), true, 1.0).len(), length(SENTENCE_PAUSE));
        assert_eq!(with_pause(piece(20_000), false, 1.0).len(), length(PIECE_PAUSE));
        assert_eq!(with_pause(piece(0), false, 1.0).len(), 100 + RATE.samples_in(PIECE_PAUSE));
        assert_eq!(with_pause(vec![0.0; 50], true, 1.0).len(), 50);
    }

    #[test]
    fn a_model_is_known_by_its_voices() {
        let model = |role: &str| InstalledModel {
            name: "a".into(),
            files: [(role.to_owned(), std::path::PathBuf::new())].into(),
        };
        assert!(is_one(&model("voice.af_heart")) && !is_one(&model("weights")));
    }
}
