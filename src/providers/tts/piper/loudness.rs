//! One level for every sentence of a voice. The official package scales each sentence to its own peak, so that a
//! sentence with one hard consonant comes out quieter than the next.

/// Root mean square of speech that sits well beside other programmes: −20 dBFS.
const TARGET: f32 = 0.1;

/// Samples below this are pauses.
const SILENCE: f32 = 0.01;

/// Up to here a sample keeps its shape; what goes beyond is bent towards 1, which it never reaches.
const KNEE: f32 = 0.8;

/// No voice is so quiet or so loud that a wilder gain would be right.
const GAINS: std::ops::RangeInclusive<f32> = 0.25..=6.0;

/// The gain that brings a voice's usual speech to the target.
pub(super) fn gain_for(speech: &[f32]) -> f32 {
    let (energy, count) = speech
        .iter()
        .filter(|sample| sample.abs() > SILENCE)
        .fold((0.0_f64, 0_u32), |(energy, count), sample| (energy + f64::from(*sample).powi(2), count + 1));
    if count == 0 {
        return 1.0;
    }
    let level = (energy / f64::from(count)).sqrt() as f32;
    (TARGET / level).clamp(*GAINS.start(), *GAINS.end())
}

/// Scales, and bends what would clip.
pub(super) fn level(samples: &mut [f32], gain: f32) {
    for sample in samples {
        let scaled = *sample * gain;
        let over = scaled.abs() - KNEE;
        *sample =
            if over > 0.0 { (KNEE + (1.0 - KNEE) * (over / (1.0 - KNEE)).tanh()).copysign(scaled) } else { scaled };
    }
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
        let active: Vec<f32> = speech.iter().copied().filter(|s| s.abs() > SILENCE * gain).collect();
        let rms = (active.iter().map(|s| s * s).sum::<f32>() / active.len() as f32).sqrt();
        assert!((rms - TARGET).abs() < 0.005, "{rms}");
        assert!((gain_for(&[0.0; 100]) - 1.0).abs() < f32::EPSILON);
    }

    #[test]
    fn nothing_clips_and_what_is_quiet_keeps_its_shape() {
        let mut samples = [0.1, -0.3, 0.45, 0.9, -1.5, 100.0];
        level(&mut samples, 1.5);
        assert!((samples[0] - 0.15).abs() < 1e-6 && (samples[1] + 0.45).abs() < 1e-6);
        assert!(samples.iter().all(|sample| sample.abs() <= 1.0));
        assert!(samples[3] < samples[5] && samples[4] < 0.0, "louder stays louder");
    }
}
