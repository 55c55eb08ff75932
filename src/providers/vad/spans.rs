//! From the probability of each window to spans of speech, with hysteresis: it takes more to start one than to go on.
//!
//! The rules and defaults are those of silero-vad 6.2.3, `get_speech_timestamps_from_probs`.

use std::ops::Range;
use std::time::Duration;

use super::{VoiceActivityDetector, WINDOW, WINDOW_DURATION};
use crate::domain::audio::{Clip, SampleRate};
use crate::providers::ProviderError;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpeechThresholds {
    /// Speech starts in the first window that is at least so likely speech.
    pub start: f32,
    /// Speech has a pause while windows are less likely speech than this.
    pub stop: f32,
    /// A pause that lasts so long ends it.
    pub least_silence: Duration,
    /// A span that is not longer is no speech. Only [`speech_spans`] can know.
    pub least_speech: Duration,
    /// Added to both sides of a span.
    pub padding: Duration,
}

impl Default for SpeechThresholds {
    fn default() -> Self {
        Self {
            start: 0.5,
            stop: 0.35,
            least_silence: Duration::from_millis(100),
            least_speech: Duration::from_millis(250),
            padding: Duration::from_millis(30),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpeechChange {
    /// Where speech began.
    Started { at: Duration },
    /// Where the pause began that has now lasted long enough.
    Stopped { at: Duration },
}

/// Follows a stream, window by window.
#[derive(Debug, Clone)]
pub struct SpeechTracker {
    thresholds: SpeechThresholds,
    windows: u32,
    speaking: bool,
    /// The window in which the pause began.
    pause: Option<u32>,
}

impl SpeechTracker {
    pub fn new(thresholds: SpeechThresholds) -> Self {
        Self { thresholds, windows: 0, speaking: false, pause: None }
    }

    pub fn is_speaking(&self) -> bool {
        self.speaking
    }

    /// Takes the probability of the next window. Times count from the start of the stream.
    pub fn push(&mut self, probability: f32) -> Option<SpeechChange> {
        let window = self.windows;
        self.windows += 1;
        if probability >= self.thresholds.start {
            self.pause = None;
            if !self.speaking {
                self.speaking = true;
                return Some(SpeechChange::Started { at: WINDOW_DURATION * window });
            }
        }
        if self.speaking && probability < self.thresholds.stop {
            let pause = *self.pause.get_or_insert(window);
            if WINDOW_DURATION * (window - pause) >= self.thresholds.least_silence {
                self.speaking = false;
                self.pause = None;
                return Some(SpeechChange::Stopped { at: WINDOW_DURATION * pause });
            }
        }
        None
    }
}

/// Where in `clip` somebody speaks: in order, apart from each other, inside the clip.
///
/// # Errors
/// `InvalidInput` where the clip is not at [`SampleRate::SPEECH`], else as [`ProviderError`].
pub async fn speech_spans(
    detector: &dyn VoiceActivityDetector,
    clip: &Clip,
    thresholds: SpeechThresholds,
) -> Result<Vec<Range<Duration>>, ProviderError> {
    if clip.rate != SampleRate::SPEECH {
        let reason = format!("the clip is at {} Hz; {} Hz is needed", clip.rate.0, SampleRate::SPEECH.0);
        return Err(ProviderError::InvalidInput { backend: detector.describe().backend, reason });
    }
    let mut stream = detector.listen();
    let mut probabilities = stream.push(&clip.samples).await?;
    // The last window is made whole with silence.
    let missing = clip.samples.len().next_multiple_of(WINDOW) - clip.samples.len();
    probabilities.extend(stream.push(&vec![0.0; missing]).await?);
    Ok(spans(&probabilities, clip.duration(), thresholds))
}

fn spans(probabilities: &[f32], length: Duration, thresholds: SpeechThresholds) -> Vec<Range<Duration>> {
    let mut tracker = SpeechTracker::new(thresholds);
    let mut found: Vec<Range<Duration>> = Vec::new();
    for probability in probabilities {
        match tracker.push(*probability) {
            Some(SpeechChange::Started { at }) => found.push(at..length),
            Some(SpeechChange::Stopped { at }) => {
                if let Some(last) = found.last_mut() {
                    last.end = at;
                }
            }
            None => {}
        }
    }
    found.retain(|span| span.end.saturating_sub(span.start) > thresholds.least_speech);
    pad(&mut found, length, thresholds.padding);
    found
}

/// Widens every span; two whose padding would overlap meet in the middle.
fn pad(spans: &mut [Range<Duration>], length: Duration, padding: Duration) {
    if let Some(first) = spans.first_mut() {
        first.start = first.start.saturating_sub(padding);
    }
    for at in 1..spans.len() {
        let gap = spans[at].start - spans[at - 1].end;
        let each = padding.min(gap / 2);
        spans[at - 1].end += each;
        spans[at].start -= each;
    }
    if let Some(last) = spans.last_mut() {
        last.end = (last.end + padding).min(length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: SpeechThresholds = SpeechThresholds {
        start: 0.5,
        stop: 0.35,
        least_silence: Duration::from_millis(100),
        least_speech: Duration::from_millis(100),
        padding: Duration::ZERO,
    };

    fn windows(range: Range<u32>) -> Range<Duration> {
        WINDOW_DURATION * range.start..WINDOW_DURATION * range.end
    }

    fn found(probabilities: &[f32], thresholds: SpeechThresholds) -> Vec<Range<Duration>> {
        spans(probabilities, WINDOW_DURATION * u32::try_from(probabilities.len()).expect("a few"), thresholds)
    }

    #[test]
    fn what_lies_between_the_thresholds_goes_on_but_does_not_start() {
        let unsure = [0.4; 10];
        assert_eq!(found(&unsure, BARE), []);
        let spoken = [&[0.1, 0.9][..], &unsure, &[0.1; 6]].concat();
        assert_eq!(found(&spoken, BARE), [windows(1..12)]);
    }

    #[test]
    fn a_short_pause_joins_and_a_long_one_parts() {
        let speech = [0.9; 5];
        assert_eq!(found(&[&speech[..], &[0.1; 4], &speech].concat(), BARE), [windows(0..14)]);
        assert_eq!(found(&[&speech[..], &[0.1; 5], &speech].concat(), BARE), [windows(0..5), windows(10..15)]);
    }

    #[test]
    fn a_click_is_no_speech() {
        assert_eq!(found(&[0.1, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1], BARE), []);
    }

    #[test]
    fn padding_stays_in_the_clip_and_never_overlaps() {
        let speech = [0.9; 5];
        let probabilities = [&[0.1][..], &speech, &[0.1; 6], &speech].concat();
        let wide = SpeechThresholds { padding: WINDOW_DURATION * 10, ..BARE };
        assert_eq!(found(&probabilities, wide), [windows(0..9), windows(9..17)]);
    }
}
