//! A voice without a voice: a soft tone for each word, as long as the word. Health calls it `fake`, and so does every
//! ear.

use std::collections::VecDeque;
use std::f32::consts::TAU;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{SpeechChunk, SpeechRequest, SpeechStream, TextToSpeech, Voice, check};
use crate::config::FakeTtsConfig;
use crate::domain::audio::{Clip, SampleRate};
use crate::domain::stage::EngineTiming;
use crate::providers::{Description, ProviderError};

const BACKEND: &str = "fake";
const VOICE: &str = "tone";

/// The pace of a calm speaker: about 15 letters in a second.
const LETTER: Duration = Duration::from_millis(55);
const WORD_PAUSE: Duration = Duration::from_millis(40);
const SENTENCE_PAUSE: Duration = Duration::from_millis(200);

const AMPLITUDE: f32 = 0.1;
/// Rises and falls over this time, so that it doesn't click.
const FADE: Duration = Duration::from_millis(8);

pub struct FakeVoice {
    config: FakeTtsConfig,
    places: Arc<Semaphore>,
}

impl FakeVoice {
    pub fn new(config: &FakeTtsConfig) -> Self {
        Self {
            config: config.clone(),
            places: Arc::new(Semaphore::new(config.concurrency.min(Semaphore::MAX_PERMITS))),
        }
    }
}

#[async_trait]
impl TextToSpeech for FakeVoice {
    fn describe(&self) -> Description {
        Description { backend: BACKEND, model: "fake".into() }
    }

    fn sample_rate(&self) -> SampleRate {
        self.config.sample_rate
    }

    fn voices(&self) -> Vec<Voice> {
        vec![Voice::named(VOICE)]
    }

    async fn speak(&self, request: SpeechRequest) -> Result<SpeechStream, ProviderError> {
        check(BACKEND, &request, &self.voices())?;
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| ProviderError::Busy { backend: BACKEND, retry_after: Duration::from_secs(1) })?;
        let words = request.text.split_whitespace().map(str::to_owned).collect();
        let speech = Speech { words, request, config: self.config.clone(), _place: place };
        Ok(Box::pin(stream::unfold(Some(speech), |speech| async move { speech?.next().await })))
    }
}

/// What is still to be said.
struct Speech {
    words: VecDeque<String>,
    request: SpeechRequest,
    config: FakeTtsConfig,
    _place: OwnedSemaphorePermit,
}

impl Speech {
    /// One chunk for each word.
    async fn next(mut self) -> Option<(Result<SpeechChunk, ProviderError>, Option<Self>)> {
        let started = Instant::now();
        if self.words.is_empty() {
            return None;
        }
        if !self.config.chunk_delay.is_zero() {
            let wait = tokio::time::sleep(self.config.chunk_delay);
            // Whether it was cancelled is asked below.
            let _ = self.request.cancel.run_until_cancelled(wait).await;
        }
        if self.request.cancel.is_cancelled() {
            return Some((Err(ProviderError::Cancelled), None));
        }
        let word = self.words.pop_front()?;
        let clip = Clip::new(tone(&word, self.request.speed, self.config.sample_rate), self.config.sample_rate);
        let timing = EngineTiming { queued: Duration::ZERO, inference: started.elapsed() };
        Some((Ok(SpeechChunk { clip, timing }), Some(self)))
    }
}

/// A tone whose pitch follows the word's letters and whose length follows their number, with the pause behind it.
fn tone(word: &str, speed: f32, rate: SampleRate) -> Vec<f32> {
    let letters = word.chars().filter(|c| c.is_alphanumeric());
    let (count, sum) = letters.fold((0_u32, 0_u32), |(count, sum), c| (count + 1, sum.wrapping_add(u32::from(c))));
    let pause = if word.ends_with(['.', '!', '?']) { SENTENCE_PAUSE } else { WORD_PAUSE };
    let samples = |duration: Duration| rate.samples_in(duration.div_f32(speed));
    let sounding = samples(LETTER * count);
    let fade = samples(FADE).max(1) as f32;
    // An octave from 200 Hz in 24 steps.
    let step = TAU * 200.0 * 2_f32.powf((sum % 24) as f32 / 24.0) / rate.0 as f32;
    let mut sound: Vec<f32> = (0..sounding)
        .map(|t| {
            let edge = (t.min(sounding - 1 - t) as f32 / fade).min(1.0);
            AMPLITUDE * edge * (step * t as f32).sin()
        })
        .collect();
    sound.resize(sounding + samples(pause), 0.0);
    sound
}
