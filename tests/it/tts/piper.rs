//! The local voice: as the official piper package speaks, at one level, understood by a listener.

use std::sync::{Arc, OnceLock};

use rose::config::{Config, LocalTtsConfig, ModelReference};
use rose::providers::tts::{Piper, Rendering, TextToSpeech, build};
use rose::weights::{Capability, ModelStore};

use super::contract::contract;
use super::{STORY, chunk, say, spoken};

fn load(settings: &LocalTtsConfig, rendering: Rendering) -> Arc<dyn TextToSpeech> {
    let config = crate::support::settings::tiny();
    let models = ModelStore::open(&config.models).expect("a models folder");
    let voice = models.installed(Capability::TextToSpeech, &ModelReference::FromSet).expect("the voice is installed");
    let runtime =
        models.installed(Capability::OnnxRuntime, &ModelReference::FromSet).expect("the runtime is installed");
    Arc::new(Piper::load(voice, runtime, settings, rendering).expect("the voice loads"))
}

fn settings(queue_length: usize) -> LocalTtsConfig {
    LocalTtsConfig { model: ModelReference::FromSet, threads: 2, queue_length, noise_scale: None, noise_width: None }
}

fn piper(places: usize) -> Arc<dyn TextToSpeech> {
    load(&settings(places), Rendering::Live)
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
    let voice =
        load(&LocalTtsConfig { noise_scale: Some(0.0), noise_width: Some(0.0), ..settings(4) }, Rendering::Reference);
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
    let voice = local();
    let mut levels = Vec::new();
    for text in
        ["Yes.", "Good evening, my dear.", "Stop! Wait! Don't go yet!", "What would help you sleep tonight?", STORY]
    {
        let clip = spoken(&voice, say(text)).await;
        let active: Vec<f32> = clip.samples.iter().copied().filter(|sample| sample.abs() > 0.02).collect();
        levels.push(20.0 * rose::domain::audio::Clip::new(active, clip.rate).rms().log10());
        assert!(clip.samples.iter().all(|sample| sample.abs() < 1.0), "it clips");
    }
    let (quietest, loudest) =
        levels.iter().fold((f32::MAX, f32::MIN), |(low, high), level| (low.min(*level), high.max(*level)));
    assert!(loudest - quietest < 3.0, "levels in dB: {levels:?}");
    assert!((-24.0..-15.0).contains(&quietest), "levels in dB: {levels:?}");
}

/// What a listener understands of it: whisper's, since no person is at hand.
#[cfg(feature = "stt-whisper")]
#[tokio::test]
async fn it_is_understood() {
    use rose::audio::resample;
    use rose::domain::audio::SampleRate;
    use rose::domain::word_error_rate::word_error_rate;
    use rose::providers::stt::{TranscriptionRequest, build};

    let config = crate::support::settings::tiny();
    let models = ModelStore::open(&config.models).expect("a models folder");
    let listener = build(&config.stt, &models, None).expect("the speech-to-text model is installed");
    for text in [
        "Tonight the kettle is on, and there is a chair by the fire for you.",
        "What would help you feel a little calmer before you go to sleep?",
        "Doctor Smith told her brother to take a long walk every morning... and to breathe slowly.",
    ] {
        let clip = spoken(&local(), say(text)).await;
        let request = TranscriptionRequest {
            clip: Arc::new(resample(&clip, SampleRate::SPEECH)),
            language: Some("en".into()),
            likely: None,
            cancel: tokio_util::sync::CancellationToken::new(),
        };
        let heard = listener.transcribe(request).await.expect("a transcription").text;
        let errors = word_error_rate(text, &heard);
        assert!(errors <= 0.2, "{text:?} was heard as {heard:?}: word error rate {errors}");
    }
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
