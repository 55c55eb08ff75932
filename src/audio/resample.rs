//! From one sample rate to another, band-limited, keeping every sound where it was in time.

use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{Fft, FixedSync, Resampler as _};

use crate::domain::audio::{Clip, SampleRate};

/// Each block of the transform lasts about this share of a second: long enough for a steep filter (a thousand taps at
/// 48 kHz), short enough for a stream to wait for.
const BLOCKS_PER_SECOND: u32 = 48;

/// Resamples a stream that comes in pieces of any length. Output lags by about two blocks (40 ms) until
/// [`finish`](Resampler::finish); the filter's delay is taken off, so `output[t·to/from]` is `input[t]`.
pub struct Resampler {
    from: SampleRate,
    to: SampleRate,
    /// `None` where the rates are equal.
    engine: Option<Engine>,
}

struct Engine {
    fft: Fft<f32>,
    /// Input that does not fill a block yet.
    pending: Vec<f32>,
    block: Vec<f32>,
    /// Output frames still to drop: the filter's delay.
    to_skip: usize,
    taken: u64,
    given: u64,
}

impl Resampler {
    /// # Panics
    /// Where a rate is 0.
    pub fn new(from: SampleRate, to: SampleRate) -> Self {
        assert!(from.0 > 0 && to.0 > 0, "sample rates are above 0");
        let engine = (from != to).then(|| {
            // The transform takes multiples of this; even ones have their middle on a sample, which is the delay.
            let even_step = 2 * from.0 / greatest_common_divisor(from.0, to.0);
            let block = (from.0 / BLOCKS_PER_SECOND).next_multiple_of(even_step).max(even_step) as usize;
            let fft = Fft::new(from.0 as usize, to.0 as usize, block, 1, FixedSync::Both)
                .expect("rates and block length are above 0");
            let to_skip = fft.output_delay();
            let block = vec![0.0; fft.output_frames_max()];
            Engine { fft, pending: Vec::new(), block, to_skip, taken: 0, given: 0 }
        });
        Self { from, to, engine }
    }

    /// Takes `samples` and appends to `output` what can be said so far.
    pub fn push(&mut self, samples: &[f32], output: &mut Vec<f32>) {
        let Some(engine) = &mut self.engine else {
            output.extend_from_slice(samples);
            return;
        };
        engine.taken += samples.len() as u64;
        engine.pending.extend_from_slice(samples);
        let mut start = 0;
        while engine.pending.len() - start >= engine.fft.input_frames_next() {
            let end = start + engine.fft.input_frames_next();
            engine.run(start..end, output);
            start = end;
        }
        engine.pending.drain(..start);
    }

    /// Appends the rest to `output`: over the whole stream, `taken · to / from` samples, rounded.
    pub fn finish(mut self, output: &mut Vec<f32>) {
        let Some(engine) = &mut self.engine else { return };
        let due =
            (u128::from(engine.taken) * u128::from(self.to.0) + u128::from(self.from.0) / 2) / u128::from(self.from.0);
        let due = due as u64;
        while engine.given < due {
            let next = engine.fft.input_frames_next();
            engine.pending.resize(next, 0.0);
            engine.run(0..next, output);
            engine.pending.clear();
        }
        let surplus = (engine.given - due) as usize;
        output.truncate(output.len() - surplus);
    }
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

impl Engine {
    /// Resamples one block, the pending samples in `range`.
    fn run(&mut self, range: std::ops::Range<usize>, output: &mut Vec<f32>) {
        let frames = range.len();
        let input = SequentialSlice::new(&self.pending[range], 1, frames).expect("a slice is as long as itself");
        let room = self.block.len();
        let mut block = SequentialSlice::new_mut(&mut self.block, 1, room).expect("a slice is as long as itself");
        let (_, made) = self
            .fft
            .process_into_buffer(&input, &mut block, None)
            .expect("one channel, a full block and room for its output");
        let skipped = made.min(self.to_skip);
        self.to_skip -= skipped;
        output.extend_from_slice(&self.block[skipped..made]);
        self.given += (made - skipped) as u64;
    }
}

/// The clip at another rate: `round(len · rate / clip.rate)` samples.
///
/// # Panics
/// Where a rate is 0.
pub fn resample(clip: &Clip, rate: SampleRate) -> Clip {
    let mut samples = Vec::with_capacity(rate.samples_in(clip.duration()) + rate.0 as usize / 8);
    let mut resampler = Resampler::new(clip.rate, rate);
    resampler.push(&clip.samples, &mut samples);
    resampler.finish(&mut samples);
    Clip::new(samples, rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hertz: f64, rate: u32, samples: usize) -> Clip {
        let step = std::f64::consts::TAU * hertz / f64::from(rate);
        Clip::new((0..samples).map(|t| (t as f64 * step).sin() as f32).collect(), SampleRate(rate))
    }

    /// The largest difference, away from the ends, where the tone breaks off.
    fn worst(got: &Clip, wanted: &Clip) -> f32 {
        assert_eq!(got.samples.len(), wanted.samples.len());
        let edge = wanted.samples.len() / 10;
        let inner = edge..wanted.samples.len() - edge;
        got.samples[inner.clone()].iter().zip(&wanted.samples[inner]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn a_tone_stays_where_it_was() {
        for (from, to) in [(48_000, 16_000), (44_100, 16_000), (16_000, 24_000), (8_000, 16_000), (22_050, 16_000)] {
            let got = resample(&tone(440.0, from, from as usize), SampleRate(to));
            let error = worst(&got, &tone(440.0, to, to as usize));
            assert!(error < 2e-3, "{from} → {to}: off by {error}");
        }
    }

    #[test]
    fn what_the_new_rate_cannot_hold_is_gone() {
        let got = resample(&tone(10_000.0, 48_000, 48_000), SampleRate::SPEECH);
        assert!(worst(&got, &Clip::new(vec![0.0; 16_000], SampleRate::SPEECH)) < 1e-3);
    }

    #[test]
    fn pieces_of_any_length_give_what_the_whole_gives() {
        let clip = tone(300.0, 44_100, 30_011);
        let whole = resample(&clip, SampleRate::SPEECH);
        for piece in [1, 7, 441, 5_000] {
            let mut resampler = Resampler::new(clip.rate, SampleRate::SPEECH);
            let mut samples = Vec::new();
            clip.samples.chunks(piece).for_each(|part| resampler.push(part, &mut samples));
            resampler.finish(&mut samples);
            assert!(samples == whole.samples, "in pieces of {piece}");
        }
    }

    #[test]
    fn lengths_are_right_for_odd_rates_and_tiny_clips() {
        for (from, length) in [(48_000, 1), (44_100, 2), (11_025, 1_000), (31_337, 40_000), (192_000, 5), (16_000, 0)] {
            let clip = tone(100.0, from, length);
            let expected = (length as f64 * 16_000.0 / f64::from(from)).round() as usize;
            assert_eq!(resample(&clip, SampleRate::SPEECH).samples.len(), expected, "{length} samples at {from} Hz");
        }
    }
}
