//! From a [`Clip`] to bytes that a player takes, and raw samples back.

use std::io::Cursor;

use super::mark::info_chunk;
use crate::domain::audio::Clip;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// A WAV file of 16-bit samples.
    Wav,
    /// The same, and it says that it is synthetic.
    SyntheticWav,
    /// 16-bit little-endian samples and nothing else.
    Pcm16,
}

impl Encoding {
    pub fn media_type(self) -> &'static str {
        match self {
            Encoding::Wav | Encoding::SyntheticWav => "audio/wav",
            Encoding::Pcm16 => "audio/pcm",
        }
    }

    /// A file name's ending, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Encoding::Wav | Encoding::SyntheticWav => "wav",
            Encoding::Pcm16 => "pcm",
        }
    }
}

/// Mono, at the clip's rate. Samples past [-1, 1] are clipped.
pub fn encode(clip: &Clip, encoding: Encoding) -> Vec<u8> {
    match encoding {
        Encoding::Wav => wav(clip),
        Encoding::SyntheticWav => with_mark(wav(clip)),
        Encoding::Pcm16 => clip.samples.iter().flat_map(|sample| to_pcm16(*sample).to_le_bytes()).collect(),
    }
}

/// Samples in [-1, 1) of 16-bit little-endian bytes; an odd last byte is left out.
pub fn samples_from_pcm16(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<2>().0.iter().map(|pair| f32::from(i16::from_le_bytes(*pair)) / 32_768.0).collect()
}

pub(super) fn to_pcm16(sample: f32) -> i16 {
    // The cast saturates, and turns what is not a number into silence.
    (sample * 32_768.0).round() as i16
}

fn wav(clip: &Clip) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: clip.rate.0,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = Cursor::new(Vec::with_capacity(44 + 2 * clip.samples.len()));
    let write = |bytes: &mut Cursor<Vec<u8>>| -> Result<(), hound::Error> {
        let mut writer = hound::WavWriter::new(bytes, spec)?;
        for sample in &clip.samples {
            writer.write_sample(to_pcm16(*sample))?;
        }
        writer.finalize()
    };
    write(&mut bytes).expect("memory takes every write, and a clip is shorter than 4 GiB");
    bytes.into_inner()
}

/// The mark stands behind the sound; the file's length, at byte 4, grows by it.
fn with_mark(mut wav: Vec<u8>) -> Vec<u8> {
    wav.extend(info_chunk());
    let length = u32::try_from(wav.len() - 8).unwrap_or(u32::MAX);
    wav[4..8].copy_from_slice(&length.to_le_bytes());
    wav
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{DurationLimits, decode};
    use crate::domain::audio::SampleRate;

    #[test]
    fn what_is_encoded_decodes_to_the_same() {
        let samples: Vec<f32> = (0..8_000).map(|t| ((t * 7_919) % 65_536) as f32 / 32_768.0 - 1.0).collect();
        let clip = Clip::new(samples, SampleRate(24_000));
        let decoded = decode(&encode(&clip, Encoding::Wav), &DurationLimits::ANY).expect("a WAV file");
        assert_eq!(decoded.rate, clip.rate);
        assert!(decoded.samples == clip.samples);
        assert!(samples_from_pcm16(&encode(&clip, Encoding::Pcm16)) == clip.samples);
    }

    #[test]
    fn a_marked_file_says_so_and_sounds_the_same() {
        let clip = Clip::new(vec![0.25; 4_001], SampleRate(24_000));
        let marked = encode(&clip, Encoding::SyntheticWav);
        assert!(marked.windows(8).any(|part| part == b"INFOICMT"));
        assert_eq!(marked.len() as u32 - 8, u32::from_le_bytes([marked[4], marked[5], marked[6], marked[7]]));
        let decoded = decode(&marked, &DurationLimits::ANY).expect("a WAV file");
        assert!(decoded.samples == clip.samples);
        assert!(!encode(&clip, Encoding::Wav).windows(4).any(|part| part == b"INFO"), "a person's own is not marked");
    }

    #[test]
    fn what_is_too_loud_or_no_number_stays_in_bounds() {
        let clip = Clip::new(vec![2.0, -2.0, f32::NAN, f32::INFINITY], SampleRate(8_000));
        let bytes = encode(&clip, Encoding::Pcm16);
        assert_eq!(bytes, [0xff, 0x7f, 0x00, 0x80, 0, 0, 0xff, 0x7f]);
    }
}
