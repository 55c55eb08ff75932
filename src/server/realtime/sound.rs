//! Sound as the protocol carries it: 16-bit samples at 24 kHz, or at another rate where a client asks for it; or telephone
//! sound at 8 kHz.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::problem::Problem;
use crate::audio::{Companding, Encoding, Resampler, encode, samples_from_g711, samples_from_pcm16, to_g711};
use crate::domain::audio::{Clip, SampleRate};

const PCM_RATES: [u32; 4] = [8_000, 16_000, 24_000, 48_000];

/// How much sound goes into one event.
const PIECE: Duration = Duration::from_millis(200);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Pcm(SampleRate),
    Telephone(Companding),
}

impl Format {
    /// `name` in the protocol's general release, or in its beta.
    pub(super) fn parse(name: &str, rate: Option<u32>, param: &'static str) -> Result<Self, Problem> {
        let format = match name {
            "audio/pcm" | "pcm16" => {
                let rate = rate.unwrap_or(SampleRate::REALTIME.0);
                if !PCM_RATES.contains(&rate) {
                    return Err(Problem::value(param, "The rates of audio/pcm are 8000, 16000, 24000 and 48000 Hz."));
                }
                Format::Pcm(SampleRate(rate))
            }
            "audio/pcmu" | "g711_ulaw" => Format::Telephone(Companding::Mu),
            "audio/pcma" | "g711_alaw" => Format::Telephone(Companding::A),
            _ => return Err(Problem::value(param, "The formats are audio/pcm, audio/pcmu and audio/pcma.")),
        };
        match rate {
            Some(rate) if rate != format.rate().0 => {
                Err(Problem::value(param, format!("The rate of this format is {} Hz.", format.rate().0)))
            }
            _ => Ok(format),
        }
    }

    fn rate(self) -> SampleRate {
        match self {
            Format::Pcm(rate) => rate,
            Format::Telephone(_) => SampleRate(8_000),
        }
    }

    fn bytes_per_sample(self) -> usize {
        match self {
            Format::Pcm(_) => 2,
            Format::Telephone(_) => 1,
        }
    }

    pub(super) fn to_json(self) -> Value {
        match self {
            Format::Pcm(_) => json!({"type": "audio/pcm", "rate": self.rate().0}),
            Format::Telephone(Companding::Mu) => json!({"type": "audio/pcmu"}),
            Format::Telephone(Companding::A) => json!({"type": "audio/pcma"}),
        }
    }

    /// `rest` is what a piece before this one left of a sample; what this one leaves stands there after.
    pub(super) fn decode(self, base64: &str, rest: &mut Vec<u8>, param: &'static str) -> Result<Clip, Problem> {
        let decoded = BASE64_STANDARD.decode(base64).map_err(|_| Problem::value(param, "The sound is not base64."))?;
        let mut bytes = std::mem::take(rest);
        bytes.extend(decoded);
        *rest = bytes.split_off(bytes.len() - bytes.len() % self.bytes_per_sample());
        let samples = match self {
            Format::Pcm(_) => samples_from_pcm16(&bytes),
            Format::Telephone(curve) => samples_from_g711(&bytes, curve),
        };
        Ok(Clip::new(samples, self.rate()))
    }

    /// Base64, in pieces, each with how long it lasts.
    fn encode(self, samples: Vec<f32>) -> Vec<(String, Duration)> {
        let clip = Clip::new(samples, self.rate());
        let bytes = match self {
            Format::Pcm(_) => encode(&clip, Encoding::Pcm16),
            Format::Telephone(curve) => to_g711(&clip.samples, curve),
        };
        let piece = self.rate().samples_in(PIECE) * self.bytes_per_sample();
        let pieces = bytes.chunks(piece);
        let length = |piece: &[u8]| self.rate().duration_of(piece.len() / self.bytes_per_sample());
        pieces.map(|piece| (BASE64_STANDARD.encode(piece), length(piece))).collect()
    }
}

/// The sound of one reply on its way out.
pub(super) struct Encoder {
    format: Format,
    resampler: Option<(SampleRate, Resampler)>,
}

impl Encoder {
    pub(super) fn new(format: Format) -> Self {
        Self { format, resampler: None }
    }

    pub(super) fn push(&mut self, clip: &Clip) -> Vec<(String, Duration)> {
        let mut samples = Vec::new();
        // A voice of another rate begins where a backend takes over from another.
        if let Some((_, resampler)) = self.resampler.take_if(|(rate, _)| *rate != clip.rate) {
            resampler.finish(&mut samples);
        }
        let to = self.format.rate();
        let (_, resampler) = self.resampler.get_or_insert_with(|| (clip.rate, Resampler::new(clip.rate, to)));
        resampler.push(&clip.samples, &mut samples);
        self.format.encode(samples)
    }

    /// What lagged behind.
    pub(super) fn finish(&mut self) -> Vec<(String, Duration)> {
        let mut samples = Vec::new();
        if let Some((_, resampler)) = self.resampler.take() {
            resampler.finish(&mut samples);
        }
        self.format.encode(samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_release_and_of_the_beta() {
        for (name, other) in [("audio/pcm", "pcm16"), ("audio/pcmu", "g711_ulaw"), ("audio/pcma", "g711_alaw")] {
            let format = Format::parse(name, None, "format").unwrap();
            assert_eq!(format, Format::parse(other, None, "format").unwrap());
            assert_eq!(format.to_json()["type"], name);
        }
        assert!(Format::parse("audio/pcm", Some(24_000), "format").is_ok());
        assert_eq!(Format::parse("audio/pcm", Some(16_000), "format").unwrap().rate(), SampleRate(16_000));
        assert!(Format::parse("audio/pcm", Some(11_025), "format").is_err());
        assert!(Format::parse("audio/pcmu", Some(16_000), "format").is_err());
        assert!(Format::parse("audio/mp3", None, "format").is_err());
    }

    #[test]
    fn nothing_of_a_reply_is_lost() {
        for format in
            [Format::Pcm(SampleRate::REALTIME), Format::Pcm(SampleRate(16_000)), Format::Telephone(Companding::A)]
        {
            let mut encoder = Encoder::new(format);
            let mut length = Duration::ZERO;
            for _ in 0..7 {
                let pieces = encoder.push(&Clip::new(vec![0.25; 4_410], SampleRate(22_050)));
                length += pieces.iter().map(|(_, length)| *length).sum::<Duration>();
            }
            let rest = encoder.finish();
            length += rest.iter().map(|(_, length)| *length).sum::<Duration>();
            assert!(length.abs_diff(Duration::from_millis(1400)) < Duration::from_millis(1), "{length:?}");
            let last = format.decode(&rest.last().unwrap().0, &mut Vec::new(), "audio").unwrap();
            assert!(last.samples.iter().all(|sample| (sample - 0.25).abs() < 0.2));
        }
    }

    #[test]
    fn a_sample_in_two_pieces_is_whole() {
        let format = Format::Pcm(SampleRate::REALTIME);
        let mut rest = Vec::new();
        let mut samples = Vec::new();
        for piece in [&[1_u8, 2, 3][..], &[4, 5, 6, 7], &[8]] {
            let clip = format.decode(&BASE64_STANDARD.encode(piece), &mut rest, "audio").unwrap();
            samples.extend(clip.samples);
        }
        assert_eq!(samples, samples_from_pcm16(&[1, 2, 3, 4, 5, 6, 7, 8]));
        assert!(rest.is_empty());
        let telephone = Format::Telephone(Companding::Mu);
        let clip = telephone.decode(&BASE64_STANDARD.encode([1, 2, 3]), &mut rest, "audio").unwrap();
        assert_eq!((clip.samples.len(), rest.len()), (3, 0));
        assert!(format.decode("not base64!", &mut rest, "audio").is_err());
    }
}
