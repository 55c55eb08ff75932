//! Telephone sound: G.711 µ-law and A-law, one byte a sample (ITU-T G.711; the usual 14- and 13-bit formulation).

/// Which of the two curves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Companding {
    /// µ-law: North America and Japan.
    Mu,
    /// A-law: elsewhere.
    A,
}

/// Added before the logarithm of µ-law is taken, at 16 bits.
const MU_BIAS: i32 = 0x84;
const MU_CLIP: i32 = 32_635;

/// Samples in [-1, 1] to bytes. What lies beyond is clipped.
pub fn to_g711(samples: &[f32], curve: Companding) -> Vec<u8> {
    let encode = match curve {
        Companding::Mu => to_mu_law,
        Companding::A => to_a_law,
    };
    // The cast saturates, and turns what is not a number into silence.
    samples.iter().map(|sample| encode((sample * 32_768.0).round() as i16)).collect()
}

/// Bytes to samples in [-1, 1).
pub fn samples_from_g711(bytes: &[u8], curve: Companding) -> Vec<f32> {
    let decode = match curve {
        Companding::Mu => from_mu_law,
        Companding::A => from_a_law,
    };
    bytes.iter().map(|byte| f32::from(decode(*byte)) / 32_768.0).collect()
}

fn to_mu_law(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = i32::from(sample).abs().min(MU_CLIP) + MU_BIAS;
    // Between 7 and 14, since the bias is 132.
    let highest_bit = magnitude.ilog2() as i32;
    let segment = highest_bit - 7;
    let step = (magnitude >> (segment + 3)) & 0x0f;
    !(sign | (segment << 4) as u8 | step as u8)
}

fn from_mu_law(byte: u8) -> i16 {
    let byte = !byte;
    let segment = i32::from((byte >> 4) & 0x07);
    let step = i32::from(byte & 0x0f);
    let magnitude = (((step << 3) + MU_BIAS) << segment) - MU_BIAS;
    (if byte & 0x80 != 0 { -magnitude } else { magnitude }) as i16
}

fn to_a_law(sample: i16) -> u8 {
    // The sign bit is set for what is positive; every other bit is turned over.
    let (sign, magnitude) = if sample >= 0 { (0x80, i32::from(sample) >> 3) } else { (0, !i32::from(sample) >> 3) };
    // Of 12 bits: below 32 the curve is a line.
    let coded = if magnitude < 32 {
        magnitude >> 1
    } else {
        let segment = magnitude.ilog2() as i32 - 4;
        (segment << 4) | ((magnitude >> segment) & 0x0f)
    };
    (sign | coded as u8) ^ 0x55
}

fn from_a_law(byte: u8) -> i16 {
    let byte = byte ^ 0x55;
    let segment = i32::from((byte >> 4) & 0x07);
    let step = i32::from(byte & 0x0f);
    let magnitude = match segment {
        0 => (step << 4) + 8,
        _ => ((step << 4) + 0x108) << (segment - 1),
    };
    (if byte & 0x80 != 0 { magnitude } else { -magnitude }) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        // ITU-T G.711, tables 1a and 2a, at 16 bits.
        for (byte, sample) in [(0xff, 0), (0x80, 32_124), (0x00, -32_124), (0xf0, 120), (0x7e, -8)] {
            assert_eq!(from_mu_law(byte), sample, "µ-law {byte:#x}");
        }
        for (byte, sample) in [(0xd5, 8), (0x55, -8), (0xaa, 32_256), (0x2a, -32_256), (0xc5, 264)] {
            assert_eq!(from_a_law(byte), sample, "A-law {byte:#x}");
        }
    }

    #[test]
    fn every_byte_comes_back_as_itself() {
        for byte in 0..=255u8 {
            assert_eq!(to_a_law(from_a_law(byte)), byte, "A-law {byte:#x}");
            // Negative nought is nought.
            let expected = if byte == 0x7f { 0xff } else { byte };
            assert_eq!(to_mu_law(from_mu_law(byte)), expected, "µ-law {byte:#x}");
        }
    }

    #[test]
    fn the_error_stays_within_a_step_of_the_curve() {
        let samples: Vec<f32> = (-1000..=1000).map(|t| t as f32 / 1000.0).collect();
        for curve in [Companding::Mu, Companding::A] {
            for (sample, back) in samples.iter().zip(samples_from_g711(&to_g711(&samples, curve), curve)) {
                assert!((sample - back).abs() <= sample.abs() / 16.0 + 0.002, "{curve:?}: {sample} became {back}");
            }
        }
        assert_eq!(to_g711(&[f32::NAN], Companding::Mu), [0xff]);
    }
}
