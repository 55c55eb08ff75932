//! From many channels to one.

/// How fast old sound is forgotten: the energies are weighted by `exp(-t / memory)`.
const MEMORY_SECONDS: f32 = 0.2;

/// The share of its expected energy that the mean must have. Channels without relation have 1, an only channel with sound
/// has 1, equal ones more, and ones of opposite sign nothing.
const CANCELS_BELOW: f32 = 0.1;
/// Cancelling ends only well above, so that the choice does not flicker.
const CANCELS_UNTIL: f32 = 0.3;

/// Averages channels. Where they cancel each other, such as in a recording with one plug turned round, the loudest of them
/// is taken instead. Holds some numbers for each channel, however long the sound is.
pub(super) struct Mixer {
    mean_energy: f32,
    energies: Vec<f32>,
    /// The channel that stands for all.
    chosen: Option<usize>,
}

impl Mixer {
    pub(super) fn new() -> Self {
        Self { mean_energy: 0.0, energies: Vec::new(), chosen: None }
    }

    /// Appends one sample in [-1, 1] for each frame of `interleaved`; what is no number is silence.
    pub(super) fn mix(&mut self, interleaved: &[f32], channels: usize, rate: u32, mono: &mut Vec<f32>) {
        let frames = interleaved.chunks_exact(channels.max(1));
        if channels > 1 {
            // A tenth of a second at a time: short enough to follow, long enough to be judged.
            let block = (rate as usize / 10).max(1) * channels;
            for part in interleaved.chunks(block) {
                self.judge(part, channels, rate);
                let frames = part.chunks_exact(channels);
                match self.chosen {
                    Some(channel) => mono.extend(frames.map(|frame| bounded(frame[channel]))),
                    None => mono.extend(frames.map(|frame| bounded(mean(frame)))),
                }
            }
        } else {
            mono.extend(frames.map(|frame| bounded(frame[0])));
        }
    }

    fn judge(&mut self, part: &[f32], channels: usize, rate: u32) {
        if self.energies.len() != channels {
            self.energies = vec![0.0; channels];
            self.mean_energy = 0.0;
            self.chosen = None;
        }
        let seconds = (part.len() / channels) as f32 / rate.max(1) as f32;
        let kept = (-seconds / MEMORY_SECONDS).exp();
        self.mean_energy *= kept;
        self.energies.iter_mut().for_each(|energy| *energy *= kept);
        for frame in part.chunks_exact(channels) {
            self.mean_energy += bounded(mean(frame)).powi(2);
            for (energy, sample) in self.energies.iter_mut().zip(frame) {
                *energy += bounded(*sample).powi(2);
            }
        }
        // What the mean of channels without relation has.
        let expected = self.energies.iter().sum::<f32>() / (channels * channels) as f32;
        let limit = if self.chosen.is_some() { CANCELS_UNTIL } else { CANCELS_BELOW };
        if expected <= 0.0 || self.mean_energy >= limit * expected {
            // Silence changes nothing.
            self.chosen = self.chosen.filter(|_| expected <= 0.0);
            return;
        }
        // The first of equals; another only where it is clearly louder.
        let loudest = (0..channels).rev().max_by(|a, b| self.energies[*a].total_cmp(&self.energies[*b]));
        self.chosen = match (self.chosen, loudest) {
            (Some(chosen), Some(loudest)) if self.energies[loudest] <= 2.0 * self.energies[chosen] => Some(chosen),
            (_, loudest) => loudest,
        };
    }
}

fn mean(frame: &[f32]) -> f32 {
    frame.iter().sum::<f32>() / frame.len() as f32
}

fn bounded(sample: f32) -> f32 {
    if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 16_000;

    fn tone(hertz: f32) -> impl Iterator<Item = f32> {
        (0..RATE).map(move |t| 0.5 * (t as f32 * hertz * std::f32::consts::TAU / RATE as f32).sin())
    }

    fn mixed(frames: &[f32], channels: usize, piece: usize) -> Vec<f32> {
        let mut mixer = Mixer::new();
        let mut mono = Vec::new();
        frames.chunks(piece * channels).for_each(|part| mixer.mix(part, channels, RATE, &mut mono));
        mono
    }

    fn energy(samples: &[f32]) -> f32 {
        samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32
    }

    #[test]
    fn opposite_channels_are_heard() {
        let tone: Vec<f32> = tone(220.0).collect();
        for weaker in [1.0, 0.9, 0.8] {
            let frames: Vec<f32> = tone.iter().flat_map(|sample| [*sample, -weaker * sample]).collect();
            for piece in [64, 1_152, 16_000] {
                assert_eq!(mixed(&frames, 2, piece), tone, "{weaker} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn other_channels_are_averaged() {
        let (one, other): (Vec<f32>, Vec<f32>) = (tone(220.0).collect(), tone(331.0).collect());
        for frames in [
            one.iter().zip(&other).map(|(a, b)| [*a, *b]).collect::<Vec<_>>(),
            one.iter().map(|a| [*a, *a]).collect(),
            one.iter().map(|a| [*a, 0.0]).collect(),
            one.iter().map(|a| [*a, -0.2 * a]).collect(),
        ] {
            let means: Vec<f32> = frames.iter().map(|frame| mean(frame)).collect();
            assert_eq!(mixed(frames.as_flattened(), 2, 1_152), means);
        }
        let centre: Vec<f32> = one.iter().flat_map(|a| [0.0, 0.0, *a, 0.0, 0.0, 0.0]).collect();
        assert!((energy(&mixed(&centre, 6, 1_152)) - energy(&one) / 36.0).abs() < 1e-4);
    }

    #[test]
    fn a_change_of_sides_is_followed() {
        let tone: Vec<f32> = tone(220.0).collect();
        let turned = tone.iter().flat_map(|sample| [*sample, -sample]);
        let frames: Vec<f32> = tone.iter().flat_map(|sample| [*sample, *sample]).chain(turned).collect();
        let mono = mixed(&frames, 2, 1_152);
        let last = &mono[mono.len() - RATE as usize / 4..];
        assert!(energy(last) > 0.9 * energy(&tone), "{} of {}", energy(last), energy(&tone));
    }
}
