//! A piper voice, in this process: espeak-ng's phonemes in, a VITS model run by ONNX Runtime.
//!
//! A voice's own noise makes it sound alive; with both scales at 0 and [`Rendering::Reference`] the samples are those
//! of the official piper-tts package.

mod config;
mod graph;
mod phonemes;
mod vits;

use std::time::{Duration, Instant};

use async_trait::async_trait;

use self::config::VoiceConfig;
use self::vits::{Utterance, Vits};
use super::loudness::{self, Leveller};
use super::pieces::{self, Lengths};
use super::{
    BACKEND, Rendering, SpeechChunk, SpeechRequest, SpeechStream, TextToSpeech, Voice, check, failed, reading,
};
use crate::config::LocalTtsConfig;
use crate::domain::audio::{Clip, SampleRate};
use crate::domain::stage::EngineTiming;
use crate::providers::worker::{Outlet, Worker};
use crate::providers::{Description, ProviderError};
use crate::weights::InstalledModel;

/// A sentence up to about 6 s is spoken in one go; a voice's memory grows with the square of a piece's length.
const LENGTHS: Lengths = Lengths { whole: 110, shortest: 35, longest: 220 };

/// Only what would fill the memory is cut.
const ENDLESS: Lengths = Lengths { whole: 880, shortest: 880, longest: 880 };

/// Its level stands for the voice's: vowels, stops, sibilants, a pause.
const CALIBRATION: &str = "The kettle is on, and there is a chair by the fire for you.";

/// The voice on its own thread.
pub struct Piper {
    worker: Worker<Engine>,
    model: String,
    sample_rate: SampleRate,
    voices: Vec<Voice>,
}

struct Engine {
    vits: Vits,
    config: VoiceConfig,
    noise_scale: f32,
    noise_width: f32,
    rendering: Rendering,
    gain: f32,
}

/// What a request asks of the engine.
struct Job {
    text: String,
    /// Of a voice with several.
    speaker: Option<String>,
    speed: f32,
    cancel: tokio_util::sync::CancellationToken,
}

impl Piper {
    /// Loads and warms the voice; returns once it speaks.
    ///
    /// # Errors
    /// `Failed` where a file or espeak-ng's data is missing or is not what it should be.
    pub fn load(
        voice: InstalledModel,
        runtime: InstalledModel,
        settings: &LocalTtsConfig,
        rendering: Rendering,
    ) -> Result<Self, ProviderError> {
        let model = voice.name.clone();
        let config = voice.file("config").ok_or_else(|| failed("the voice has no config file"))?;
        let config = std::fs::read_to_string(config).map_err(failed)?;
        let config = VoiceConfig::parse(&config).map_err(failed)?;
        let sample_rate = SampleRate(config.audio.sample_rate);
        let language = config.language();
        let voice_of = |name: &str| Voice { name: name.to_owned(), language: language.clone() };
        let mut voices: Vec<Voice> = config.speakers().into_iter().map(voice_of).collect();
        if voices.is_empty() {
            voices.push(voice_of(&model));
        }
        let settings = settings.clone();
        let worker = Worker::start(BACKEND, settings.queue_length, move || {
            let weights = voice.file("weights").ok_or_else(|| failed("the voice has no weights file"))?;
            let vits = Vits::load(&runtime, weights, settings.threads)?;
            let mut engine = Engine {
                vits,
                noise_scale: settings.noise_scale.unwrap_or(config.inference.noise_scale),
                noise_width: settings.noise_width.unwrap_or(config.inference.noise_w),
                config,
                rendering,
                gain: 1.0,
            };
            engine.warm()?;
            Ok(engine)
        })?;
        Ok(Self { worker, model, sample_rate, voices })
    }
}

#[async_trait]
impl TextToSpeech for Piper {
    fn describe(&self) -> Description {
        Description { backend: BACKEND, model: self.model.clone() }
    }

    fn sample_rate(&self) -> SampleRate {
        self.sample_rate
    }

    fn voices(&self) -> Vec<Voice> {
        self.voices.clone()
    }

    async fn speak(&self, request: SpeechRequest) -> Result<SpeechStream, ProviderError> {
        check(BACKEND, &request, &self.voices)?;
        let job = Job { text: request.text, speaker: request.voice, speed: request.speed, cancel: request.cancel };
        Ok(Box::pin(self.worker.stream(move |engine, outlet| engine.speak(&job, outlet))?))
    }
}

impl Engine {
    /// Runs everything once, and measures how loud the voice is.
    fn warm(&mut self) -> Result<(), ProviderError> {
        let mut speech = Vec::new();
        for sentence in phonemes::sentences(&self.config, CALIBRATION).map_err(failed)? {
            let ids = phonemes::ids(&self.config, &sentence).ok_or_else(|| failed("the voice knows no phoneme"))?;
            self.synthesise(&ids, None, 1.0, |samples| {
                speech.extend(samples);
                Ok(())
            })?;
        }
        if self.rendering == Rendering::Live {
            self.gain = loudness::gain_for(&speech);
        }
        Ok(())
    }

    fn speak(&mut self, job: &Job, outlet: &Outlet<SpeechChunk>) -> Result<(), ProviderError> {
        if job.cancel.is_cancelled() {
            return Err(ProviderError::Cancelled);
        }
        let mut started = Instant::now();
        let mut queued = outlet.queued;
        let mut silent = true;
        for ids in self.pieces(&job.text)? {
            if job.cancel.is_cancelled() || outlet.is_closed() {
                return Err(ProviderError::Cancelled);
            }
            let mut leveller = (self.rendering == Rendering::Live).then(|| Leveller::new(self.gain));
            let rate = SampleRate(self.config.audio.sample_rate);
            self.synthesise(&ids, job.speaker.as_deref(), job.speed, |mut samples| {
                if job.cancel.is_cancelled() {
                    return Err(ProviderError::Cancelled);
                }
                if let Some(leveller) = &mut leveller {
                    leveller.level(&mut samples);
                }
                let timing = EngineTiming { queued, inference: started.elapsed() };
                outlet.send(SpeechChunk { clip: Clip::new(samples, rate), timing })?;
                (queued, started, silent) = (Duration::ZERO, Instant::now(), false);
                Ok(())
            })?;
        }
        if silent {
            let reason = "the voice can't pronounce any of it".into();
            return Err(ProviderError::InvalidInput { backend: BACKEND, reason });
        }
        Ok(())
    }

    /// The ids of each piece of the text.
    fn pieces(&self, text: &str) -> Result<Vec<Vec<i64>>, ProviderError> {
        let sentences = match self.rendering {
            Rendering::Live => phonemes::sentences(&self.config, &reading::prepare(text, &self.config.espeak.voice)),
            Rendering::Reference => phonemes::sentences(&self.config, text),
        };
        let lengths = match self.rendering {
            Rendering::Live => LENGTHS,
            Rendering::Reference => ENDLESS,
        };
        let pieces = sentences.map_err(failed)?.into_iter().flat_map(|sentence| pieces::cut(sentence, lengths));
        Ok(pieces.filter_map(|piece| phonemes::ids(&self.config, &piece)).collect())
    }

    /// Gives `each` the mono samples of one piece, chunk by chunk, at the voice's own level.
    fn synthesise(
        &mut self,
        ids: &[i64],
        speaker: Option<&str>,
        speed: f32,
        each: impl FnMut(Vec<f32>) -> Result<(), ProviderError>,
    ) -> Result<(), ProviderError> {
        let named = speaker.and_then(|name| self.config.speaker_id_map.get(name));
        let speaker = named.copied().unwrap_or(self.config.default_speaker_id);
        let utterance = Utterance {
            ids,
            scales: [self.noise_scale, self.config.inference.length_scale / speed, self.noise_width],
            speaker: (self.config.num_speakers > 1).then_some(speaker),
        };
        self.vits.render(&utterance, each)
    }
}
