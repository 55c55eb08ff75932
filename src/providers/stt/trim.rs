//! A clip without its long silences, and the way back to the clip's own times.

use std::ops::Range;
use std::time::Duration;

use crate::domain::audio::Clip;
use crate::providers::vad::SpeechThresholds;

/// What is cut out before a clip is transcribed: pauses of a second and more, down to half a second, and all before the
/// first and after the last word but a quarter. A "no" is speech, though it lasts a fifth of a second.
pub(super) const THRESHOLDS: SpeechThresholds = SpeechThresholds {
    start: 0.5,
    stop: 0.35,
    least_silence: Duration::from_secs(1),
    least_speech: Duration::from_millis(90),
    padding: Duration::from_millis(250),
};

/// Whisper's timestamps miss a pause by up to so much.
const SLACK: Duration = Duration::from_millis(500);

pub(super) struct Trimmed {
    pub(super) clip: Clip,
    /// Never empty.
    pieces: Vec<Piece>,
}

/// A stretch that was kept.
struct Piece {
    /// Where it starts in the trimmed clip.
    here: Duration,
    /// Where it starts in the whole one.
    there: Duration,
}

impl Trimmed {
    pub(super) fn whole(clip: &Clip) -> Self {
        Self { clip: clip.clone(), pieces: vec![Piece { here: Duration::ZERO, there: Duration::ZERO }] }
    }

    /// `spans` lie in the clip, in order. `None` where there are none.
    pub(super) fn to_spans(clip: &Clip, spans: &[Range<Duration>]) -> Option<Self> {
        let mut samples = Vec::with_capacity(clip.samples.len());
        let mut pieces = Vec::with_capacity(spans.len());
        for span in spans {
            let end = clip.rate.samples_in(span.end).min(clip.samples.len());
            let start = clip.rate.samples_in(span.start).min(end);
            pieces.push(Piece { here: clip.rate.duration_of(samples.len()), there: clip.rate.duration_of(start) });
            samples.extend_from_slice(&clip.samples[start..end]);
        }
        (!pieces.is_empty()).then(|| Self { clip: Clip::new(samples, clip.rate), pieces })
    }

    /// Where in the whole clip the words of `span` of the trimmed one are. A span that reaches a little across a cut
    /// does not begin before the pause, nor end after it.
    pub(super) fn span_in_whole(&self, span: Range<Duration>) -> Range<Duration> {
        let end = span.end.min(self.clip.duration());
        let start = span.start.min(end);
        let cuts = || self.pieces.iter().skip(1).map(|piece| piece.here).filter(|cut| (start..end).contains(cut));
        // What is closer to a cut than the padding is pause.
        let first = cuts().next().filter(|cut| *cut - start <= SLACK).unwrap_or(start);
        let last = cuts().next_back().filter(|cut| end - *cut <= SLACK && *cut > first).unwrap_or(end);
        let start = self.time_in_whole(first, self.pieces.iter().rposition(|piece| piece.here <= first));
        let end = self.time_in_whole(last, self.pieces.iter().rposition(|piece| piece.here < last));
        start..end.max(start)
    }

    /// The moment `at` of the trimmed clip, which lies in that piece.
    fn time_in_whole(&self, at: Duration, piece: Option<usize>) -> Duration {
        let piece = &self.pieces[piece.unwrap_or(0)];
        piece.there + (at - piece.here)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audio::SampleRate;

    fn seconds(start: u64, end: u64) -> Range<Duration> {
        Duration::from_secs(start)..Duration::from_secs(end)
    }

    #[test]
    fn times_are_found_back_across_what_was_cut() {
        let clip = Clip::new((0..100).map(|t| t as f32).collect(), SampleRate(10));
        let trimmed = Trimmed::to_spans(&clip, &[seconds(1, 3), seconds(7, 8)]).expect("speech");
        assert_eq!(trimmed.clip.samples.len(), 30);
        assert_eq!((trimmed.clip.samples[0], trimmed.clip.samples[20]), (10.0, 70.0));
        let there = |start, end| {
            let span = trimmed.span_in_whole(Duration::from_millis(start)..Duration::from_millis(end));
            (span.start.as_millis(), span.end.as_millis())
        };
        assert_eq!(there(0, 1_900), (1_000, 2_900));
        assert_eq!(there(0, 2_000), (1_000, 3_000), "up to the cut");
        assert_eq!(there(2_000, 2_500), (7_000, 7_500), "from the cut");
        assert_eq!(there(1_800, 2_900), (7_000, 7_900), "begins a little before the cut");
        assert_eq!(there(500, 2_300), (1_500, 3_000), "ends a little after it");
        assert_eq!(there(500, 9_000), (1_500, 8_000), "across it, and past the end");
    }

    #[test]
    fn no_speech_leaves_nothing() {
        assert!(Trimmed::to_spans(&Clip::new(vec![0.0; 10], SampleRate(10)), &[]).is_none());
    }
}
