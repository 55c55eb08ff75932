//! Recordings, good and bad.

use std::path::PathBuf;
use std::process::Command;

pub fn fixture(name: &str) -> Vec<u8> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/speech").join(name);
    std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

pub fn jfk() -> Vec<u8> {
    fixture("jfk.wav")
}

/// 16 kHz mono, 16 bits; `data_bytes` is what the header claims of the sound.
fn wav_claiming(samples: &[i16], data_bytes: u32) -> Vec<u8> {
    let mut wav = Vec::new();
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&data_bytes.saturating_add(36).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt ");
    wav.extend_from_slice(&16u32.to_le_bytes());
    wav.extend_from_slice(&1u16.to_le_bytes());
    wav.extend_from_slice(&1u16.to_le_bytes());
    wav.extend_from_slice(&16_000u32.to_le_bytes());
    wav.extend_from_slice(&32_000u32.to_le_bytes());
    wav.extend_from_slice(&2u16.to_le_bytes());
    wav.extend_from_slice(&16u16.to_le_bytes());
    wav.extend_from_slice(b"data");
    wav.extend_from_slice(&data_bytes.to_le_bytes());
    samples.iter().for_each(|sample| wav.extend_from_slice(&sample.to_le_bytes()));
    wav
}

pub fn wav(samples: &[i16]) -> Vec<u8> {
    wav_claiming(samples, samples.len() as u32 * 2)
}

/// `seconds` of a 220 Hz tone.
pub fn tone(seconds: f32) -> Vec<u8> {
    let samples: Vec<i16> = (0..(seconds * 16_000.0) as usize)
        .map(|t| ((t as f32 * 220.0 * std::f32::consts::TAU / 16_000.0).sin() * 8000.0) as i16)
        .collect();
    wav(&samples)
}

pub fn silence(seconds: f32) -> Vec<u8> {
    wav(&vec![0; (seconds * 16_000.0) as usize])
}

/// A header that promises 4 GB, and a little sound.
pub fn claims_four_gigabytes() -> Vec<u8> {
    wav_claiming(&[100; 160], u32::MAX - 36)
}

/// A picture of one pixel.
pub fn png() -> Vec<u8> {
    vec![
        0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', 0, 0, 0, 13, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0, 0, 1,
        8, 6, 0, 0, 0, 0x1f, 0x15, 0xc4, 0x89, 0, 0, 0, 13, b'I', b'D', b'A', b'T', 0x78, 0xda, 0x63, 0x64, 0x60, 0xf8,
        0x5f, 0x0f, 0, 2, 0x87, 1, 0x80, 0xeb, 0x47, 0xba, 0x92, 0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60,
        0x82,
    ]
}

/// A fixture in another container, its ending that of `file`, made by ffmpeg.
pub fn converted(name: &str, file: &str, arguments: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let made = folder.path().join(file);
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/speech").join(name);
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-loglevel", "error", "-i"]).arg(source).args(arguments).arg(&made);
    let status = ffmpeg.status().expect("ffmpeg is installed: `make setup`");
    assert!(status.success(), "ffmpeg made no {file}");
    std::fs::read(&made).expect("what ffmpeg made")
}
