//! The mel filter bank that Whisper was trained with: librosa's `filters.mel` (Slaney scale and norm).

const SAMPLE_RATE: f64 = 16_000.0;

/// Frequency bins of a 400-point transform.
pub(super) const BINS: usize = 201;

/// `(bands, BINS)`, row-major. Rounded to `f32` where librosa rounds: before the norm and after it.
pub(super) fn filter_bank(bands: usize) -> Vec<f32> {
    let nyquist = SAMPLE_RATE / 2.0;
    let edges: Vec<f64> = {
        let top = hertz_to_mel(nyquist);
        let step = top / (bands + 1) as f64;
        (0..bands + 2).map(|edge| mel_to_hertz(if edge == bands + 1 { top } else { step * edge as f64 })).collect()
    };
    // As numpy's rfftfreq: `k / (n · d)`, for a 400-point transform.
    let spacing = 1.0 / (400.0 * (1.0 / SAMPLE_RATE));
    let mut bank = Vec::with_capacity(bands * BINS);
    for edge in edges.windows(3) {
        let [low, middle, high] = [edge[0], edge[1], edge[2]];
        let norm = 2.0 / (high - low);
        for bin in 0..BINS {
            let frequency = bin as f64 * spacing;
            let rising = -(low - frequency) / (middle - low);
            let falling = (high - frequency) / (high - middle);
            let weight = rising.min(falling).max(0.0) as f32;
            bank.push((f64::from(weight) * norm) as f32);
        }
    }
    bank
}

/// Linear to 1 kHz, logarithmic above.
const HERTZ_PER_MEL: f64 = 200.0 / 3.0;
const LOG_FROM_HERTZ: f64 = 1000.0;
const LOG_FROM_MEL: f64 = LOG_FROM_HERTZ / HERTZ_PER_MEL;

fn log_step() -> f64 {
    6.4_f64.ln() / 27.0
}

fn hertz_to_mel(hertz: f64) -> f64 {
    if hertz >= LOG_FROM_HERTZ {
        LOG_FROM_MEL + (hertz / LOG_FROM_HERTZ).ln() / log_step()
    } else {
        hertz / HERTZ_PER_MEL
    }
}

fn mel_to_hertz(mel: f64) -> f64 {
    if mel >= LOG_FROM_MEL { LOG_FROM_HERTZ * (log_step() * (mel - LOG_FROM_MEL)).exp() } else { HERTZ_PER_MEL * mel }
}
