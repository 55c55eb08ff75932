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

/// No voice is so quiet or so loud that a wilder gain would be right.
const GAINS: std::ops::RangeInclusive<f32> = 0.25..=6.0;

/// The gain that brings a voice's usual speech to the target.
pub(super) fn gain_for(speech: &[f32]) -> f32 {
    active_level(speech).map_or(1.0, |level| (TARGET / level).clamp(*GAINS.start(), *GAINS.end()))
}

/// Brings a piece of speech to the voice's level: by the voice's gain, and most of the way from the piece's own level
/// to the usual one, since an exclamation may stay a little louder. What would clip is bent.
pub(super) fn level(samples: &mut [f32], gain: f32) {
    let gain = gain * own_correction(samples, gain);
    for sample in samples {
        *sample = bend(*sample * gain);
    }
}

fn own_correction(samples: &[f32], gain: f32) -> f32 {
    let Some(level) = active_level(samples) else { return 1.0 };
    (TARGET / (level * gain)).powf(CORRECTED).clamp(1.0 / MOST_CORRECTION, MOST_CORRECTION)
}

fn bend(sample: f32) -> f32 {
    let over = sample.abs() - KNEE;
    if over <= 0.0 {
        return sample;
    }
    (KNEE + (1.0 - KNEE) * (over / (1.0 - KNEE)).tanh()).copysign(sample)
}

/// Root mean square of what isn't a pause.
fn active_level(samples: &[f32]) -> Option<f32> {
    let (energy, count) = samples
        .iter()
        .filter(|sample| sample.abs() > SILENCE)
        .fold((0.0_f64, 0_u32), |(energy, count), sample| (energy + f64::from(*sample).powi(2), count + 1));
    (count > 0).then(|| (energy / f64::from(count)).sqrt() as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_speech_comes_to_the_target() {
        let mut speech: Vec<f32> = (0..22_050).map(|t| 0.06 * (t as f32 * 0.05).sin()).collect();
        speech.extend([0.0; 22_050]);
        let gain = gain_for(&speech);
        level(&mut speech, gain);
        let found = active_level(&speech).expect("it sounds");
        assert!((found - TARGET).abs() < 0.005, "{found}");
        assert!((gain_for(&[0.0; 100]) - 1.0).abs() < f32::EPSILON);
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
            level(&mut piece, gain);
            active_level(&piece).expect("it sounds")
        };
        let (usual, loud) = (after(0.1), after(0.14));
        assert!((usual - TARGET).abs() < 0.005);
        assert!(loud > usual && loud / usual < 1.2, "{loud} beside {usual}");
    }
}
