//! What every local voice is held to, and where its files are.

use std::sync::Arc;

use rose::config::{LocalTtsConfig, ModelReference};
use rose::domain::audio::Clip;
use rose::providers::tts::TextToSpeech;
use rose::weights::{Capability, InstalledModel, ModelStore};

use super::{STORY, say, spoken};

/// A voice's files and the runtime's.
pub(super) fn files(model: &str) -> (InstalledModel, InstalledModel) {
    let config = crate::support::settings::tiny();
    let models = ModelStore::open(&config.models).expect("a models folder");
    let voice = models.installed(Capability::TextToSpeech, &ModelReference::Named(model.into()));
    let runtime = models.installed(Capability::OnnxRuntime, &ModelReference::FromSet);
    (voice.expect("the voice is installed"), runtime.expect("the runtime is installed"))
}

pub(super) fn settings(model: &str, queue_length: usize) -> LocalTtsConfig {
    let model = ModelReference::Named(model.into());
    LocalTtsConfig { model, threads: 2, queue_length, noise_scale: None, noise_width: None }
}

pub(super) async fn is_at_one_level(voice: &Arc<dyn TextToSpeech>) {
    let mut levels = Vec::new();
    for text in
        ["Yes.", "Good evening, my dear.", "Stop! Wait! Don't go yet!", "What would help you sleep tonight?", STORY]
    {
        let clip = spoken(voice, say(text)).await;
        let active: Vec<f32> = clip.samples.iter().copied().filter(|sample| sample.abs() > 0.02).collect();
        levels.push(20.0 * Clip::new(active, clip.rate).rms().log10());
        assert!(clip.samples.iter().all(|sample| sample.abs() < 1.0), "it clips");
    }
    let (quietest, loudest) =
        levels.iter().fold((f32::MAX, f32::MIN), |(low, high), level| (low.min(*level), high.max(*level)));
    assert!(loudest - quietest < 4.0, "levels in dB: {levels:?}");
    assert!((-24.0..-15.0).contains(&quietest), "levels in dB: {levels:?}");
}

/// What a listener understands of it: whisper's, since no person is at hand.
#[cfg(feature = "stt-whisper")]
pub(super) async fn is_understood(voice: &Arc<dyn TextToSpeech>, name: Option<&str>, most_errors: f64) {
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
        let mut request = say(text);
        request.voice = name.map(str::to_owned);
        let clip = spoken(voice, request).await;
        let request = TranscriptionRequest {
            language: Some("en".into()),
            ..TranscriptionRequest::new(resample(&clip, SampleRate::SPEECH), tokio_util::sync::CancellationToken::new())
        };
        let heard = listener.transcribe(request).await.expect("a transcription").text;
        let errors = word_error_rate(text, &heard);
        assert!(errors <= most_errors, "{text:?} was heard as {heard:?}: word error rate {errors}");
    }
}
