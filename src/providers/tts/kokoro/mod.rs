//! Kokoro-82M, in this process: espeak-ng's phonemes in, a StyleTTS 2 model run by ONNX Runtime; many voices, several
//! languages.
//!
//! With [`Rendering::Reference`] the samples are those that the model's file gives for the whole text.

mod float;
mod graph;
mod language;
mod network;
mod phonemes;
mod symbols;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use self::language::Language;
use self::network::{Network, Statistics, Utterance};
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

/// A sentence up to about 10 s is spoken in one go: the time until its first sound grows with its length.
const LENGTHS: Lengths = Lengths { whole: 180, shortest: 50, longest: 360 };

const ENDLESS: Lengths = Lengths { whole: MOST_SYMBOLS, shortest: MOST_SYMBOLS / 2, longest: MOST_SYMBOLS };

/// The silence behind a sentence and behind a piece of one; the model's own may be half a second behind either.
const SENTENCE_PAUSE: Duration = Duration::from_millis(350);
const PIECE_PAUSE: Duration = Duration::from_millis(180);

/// Samples below this are silent.
const SILENCE: f32 = 0.005;

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
    /// Measured when it speaks for the first time.
    character: Option<Character>,
}

/// What is measured of a voice.
struct Character {
    gain: f32,
    /// `None` where the model can't be parted.
    statistics: Option<Statistics>,
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
        speakers.insert(name.to_owned(), Speaker { language, style, character: None });
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
    /// Runs everything once: the whole calibration, and a first chunk.
    fn warm(&mut self, voice: &str) -> Result<(), ProviderError> {
        self.meet(voice)?;
        let calibration = self.speaker(voice)?.language.calibration;
        let Some(piece) = self.pieces(voice, calibration)?.into_iter().next() else {
            return Err(failed("the voice knows no phoneme"));
        };
        match self.render(voice, &piece, 1.0, |_| Err(ProviderError::Cancelled)) {
            Err(ProviderError::Cancelled) => Ok(()),
            outcome => outcome,
        }
    }

    fn speaker(&self, name: &str) -> Result<&Speaker, ProviderError> {
        self.speakers.get(name).ok_or_else(|| failed("the voice is gone"))
    }

    /// Measures a voice that has not spoken yet.
    fn meet(&mut self, name: &str) -> Result<(), ProviderError> {
        let speaker = self.speaker(name)?;
        if speaker.character.is_some() || self.rendering == Rendering::Reference {
            return Ok(());
        }
        let sentences = phonemes::sentences(speaker.language, speaker.language.calibration).map_err(failed)?;
        let ids = self.symbols.ids(&join(sentences)).ok_or_else(|| failed("the voice knows no phoneme"))?;
        let speaker = self.speakers.get_mut(name).ok_or_else(|| failed("the voice is gone"))?;
        let utterance = Utterance { ids: &ids, style: speaker.style.row(ids.len()), speed: 1.0 };
        let (speech, statistics) = self.network.whole(&utterance)?;
        speaker.character = Some(Character { gain: loudness::gain_for(&speech), statistics });
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
            let gain = self.speaker(&job.voice)?.character.as_ref().map(|character| character.gain);
            let mut leveller = gain.map(Leveller::new);
            let mut silence = gain.map(|_| Silence::default());
            let mut send = |mut samples: Vec<f32>| {
                if job.cancel.is_cancelled() {
                    return Err(ProviderError::Cancelled);
                }
                if samples.is_empty() {
                    return Ok(());
                }
                if let Some(leveller) = &mut leveller {
                    leveller.level(&mut samples);
                }
                let timing = EngineTiming { queued, inference: started.elapsed() };
                outlet.send(SpeechChunk { clip: Clip::new(samples, RATE), timing })?;
                (queued, started, silent) = (Duration::ZERO, Instant::now(), false);
                Ok(())
            };
            self.render(&job.voice, &piece, job.speed, |samples| match &mut silence {
                Some(silence) => send(silence.hold_back(samples)),
                None => send(samples),
            })?;
            if let Some(silence) = silence {
                send(silence.pause(piece.ends_sentence, job.speed))?;
            }
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
            Rendering::Reference => phonemes::sentences(language, text).map(|sentences| vec![join(sentences)]),
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
                let ends_sentence = at == last && piece.iter().rev().take(2).any(|mark| ".!?".contains(mark.as_str()));
                Some(Piece { ids: self.symbols.ids(&piece)?, ends_sentence })
            }));
        }
        Ok(found)
    }

    /// Gives `each` the mono samples of one piece, chunk by chunk, at the voice's own level.
    fn render(
        &mut self,
        voice: &str,
        piece: &Piece,
        speed: f32,
        mut each: impl FnMut(Vec<f32>) -> Result<(), ProviderError>,
    ) -> Result<(), ProviderError> {
        let speaker = self.speakers.get(voice).ok_or_else(|| failed("the voice is gone"))?;
        let utterance = Utterance { ids: &piece.ids, style: speaker.style.row(piece.ids.len()), speed };
        match speaker.character.as_ref().and_then(|character| character.statistics.as_ref()) {
            Some(statistics) => self.network.stream(&utterance, statistics, each),
            None => each(self.network.whole(&utterance)?.0),
        }
    }
}

/// What is rendered in one go.
struct Piece {
    ids: Vec<i64>,
    ends_sentence: bool,
}

fn join(sentences: Vec<Phonemes>) -> Phonemes {
    sentences.join(&" ".to_owned())
}

/// The silence that may be the end's: held back until more is said, else cut to a pause.
#[derive(Default)]
struct Silence(Vec<f32>);

impl Silence {
    fn hold_back(&mut self, samples: Vec<f32>) -> Vec<f32> {
        self.0.extend(samples);
        let sounding = self.0.iter().rposition(|sample| sample.abs() > SILENCE).map_or(0, |last| last + 1);
        let held = self.0.split_off(sounding);
        std::mem::replace(&mut self.0, held)
    }

    fn pause(mut self, ends_sentence: bool, speed: f32) -> Vec<f32> {
        let pause = if ends_sentence { SENTENCE_PAUSE } else { PIECE_PAUSE };
        self.0.truncate((RATE.samples_in(pause) as f32 / speed) as usize);
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_silence_at_the_end_is_a_pause_and_the_others_stay() {
        let speech = |silence: usize| [vec![0.5; 100], vec![0.0; silence]].concat();
        let mut silence = Silence::default();
        assert_eq!(silence.hold_back(speech(20_000)).len(), 100);
        assert!(silence.hold_back(vec![0.0; 20_000]).is_empty());
        assert_eq!(silence.hold_back(speech(20_000)).len(), 40_100);
        assert_eq!(silence.pause(true, 1.0).len(), RATE.samples_in(SENTENCE_PAUSE));
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
