//! What every voice activity backend keeps to.

use std::sync::Arc;
use std::time::Duration;

use rose::config::{Config, Overrides, VadBackend};
use rose::domain::audio::{Clip, SampleRate};
use rose::providers::ProviderError;
use rose::providers::vad::{
    FakeDetector, SpeechThresholds, VoiceActivityDetector, WINDOW, WINDOW_DURATION, build, speech_spans,
};
use rose::weights::ModelStore;

use crate::audio::original;

async fn keeps_the_contract(detector: Arc<dyn VoiceActivityDetector>) {
    assert!(!detector.describe().model.is_empty());
    speech_is_found_where_it_is(&*detector).await;
    pieces_are_heard_as_the_whole_is(&*detector).await;
    streams_do_not_disturb_each_other(&*detector).await;
    silence_has_no_speech(&*detector).await;
    another_rate_is_refused(&*detector).await;
}

async fn spans(detector: &dyn VoiceActivityDetector, clip: &Clip) -> Vec<std::ops::Range<Duration>> {
    speech_spans(detector, clip, SpeechThresholds::default()).await.expect("an answer")
}

async fn speech_is_found_where_it_is(detector: &dyn VoiceActivityDetector) {
    let speech = original("austen-0890.wav");
    let pause = vec![0.0; SampleRate::SPEECH.0 as usize * 2];
    let clip = Clip::new([&pause[..], &speech.samples, &pause].concat(), SampleRate::SPEECH);
    let found = spans(detector, &clip).await;
    let (first, last) = (found.first().expect("speech"), found.last().expect("speech"));
    assert!((2.0..2.6).contains(&first.start.as_secs_f32()), "starts at {:?}", first.start);
    assert!((6.9..7.7).contains(&last.end.as_secs_f32()), "ends at {:?}", last.end);
    assert!(found.windows(2).all(|pair| pair[0].end <= pair[1].start), "in order: {found:?}");
}

async fn pieces_are_heard_as_the_whole_is(detector: &dyn VoiceActivityDetector) {
    let clip = original("jfk.wav");
    let whole = detector.listen().push(&clip.samples).await.expect("an answer");
    assert_eq!(whole.len(), clip.samples.len() / WINDOW);
    assert!(whole.iter().all(|probability| (0.0..=1.0).contains(probability)));
    for length in [160, 4_801] {
        let mut stream = detector.listen();
        let mut heard = Vec::new();
        for piece in clip.samples.chunks(length) {
            heard.extend(stream.push(piece).await.expect("an answer"));
        }
        assert_eq!(heard.len(), whole.len());
        assert!(heard.iter().zip(&whole).all(|(a, b)| (a - b).abs() < 1e-4), "in pieces of {length}");
    }
}

async fn streams_do_not_disturb_each_other(detector: &dyn VoiceActivityDetector) {
    let (one, other) = (original("jfk.wav"), original("austen-0870.wav"));
    let alone = detector.listen().push(&one.samples[..16_384]).await.expect("an answer");
    let (mut first, mut second) = (detector.listen(), detector.listen());
    let mut heard = Vec::new();
    for (piece, disturbance) in one.samples[..16_384].chunks(512).zip(other.samples.chunks(512)) {
        heard.extend(first.push(piece).await.expect("an answer"));
        second.push(disturbance).await.expect("an answer");
    }
    assert!(heard.iter().zip(&alone).all(|(a, b)| (a - b).abs() < 1e-4));
}

async fn silence_has_no_speech(detector: &dyn VoiceActivityDetector) {
    for length in [0, 1, WINDOW, 16_000 * 30] {
        assert_eq!(spans(detector, &Clip::new(vec![0.0; length], SampleRate::SPEECH)).await, []);
    }
}

async fn another_rate_is_refused(detector: &dyn VoiceActivityDetector) {
    let clip = Clip::new(vec![0.0; 48_000], SampleRate(48_000));
    let outcome = speech_spans(detector, &clip, SpeechThresholds::default()).await;
    assert!(matches!(outcome, Err(ProviderError::InvalidInput { .. })));
}

#[tokio::test]
async fn the_fake_keeps_it() {
    let fake = Arc::new(FakeDetector);
    assert_eq!(fake.describe().backend, "fake");
    keeps_the_contract(fake).await;
}

#[tokio::test]
async fn the_local_one_keeps_it() {
    let local = super::silero::local();
    assert_eq!(local.describe().backend, "local");
    keeps_the_contract(local).await;
}

#[test]
fn a_window_lasts_as_long_as_its_samples() {
    assert_eq!(WINDOW_DURATION, SampleRate::SPEECH.duration_of(WINDOW));
}

#[test]
fn what_cannot_be_built_makes_way_for_the_next() {
    let mut config = Config::defaults(&Overrides::default()).expect("valid settings");
    let nowhere = tempfile::tempdir().expect("a temporary folder");
    config.models.dir = nowhere.path().into();
    let models = ModelStore::open(&config.models).expect("a models folder");
    assert!(build(&config.vad, &models).is_err());
    config.vad.backends.push(VadBackend::Fake);
    assert_eq!(build(&config.vad, &models).expect("the fake").describe().backend, "fake");
}
