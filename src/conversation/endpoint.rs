//! Follows who speaks, window by window: where speech starts, how long the person has been silent since. What is too
//! short to be speech, a cough or a hum, is none; while Rose speaks it takes more. Knows nothing of sound or words.
//!
//! The hysteresis is Silero's: it takes more to start than to go on (silero-vad 6.2.3, `get_speech_timestamps`).

use std::time::Duration;

use crate::config::TurnDetectionConfig;
use crate::domain::audio::SampleRate;
use crate::providers::vad::{WINDOW, WINDOW_DURATION};

/// How much less likely than at its start speech may be, to go on.
const HYSTERESIS: f32 = 0.15;
/// Two bursts of sound so far apart are not one piece of speech.
const APART: Duration = Duration::from_millis(320);

/// A moment of the stream: samples at [`SampleRate::SPEECH`] since its start.
pub(super) type Position = u64;

pub(super) fn time_of(position: Position) -> Duration {
    SampleRate::SPEECH.duration_of(position as usize)
}

pub(super) struct Endpointer {
    config: TurnDetectionConfig,
    windows: u64,
    speech: Option<Speech>,
    /// The current speech is long enough to be some.
    started: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Speech {
    start: u64,
    /// Windows with voice in them.
    voiced: u32,
    /// Behind the last window with voice in it.
    end: u64,
    pausing: bool,
}

impl Endpointer {
    pub(super) fn new(config: TurnDetectionConfig) -> Self {
        Self { config, windows: 0, speech: None, started: false }
    }

    pub(super) fn configure(&mut self, config: TurnDetectionConfig) {
        self.config = config;
    }

    /// Takes how likely the next window is speech. Returns where speech started, once it is clear that it did.
    pub(super) fn push(&mut self, probability: f32, rose_speaks: bool) -> Option<Position> {
        let window = self.windows;
        self.windows += 1;
        let loud = probability >= self.config.threshold;
        match &mut self.speech {
            None if loud => self.speech = Some(Speech { start: window, voiced: 1, end: window + 1, pausing: false }),
            None => return None,
            Some(speech) => {
                let goes_on = !speech.pausing && probability >= self.config.threshold - HYSTERESIS;
                speech.pausing = !(loud || goes_on);
                if !speech.pausing {
                    speech.end = window + 1;
                    speech.voiced += 1;
                } else if !self.started && WINDOW_DURATION * (self.windows - speech.end) as u32 >= APART {
                    self.speech = None;
                    return None;
                }
            }
        }
        let speech = self.speech?;
        let least = if rose_speaks { self.config.interrupt_after } else { self.config.least_speech };
        if self.started || WINDOW_DURATION * speech.voiced < least {
            return None;
        }
        self.started = true;
        Some(speech.start * WINDOW as u64)
    }

    /// Up to where the stream was judged.
    pub(super) fn position(&self) -> Position {
        self.windows * WINDOW as u64
    }

    /// Where what may become speech began; all before it is silence.
    pub(super) fn begun(&self) -> Option<Position> {
        self.speech.map(|speech| speech.start * WINDOW as u64)
    }

    /// Where the voice was last heard, of speech that has started.
    pub(super) fn last_voice(&self) -> Option<Position> {
        self.speech.filter(|_| self.started).map(|speech| speech.end * WINDOW as u64)
    }

    /// How long the person has been silent since.
    pub(super) fn silence(&self) -> Duration {
        self.speech.map_or(Duration::ZERO, |speech| WINDOW_DURATION * (self.windows - speech.end) as u32)
    }

    /// The turn is over: what comes next is new.
    pub(super) fn end(&mut self) {
        self.speech = None;
        self.started = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> TurnDetectionConfig {
        crate::config::Config::defaults(&Default::default()).unwrap().realtime.turns
    }

    /// Windows in `milliseconds`.
    fn windows(milliseconds: u32) -> usize {
        (milliseconds / 32) as usize
    }

    fn push(endpointer: &mut Endpointer, probability: f32, milliseconds: u32, rose: bool) -> Option<Position> {
        (0..windows(milliseconds)).fold(None, |found, _| found.or(endpointer.push(probability, rose)))
    }

    #[test]
    fn speech_starts_where_the_voice_began() {
        let mut endpointer = Endpointer::new(config());
        assert_eq!(push(&mut endpointer, 0.1, 640, false), None);
        assert_eq!(push(&mut endpointer, 0.9, 640, false), Some(20 * 512));
        assert_eq!(endpointer.last_voice(), Some(40 * 512));
        push(&mut endpointer, 0.1, 320, false);
        assert_eq!(endpointer.silence(), Duration::from_millis(320));
        assert_eq!(endpointer.last_voice(), Some(40 * 512), "silence doesn't move it");
        push(&mut endpointer, 0.9, 96, false);
        assert_eq!(endpointer.silence(), Duration::ZERO);
    }

    #[test]
    fn a_cough_is_not_speech_and_leaves_nothing_behind() {
        let mut endpointer = Endpointer::new(config());
        for _ in 0..10 {
            assert_eq!(push(&mut endpointer, 0.9, 128, false), None);
            assert_eq!(push(&mut endpointer, 0.1, 640, false), None);
            assert_eq!(endpointer.begun(), None);
        }
    }

    #[test]
    fn while_rose_speaks_it_takes_more() {
        let mut endpointer = Endpointer::new(config());
        assert_eq!(push(&mut endpointer, 0.9, 256, true), None);
        push(&mut endpointer, 0.1, 640, true);
        assert_eq!(push(&mut endpointer, 0.9, 256, false), Some(28 * 512));
        endpointer.end();
        assert_eq!(push(&mut endpointer, 0.9, 352, true), Some(36 * 512));
    }

    #[test]
    fn what_lies_between_the_thresholds_goes_on_but_does_not_start() {
        let mut endpointer = Endpointer::new(config());
        assert_eq!(push(&mut endpointer, 0.4, 1000, false), None);
        push(&mut endpointer, 0.9, 192, false);
        push(&mut endpointer, 0.4, 320, false);
        assert_eq!(endpointer.silence(), Duration::ZERO);
        push(&mut endpointer, 0.1, 32, false);
        push(&mut endpointer, 0.4, 320, false);
        assert_eq!(endpointer.silence(), Duration::from_millis(352), "a pause is not ended by what is unsure");
    }
}
