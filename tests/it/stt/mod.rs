//! Speech-to-text.

mod contract;
mod fake;
mod local;
mod openai;
mod ordered;

use std::path::Path;

use rose::domain::audio::{Clip, SampleRate};
use rose::providers::stt::TranscriptionRequest;
use tokio_util::sync::CancellationToken;

/// The fixtures, with the words spoken.
pub(crate) const SPOKEN: [(&str, &str); 3] = [
    (
        "jfk.wav",
        "And so, my fellow Americans: ask not what your country can do for you, ask what you can do for your country.",
    ),
    (
        "austen-0870.wav",
        "and mister john dashwood had then leisure to consider how much there might be prudently in his power to do for \
         them",
    ),
    ("austen-0890.wav", "unless to be rather cold hearted and rather selfish is to be ill disposed"),
];

fn request(clip: Clip) -> TranscriptionRequest {
    TranscriptionRequest::new(clip, CancellationToken::new())
}

/// The clips behind one another, with `pause_seconds` of silence between.
fn joined(clips: &[&Clip], pause_seconds: usize) -> Clip {
    let pause = vec![0.0; SampleRate::SPEECH.0 as usize * pause_seconds];
    let parts: Vec<&[f32]> = clips.iter().map(|clip| clip.samples.as_slice()).collect();
    Clip::new(parts.join(&pause[..]), SampleRate::SPEECH)
}

fn empty_folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).expect("a writable folder");
}
