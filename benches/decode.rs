//! Decoding: five seconds of WebM/Opus, as a browser records them, to a clip at 16 kHz.

mod budget;

use std::hint::black_box;
use std::process::Command;

use criterion::{Criterion, criterion_group, criterion_main};
use rose::audio::{DurationLimits, decode, resample};
use rose::domain::audio::SampleRate;

/// The fixture as MediaRecorder would have written it.
fn recording() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("recording.webm");
    let status = Command::new("ffmpeg")
        .args(["-hide_banner", "-loglevel", "error", "-nostdin", "-i"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/speech/austen-0890.wav"))
        .args(["-c:a", "libopus", "-live", "1"])
        .arg(&path)
        .status()
        .expect("ffmpeg, which set-up installs");
    assert!(status.success(), "ffmpeg makes the recording");
    std::fs::read(path).expect("what ffmpeg wrote")
}

fn decoding(criterion: &mut Criterion) {
    let recording = recording();
    let run = || {
        let clip = decode(&recording, &DurationLimits::ANY).expect("a recording");
        black_box(resample(&clip, SampleRate::SPEECH));
    };
    let name = "decode 5.3 s of webm/opus";
    budget::print_share(name, run);
    criterion.bench_function(name, |bencher| bencher.iter(run));
}

criterion_group!(benches, decoding);
criterion_main!(benches);
