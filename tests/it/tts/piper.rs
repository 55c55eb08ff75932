//! The local voice: as the official piper package speaks, at one level, understood by a listener.

use std::sync::{Arc, OnceLock};

use rose::config::LocalTtsConfig;
use rose::providers::tts::{Piper, Rendering, TextToSpeech, build};
use rose::weights::ModelStore;

use super::contract::contract;
use super::local::{self, settings};
use super::{STORY, chunk, say, spoken};

fn load(settings: &LocalTtsConfig, rendering: Rendering) -> Arc<dyn TextToSpeech> {
    let (voice, runtime) = local::files("en_US-joe-medium");
    Arc::new(Piper::load(voice, runtime, settings, rendering).expect("the voice loads"))
}

fn piper(places: usize) -> Arc<dyn TextToSpeech> {
    load(&settings("en_US-joe-medium", places), Rendering::Live)
}

/// The set's voice as the program has it, loaded once for the tests that don't fill its queue.
pub(crate) fn local() -> Arc<dyn TextToSpeech> {
    static LOCAL: OnceLock<Arc<dyn TextToSpeech>> = OnceLock::new();
    Arc::clone(LOCAL.get_or_init(|| {
        let config = crate::support::settings::tiny();
        let models = ModelStore::open(&config.models).expect("a models folder");
        build(&config.tts, &models).expect("the voice is installed")
    }))
}

contract!(piper);

#[derive(serde::Deserialize)]
struct Case {
    text: String,
    samples: usize,
}

#[tokio::test]
async fn it_speaks_as_the_official_package_does() {
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("../../fixtures/piper.json")).expect("the fixture is JSON");
    let mut sound =
        hound::WavReader::new(&include_bytes!("../../fixtures/piper.wav")[..]).expect("the fixture is a WAV");
    let expected: Vec<f32> =
        sound.samples::<i16>().map(|sample| f32::from(sample.expect("a sample")) / 32_767.0).collect();
    let voice = load(
        &LocalTtsConfig { noise_scale: Some(0.0), noise_width: Some(0.0), ..settings("en_US-joe-medium", 4) },
        Rendering::Reference,
    );
    assert_eq!(cases.len(), 10);
    let mut expected = expected.as_slice();
    for case in &cases {
        let (reference, rest) = expected.split_at(case.samples);
        expected = rest;
        let clip = spoken(&voice, say(&case.text)).await;
        assert_eq!(clip.samples.len(), reference.len(), "{}", case.text);
        let worst = clip.samples.iter().zip(reference).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-3, "{}: a sample is off by {worst}", case.text);
    }
    assert!(expected.is_empty());
}

#[tokio::test]
async fn every_sentence_is_at_one_level() {
    local::is_at_one_level(&local()).await;
}

#[cfg(feature = "stt-whisper")]
#[tokio::test]
async fn it_is_understood() {
    local::is_understood(&local(), None, 0.2).await;
}

#[tokio::test]
async fn a_long_sentence_begins_with_a_short_chunk() {
    let voice = local();
    let mut stream = voice.speak(say(STORY)).await.expect("the request is taken");
    let first = chunk(&mut stream).await.clip.duration().as_secs_f32();
    assert!((0.2..0.5).contains(&first), "the first chunk lasts {first} s");
}

#[tokio::test]
async fn the_voice_varies_from_time_to_time() {
    let voice = local();
    assert!(spoken(&voice, say("Good evening.")).await != spoken(&voice, say("Good evening.")).await);
}
