//! A long clip in windows, parted where it is quiet: each is heard by itself, so that no word is cut in two and none is lost
//! between two windows.

use std::ops::Range;
use std::time::Duration;

use crate::domain::audio::Clip;

/// What the model hears at once.
pub(super) const WINDOW: Duration = Duration::from_secs(30);

/// A window that is followed by another has at least this: the more context, the better the words.
const LEAST: Duration = Duration::from_secs(15);

/// A clip without its long silences has words in every stretch of this length.
const LEFT_OUT: Duration = Duration::from_millis(1_500);

/// A pause is looked for in steps of this; between two sentences there are mostly several of them.
const STEP: Duration = Duration::from_millis(20);
const PAUSE_STEPS: usize = 15;

/// The window that begins at the sample `start`: at most [`WINDOW`] long, to the clip's end where that is no farther.
pub(super) fn window_at(clip: &Clip, start: usize) -> Range<usize> {
    let (most, least) = (clip.rate.samples_in(WINDOW), clip.rate.samples_in(LEAST));
    if clip.samples.len() - start <= most {
        return start..clip.samples.len();
    }
    // What is left may not be so short that nothing can be made of it.
    let last = (start + most).min(clip.samples.len() - least / 2);
    start..quietest(&clip.samples, start + least..last, clip.rate.samples_in(STEP))
}

/// Where the next window begins, behind one whose last word ends at the sample `heard`: there, where so much is left of the
/// window that something was said in it which the model left out.
pub(super) fn next_start(clip: &Clip, window: &Range<usize>, heard: usize) -> usize {
    let left_out = window.end.saturating_sub(heard) > clip.rate.samples_in(LEFT_OUT);
    let moves_on = heard > window.start + clip.rate.samples_in(LEFT_OUT);
    if !left_out || !moves_on {
        return window.end;
    }
    // The model's times miss a pause by a little.
    quietest(&clip.samples, heard..heard + clip.rate.samples_in(LEFT_OUT), clip.rate.samples_in(STEP))
}

/// The middle of the quietest stretch of [`PAUSE_STEPS`] within `range`; of equals the last.
fn quietest(samples: &[f32], range: Range<usize>, step: usize) -> usize {
    let energies: Vec<f32> =
        samples[range.clone()].chunks(step).map(|step| step.iter().map(|sample| sample * sample).sum()).collect();
    let stretch = PAUSE_STEPS.min(energies.len().max(1));
    let quietest = energies
        .windows(stretch)
        .map(|window| window.iter().sum::<f32>())
        .enumerate()
        .min_by(|(at, a), (other, b)| a.total_cmp(b).then(other.cmp(at)))
        .map_or(0, |(at, _)| at);
    (range.start + (quietest + stretch / 2) * step).min(range.end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audio::SampleRate;

    /// A tone with pauses of 0.4 s that begin at these seconds.
    fn clip(seconds: usize, pauses: &[f32]) -> Clip {
        let rate = SampleRate(1_000);
        let quiet = |t: f32| pauses.iter().any(|pause| (*pause..pause + 0.4).contains(&t));
        let samples = (0..seconds * 1_000).map(|at| {
            let t = at as f32 / 1_000.0;
            if quiet(t) { 0.0 } else { 0.5 + 0.2 * (t * 700.0).sin() }
        });
        Clip::new(samples.collect(), rate)
    }

    fn windows(clip: &Clip) -> Vec<Range<usize>> {
        let mut windows = vec![window_at(clip, 0)];
        while let Some(last) = windows.last().filter(|last| last.end < clip.samples.len()) {
            windows.push(window_at(clip, last.end));
        }
        windows
    }

    #[test]
    fn what_a_model_left_out_is_heard_again() {
        let clip = clip(60, &[25.0]);
        let window = window_at(&clip, 0);
        assert!((11_000..12_500).contains(&next_start(&clip, &window, 11_000)));
        assert!((25_000..25_400).contains(&next_start(&clip, &(0..30_000), 24_300)), "in the pause");
        assert_eq!(next_start(&clip, &window, window.end - 1_000), window.end, "a breath");
        assert_eq!(next_start(&clip, &window, 0), window.end, "nothing was understood");
    }

    #[test]
    fn a_clip_of_one_window_stays_whole() {
        assert_eq!(windows(&clip(30, &[15.0])), vec![Range { start: 0, end: 30_000 }]);
    }

    #[test]
    fn long_clips_are_parted_in_their_pauses() {
        let parted = windows(&clip(75, &[3.0, 21.0, 26.0, 47.0]));
        assert_eq!(parted.len(), 3);
        assert!((26_000..26_400).contains(&parted[0].end), "{parted:?}");
        assert!((47_000..47_400).contains(&parted[1].end), "{parted:?}");
        assert_eq!(parted[2].end, 75_000);
    }

    #[test]
    fn nothing_is_lost_or_heard_twice_where_there_is_no_pause() {
        for seconds in [31, 44, 61, 200] {
            let parted = windows(&clip(seconds, &[]));
            assert_eq!((parted[0].start, parted[parted.len() - 1].end), (0, seconds * 1_000));
            assert!(parted.windows(2).all(|pair| pair[0].end == pair[1].start), "{parted:?}");
            assert!(parted.iter().all(|window| (5_000..=30_000).contains(&window.len())), "{parted:?}");
        }
    }
}
