//! One level for every sentence of a voice. The official package scales each sentence to its own peak, so that a
//! sentence with one hard consonant comes out quieter than the next.

/// Root mean square of speech that sits well beside other programmes: −20 dBFS.
const TARGET: f32 = 0.1;

/// Samples below this are pauses.
const SILENCE: f32 = 0.01;

/// Up to here a sample keeps its shape; what goes beyond is bent towards 1, which it never reaches.
const KNEE: f32 = 0.8;

/// How much of a piece's distance from the target is taken away, in the logarithm, and by which factor at most (3 dB).
const CORRECTED: f32 = 0.7;
const MOST_CORRECTION: f32 = 1.41;

/// Samples of the usual level that stand before each piece: a quarter of a second at 22,050 Hz.
const PRIOR: u32 = 5_512;

/// No voice is so quiet or so loud that a wilder gain would be right.
const GAINS: std::ops::RangeInclusive<f32> = 0.25..=6.0;

/// The gain that brings a voice's usual speech to the target.
pub(super) fn gain_for(speech: &[f32]) -> f32 {
    active_level(speech).map_or(1.0, |level| (TARGET / level).clamp(*GAINS.start(), *GAINS.end()))
}

/// Brings one piece of speech to the voice's level, chunk by chunk: by the voice's gain, and most of the way from the
/// piece's own level to the usual one, since an exclamation may stay a little louder. What would clip is bent.
pub(super) struct Leveller {
    gain: f32,
    /// Of what isn't a pause.
    heard: Active,
    correction: Option<f32>,
}

impl Leveller {
    pub(super) fn new(gain: f32) -> Self {
        let usual = f64::from(TARGET / gain);
        // As though some of the usual had been heard: a first word says little of the piece's level.
        let heard = Active { energy: usual.powi(2) * f64::from(PRIOR), count: PRIOR };
        Self { gain, heard, correction: None }
    }

    pub(super) fn level(&mut self, chunk: &mut [f32]) {
        self.heard.add(chunk);
        let level = self.heard.level().unwrap_or(TARGET / self.gain);
        let after = (TARGET / (level * self.gain)).powf(CORRECTED).clamp(1.0 / MOST_CORRECTION, MOST_CORRECTION);
        let before = self.correction.replace(after).unwrap_or(after);
        let step = (after - before) / chunk.len().max(1) as f32;
        for (at, sample) in chunk.iter_mut().enumerate() {
            *sample = bend(*sample * self.gain * (before + step * at as f32));
        }
    }
}

fn bend(sample: f32) -> f32 {
    let over = sample.abs() - KNEE;
    if over <= 0.0 {
        return sample;
    }
    (KNEE + (1.0 - KNEE) * (over / (1.0 - KNEE)).tanh()).copysign(sample)
}

/// Speech without its pauses.
#[derive(Debug, Default)]
struct Active {
    energy: f64,
    count: u32,
}

impl Active {
    fn add(&mut self, samples: &[f32]) {
        for sample in samples.iter().filter(|sample| sample.abs() > SILENCE) {
            self.energy += f64::from(*sample).powi(2);
            self.count += 1;
        }
    }

    /// Root mean square.
    fn level(&self) -> Option<f32> {
        (self.count > 0).then(|| (self.energy / f64::from(self.count)).sqrt() as f32)
    }
}

fn active_level(samples: &[f32]) -> Option<f32> {
    let mut active = Active::default();
    active.add(samples);
    active.level()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_speech_comes_to_the_target() {
        let mut speech: Vec<f32> = (0..22_050).map(|t| 0.06 * (t as f32 * 0.05).sin()).collect();
        speech.extend([0.0; 22_050]);
        let gain = gain_for(&speech);
        Leveller::new(gain).level(&mut speech);
        let found = active_level(&speech).expect("it sounds");
        assert!((found - TARGET).abs() < 0.005, "{found}");
        assert!((gain_for(&[0.0; 100]) - 1.0).abs() < f32::EPSILON);
    }

    #[test]
    fn chunks_come_to_the_level_of_the_whole_without_a_step() {
        let speech: Vec<f32> = (0..44_100).map(|t| 0.2 * (t as f32 * 0.05).sin()).collect();
        let (mut whole, mut parted) = (speech.clone(), speech);
        Leveller::new(1.0).level(&mut whole);
        let mut leveller = Leveller::new(1.0);
        let mut last = 0.0;
        for chunk in parted.chunks_mut(6_144) {
            leveller.level(chunk);
            assert!((chunk[0] - last).abs() < 0.02, "from {last} to {}", chunk[0]);
            last = chunk[chunk.len() - 1];
        }
        let levels = [&whole, &parted].map(|speech| active_level(&speech[22_050..]).expect("it sounds"));
        assert!((levels[0] / levels[1] - 1.0).abs() < 0.05, "{levels:?}");
    }

    #[test]
    fn nothing_clips_and_what_is_quiet_keeps_its_shape() {
        let bent = [0.15, -0.45, 0.79, 1.35, -2.25, 150.0].map(bend);
        assert!((bent[0] - 0.15).abs() < 1e-6 && (bent[1] + 0.45).abs() < 1e-6);
        assert!(bent.iter().all(|sample| sample.abs() <= 1.0));
        assert!(bent[2] < bent[3] && bent[3] < bent[5] && bent[4] < 0.0, "louder stays louder");
    }

    #[test]
    fn a_loud_piece_comes_down_and_stays_the_louder_one() {
        let speech =
            |amplitude: f32| -> Vec<f32> { (0..22_050).map(|t| amplitude * (t as f32 * 0.05).sin()).collect() };
        let gain = gain_for(&speech(0.1));
        let after = |amplitude: f32| {
            let mut piece = speech(amplitude);
            Leveller::new(gain).level(&mut piece);
            active_level(&piece).expect("it sounds")
        };
        let (usual, loud) = (after(0.1), after(0.14));
        assert!((usual - TARGET).abs() < 0.005);
        assert!(loud > usual && loud / usual < 1.2, "{loud} beside {usual}");
    }
}
