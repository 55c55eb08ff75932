//! Recordings in many containers, made by ffmpeg from the speech fixtures.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use rose::audio::{DurationLimits, decode, resample};
use rose::domain::audio::{Clip, SampleRate};

/// The fixture that the containers hold.
pub(crate) const SPEECH: &str = "austen-0890.wav";

/// A container and codec, with how its sound may differ from the original.
pub(crate) struct Kind {
    /// The file name too: ffmpeg judges the container by its ending.
    pub(crate) file: &'static str,
    pub(crate) arguments: &'static [&'static str],
    /// The least correlation with the original.
    pub(crate) likeness: f32,
    /// Where the file doesn't say how long the encoder's delay is: samples at 16 kHz.
    pub(crate) delay: i32,
}

const fn kind(file: &'static str, arguments: &'static [&'static str], likeness: f32) -> Kind {
    Kind { file, arguments, likeness, delay: 0 }
}

/// Codecs that drop what is not heard, and the band above 4 kHz at a rate of 8, make a likeness below 1.
const KINDS: &[Kind] = &[
    kind("pcm16.wav", &["-c:a", "pcm_s16le"], 0.9999),
    kind("pcm24-96k-5.1.wav", &["-c:a", "pcm_s24le", "-ar", "96000", "-ac", "6"], 0.99),
    kind("float-44k-stereo.wav", &["-c:a", "pcm_f32le", "-ar", "44100", "-ac", "2"], 0.99),
    kind("pcm8-8k.wav", &["-c:a", "pcm_u8", "-ar", "8000"], 0.8),
    kind("mulaw.wav", &["-c:a", "pcm_mulaw"], 0.98),
    kind("adpcm.wav", &["-c:a", "adpcm_ima_wav"], 0.98),
    kind("44k-stereo.mp3", &["-c:a", "libmp3lame", "-ar", "44100", "-ac", "2"], 0.97),
    kind("16k.mp3", &["-c:a", "libmp3lame", "-ar", "16000"], 0.97),
    kind("8k.mp3", &["-c:a", "libmp3lame", "-ar", "8000"], 0.8),
    kind("tagged.mp3", &["-c:a", "libmp3lame", "-metadata", "title=Norland", "-id3v2_version", "4"], 0.97),
    kind("plain.flac", &["-c:a", "flac"], 0.9999),
    kind("stereo-48k.flac", &["-c:a", "flac", "-ar", "48000", "-ac", "2"], 0.999),
    kind("vorbis.ogg", &["-c:a", "libvorbis", "-ar", "48000"], 0.95),
    kind("opus.ogg", &["-c:a", "libopus", "-b:a", "32k"], 0.9),
    kind("opus-stereo.ogg", &["-c:a", "libopus", "-b:a", "64k", "-ac", "2"], 0.9),
    kind("opus-short-frames.ogg", &["-c:a", "libopus", "-frame_duration", "2.5", "-application", "lowdelay"], 0.9),
    kind("opus-long-frames.ogg", &["-c:a", "libopus", "-frame_duration", "60"], 0.9),
    kind("opus-one-page.ogg", &["-c:a", "libopus", "-page_duration", "20000000"], 0.9),
    kind("opus.webm", &["-c:a", "libopus"], 0.9),
    // As MediaRecorder in Chrome and Firefox: clusters of unknown size, no cues, no duration.
    kind("opus-live.webm", &["-c:a", "libopus", "-live", "1", "-cluster_time_limit", "1000"], 0.9),
    kind("vorbis.webm", &["-c:a", "libvorbis", "-ar", "48000"], 0.95),
    kind("aac.m4a", &["-c:a", "aac", "-b:a", "96k", "-ar", "44100"], 0.95),
    kind("aac-stereo-faststart.m4a", &["-c:a", "aac", "-ar", "48000", "-ac", "2", "-movflags", "faststart"], 0.95),
    // As MediaRecorder in Safari, with and without an edit list.
    kind(
        "aac-fragmented.mp4",
        &["-c:a", "aac", "-ar", "48000", "-movflags", "delay_moov+default_base_moof", "-frag_duration", "1000000"],
        0.95,
    ),
    Kind {
        file: "aac-fragmented-bare.mp4",
        arguments: &[
            "-c:a",
            "aac",
            "-ar",
            "48000",
            "-movflags",
            "empty_moov+default_base_moof",
            "-frag_duration",
            "1000000",
        ],
        likeness: 0.95,
        delay: 341,
    },
    kind("opus.mp4", &["-c:a", "libopus"], 0.9),
    kind("alac.m4a", &["-c:a", "alac"], 0.9999),
    // A stream without a container can't say what its encoder added: 1024 samples at 48 kHz.
    Kind { file: "raw.aac", arguments: &["-c:a", "aac", "-ar", "48000"], likeness: 0.95, delay: 341 },
];

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/speech").join(name)
}

/// A speech fixture as it is: 16 kHz mono.
pub(crate) fn original(name: &str) -> Clip {
    let clip = decode(&std::fs::read(fixture(name)).expect("a fixture"), &DurationLimits::ANY).expect("a WAV file");
    assert_eq!(clip.rate, SampleRate::SPEECH);
    clip
}

/// [`SPEECH`] in every container, made once.
pub(crate) fn made() -> &'static [(&'static Kind, Vec<u8>)] {
    static MADE: OnceLock<Vec<(&Kind, Vec<u8>)>> = OnceLock::new();
    let make = |kind: &'static Kind| (kind, converted(&fixture(SPEECH), kind.file, kind.arguments));
    MADE.get_or_init(|| KINDS.iter().map(make).collect())
}

pub(crate) fn converted(from: &Path, file: &str, arguments: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(file);
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-loglevel", "error", "-nostdin", "-y", "-i"])
        .arg(from)
        .args(arguments)
        .arg(&path)
        .output()
        .expect("ffmpeg, which set-up installs");
    assert!(output.status.success(), "{file}: {}", String::from_utf8_lossy(&output.stderr));
    std::fs::read(&path).expect("what ffmpeg wrote")
}

pub(crate) fn decoded_at_16k(recording: &[u8]) -> Clip {
    let clip = decode(recording, &DurationLimits::ANY).expect("a recording that decodes");
    resample(&clip, SampleRate::SPEECH)
}

/// How far `got` lies behind `wanted`, in samples, and how like it is there (Pearson's correlation).
pub(crate) fn alignment(got: &[f32], wanted: &[f32], within: i32) -> (i32, f32) {
    (-within..=within)
        .map(|lag| (lag, correlation(got, wanted, lag)))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .expect("a lag of 0 is tried")
}

fn correlation(got: &[f32], wanted: &[f32], lag: i32) -> f32 {
    let (got, wanted) = match usize::try_from(lag) {
        Ok(lag) => (&got[lag.min(got.len())..], wanted),
        Err(_) => (got, &wanted[lag.unsigned_abs() as usize..]),
    };
    let (mut product, mut one, mut other) = (0.0, 0.0, 0.0);
    for (a, b) in got.iter().zip(wanted) {
        product += a * b;
        one += a * a;
        other += b * b;
    }
    product / (one * other).sqrt().max(1e-12)
}
