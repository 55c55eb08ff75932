//! The sound of the message that is being said, at the rate that engines take, and where in its stream it stands.

use std::time::Duration;

use super::endpoint::{Position, time_of};
use crate::audio::Resampler;
use crate::domain::audio::{Clip, SampleRate};

#[derive(Default)]
pub(super) struct Recent {
    samples: Vec<f32>,
    /// Where the first of them stands in the stream.
    start: Position,
    resampler: Option<(SampleRate, Resampler)>,
}

impl Recent {
    /// Returns what was added, at [`SampleRate::SPEECH`]. It lags some milliseconds behind where the rate is another.
    pub(super) fn push(&mut self, clip: &Clip) -> Vec<f32> {
        if self.resampler.as_ref().is_some_and(|(rate, _)| *rate != clip.rate) {
            self.resampler = None;
        }
        let new = || (clip.rate, Resampler::new(clip.rate, SampleRate::SPEECH));
        let (_, resampler) = self.resampler.get_or_insert_with(new);
        let mut added = Vec::new();
        resampler.push(&clip.samples, &mut added);
        self.samples.extend_from_slice(&added);
        added
    }

    /// Adds what lagged behind, and returns it: no sound follows.
    pub(super) fn finish(&mut self) -> Vec<f32> {
        let mut added = Vec::new();
        if let Some((_, resampler)) = self.resampler.take() {
            resampler.finish(&mut added);
        }
        self.samples.extend_from_slice(&added);
        added
    }

    pub(super) fn start(&self) -> Position {
        self.start
    }

    pub(super) fn end(&self) -> Position {
        self.start + self.samples.len() as u64
    }

    pub(super) fn duration(&self) -> Duration {
        time_of(self.samples.len() as u64)
    }

    /// From `from` to `until`, as far as it is there.
    pub(super) fn clip_between(&self, from: Position, until: Position) -> Clip {
        let [from, until] = [from, until].map(|at| at.clamp(self.start, self.end()) - self.start);
        Clip::new(self.samples[from.min(until) as usize..until as usize].to_vec(), SampleRate::SPEECH)
    }

    /// Lets go what lies more than `padding` before `position`.
    pub(super) fn forget_before(&mut self, position: Position, padding: Duration) {
        let from = position.saturating_sub(SampleRate::SPEECH.samples_in(padding) as u64);
        let from = from.clamp(self.start, self.end());
        self.samples.drain(..(from - self.start) as usize);
        self.start = from;
    }

    pub(super) fn forget_all(&mut self) {
        self.start = self.end();
        self.samples.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_lies_before_is_let_go_and_places_stay() {
        let mut recent = Recent::default();
        let ramp: Vec<f32> = (0..64_000).map(|t| t as f32).collect();
        recent.push(&Clip::new(ramp, SampleRate::SPEECH));
        recent.forget_before(32_000, SECOND / 2);
        assert_eq!((recent.start(), recent.duration()), (24_000, SECOND * 5 / 2));
        let clip = recent.clip_between(10, 44_000);
        assert_eq!((clip.samples[0], clip.samples.len()), (24_000.0, 20_000));
        assert_eq!(recent.clip_between(24_000, 80_000).samples.len(), 40_000, "no more than there is");
        recent.forget_before(10, SECOND);
        assert_eq!(recent.start(), 24_000, "what is gone is gone");
        recent.forget_all();
        assert_eq!((recent.start(), recent.duration()), (64_000, Duration::ZERO));
    }

    #[test]
    fn other_rates_are_brought_to_ours() {
        let mut recent = Recent::default();
        let mut added = 0;
        for _ in 0..50 {
            added += recent.push(&Clip::new(vec![0.1; 480], SampleRate::REALTIME)).len();
        }
        added += recent.finish().len();
        assert_eq!((added, recent.duration()), (16_000, SECOND));
    }
}
