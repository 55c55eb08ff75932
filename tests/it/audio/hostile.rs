//! What is cut short, damaged or no recording at all: a clear error or the sound that is there, never a panic.

use std::time::Duration;

use rose::audio::{AudioError, DurationLimits, Encoding, decode, encode};
use rose::domain::audio::{Clip, SampleRate};

use super::corpus::corpus;
use super::made::{SPEECH, alignment, decoded_at_16k, made, original};

const LIMITS: DurationLimits = DurationLimits { least: Duration::from_millis(200), most: Duration::from_secs(60) };

/// Steps through the offsets of a file: a fixed multiplicative generator, so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

#[test]
fn a_recording_cut_short_gives_what_is_there() {
    let wanted = original(SPEECH);
    // Nothing is to be read where the table stood at the end, or all sound on one page.
    let unreadable = ["aac.m4a", "alac.m4a", "opus.mp4", "opus-one-page.ogg"];
    for (kind, whole) in made().iter().filter(|(kind, _)| !unreadable.contains(&kind.file)) {
        let got = decoded_at_16k(&whole[..whole.len() * 3 / 5]);
        let share = got.samples.len() as f32 / wanted.samples.len() as f32;
        let (_, likeness) =
            alignment(&got.samples, &wanted.samples[..got.samples.len().min(wanted.samples.len())], 400);
        assert!((0.3..0.75).contains(&share), "{}: {share} of the sound", kind.file);
        assert!(likeness > kind.likeness - 0.1, "{}: likeness {likeness}", kind.file);
    }
}

#[test]
fn a_cut_header_is_an_error() {
    for (_, whole) in made() {
        for length in [1, 3, 8, 20, 40] {
            let error = decode(&whole[..length], &LIMITS).expect_err("a header alone");
            assert!(!error.to_string().is_empty());
        }
    }
}

#[test]
fn cuts_and_flipped_bits_never_panic() {
    for (seed, (kind, whole)) in made().iter().enumerate() {
        let mut dice = Dice(seed as u64);
        // Headers break in more ways than sound does.
        let head = whole.len().min(1_500);
        for round in 0..120 {
            let mut bytes = whole.clone();
            if round % 3 == 0 {
                bytes.truncate(1 + dice.below(if round % 2 == 0 { head } else { whole.len() }));
            } else {
                for _ in 0..=dice.below(12) {
                    let at = dice.below(if round % 3 == 1 { head } else { bytes.len() });
                    bytes[at] ^= 1 << dice.below(8);
                }
            }
            if let Ok(clip) = decode(&bytes, &LIMITS) {
                assert!(clip.samples.iter().all(|sample| sample.abs() <= 1.0), "{} round {round}", kind.file);
            }
        }
    }
}

#[test]
fn no_shape_panics_wherever_it_is_cut_or_damaged() {
    for (seed, shape) in corpus().iter().enumerate() {
        let mut dice = Dice(1_000 + seed as u64);
        let head = shape.bytes.len().min(400);
        for round in 0..40 {
            let mut bytes = shape.bytes.clone();
            match round % 4 {
                // Every cut of a head is another error.
                0 => bytes.truncate(1 + dice.below(head)),
                1 => bytes.truncate(1 + dice.below(shape.bytes.len())),
                2 => bytes[dice.below(head)..].iter_mut().take(8).for_each(|byte| *byte = 0xff),
                _ => (0..6).for_each(|_| bytes[dice.below(head)] ^= 1 << dice.below(8)),
            }
            match decode(&bytes, &LIMITS) {
                // No more sound than bytes can hold, whatever a header says.
                Ok(clip) => assert!(clip.duration() <= LIMITS.most, "{} round {round}", shape.name),
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    }
}

#[test]
fn a_wav_that_claims_more_than_it_has() {
    let mut recording = encode(&Clip::new(vec![0.25; 16_000], SampleRate::SPEECH), Encoding::Wav);
    recording[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    recording[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
    let clip = decode(&recording, &LIMITS).expect("the sound that is there");
    assert_eq!(clip.samples.len(), 16_000);
}

#[test]
fn what_is_no_recording_is_named() {
    let words = |bytes: &[u8]| decode(bytes, &LIMITS).expect_err("no recording").to_string();
    assert_eq!(decode(b"", &LIMITS), Err(AudioError::Empty));
    assert_eq!(
        words(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01"),
        "this is not a recording that can be read: it is a PNG picture; \
         send WAV, MP3, FLAC, Ogg, WebM/Opus, MP4/AAC, AIFF or CAF"
    );
    assert!(words(b"<!DOCTYPE html><html>").contains("HTML"));
    assert!(words(&[0; 4_096]).contains("no known kind"));
    let header_only = encode(&Clip::new(Vec::new(), SampleRate::SPEECH), Encoding::Wav);
    assert!(matches!(decode(&header_only, &LIMITS), Err(AudioError::TooShort { .. })));
}

#[test]
fn impossible_headers_are_refused() {
    let mut recording = encode(&Clip::new(vec![0.25; 16_000], SampleRate::SPEECH), Encoding::Wav);
    for rate in [0_u32, 1, 999, 400_000, u32::MAX] {
        recording[24..28].copy_from_slice(&rate.to_le_bytes());
        assert!(matches!(decode(&recording, &LIMITS), Err(AudioError::Damaged { .. })), "{rate} Hz");
    }
}
