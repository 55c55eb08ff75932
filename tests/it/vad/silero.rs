//! The local model: as its own package hears, and deaf to what is no speech.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rose::domain::audio::SampleRate;
use rose::providers::vad::{SpeechThresholds, VoiceActivityDetector, build, speech_spans};
use rose::weights::ModelStore;

use crate::audio::{original, sounds};

/// The set's model, loaded once for all tests.
pub(crate) fn local() -> Arc<dyn VoiceActivityDetector> {
    static LOCAL: OnceLock<Arc<dyn VoiceActivityDetector>> = OnceLock::new();
    Arc::clone(LOCAL.get_or_init(|| {
        let config = crate::support::settings::tiny();
        let models = ModelStore::open(&config.models).expect("a models folder");
        build(&config.vad, &models).expect("the voice activity model is installed")
    }))
}

/// `tests/fixtures/make_vad_fixture.py` wrote them.
#[derive(serde::Deserialize)]
struct Reference {
    probabilities: Vec<f32>,
    /// In samples.
    spans: Vec<(usize, usize)>,
}

fn references() -> BTreeMap<String, Reference> {
    serde_json::from_str(include_str!("../../fixtures/vad.json")).expect("the fixture is JSON")
}

#[tokio::test]
async fn hears_as_its_own_package_does() {
    let references = references();
    assert_eq!(references.len(), 3);
    for (name, reference) in references {
        let clip = original(&name);
        let heard = local().listen().push(&clip.samples).await.expect("an answer");
        assert_eq!(heard.len(), clip.samples.len() / 512);
        for (window, (ours, theirs)) in heard.iter().zip(&reference.probabilities).enumerate() {
            assert!((ours - theirs).abs() < 1e-3, "{name}, window {window}: {ours} instead of {theirs}");
        }
        let spans = speech_spans(&*local(), &clip, SpeechThresholds::default()).await.expect("an answer");
        let theirs = reference
            .spans
            .iter()
            .map(|(start, end)| SampleRate::SPEECH.duration_of(*start)..SampleRate::SPEECH.duration_of(*end));
        assert_eq!(spans, theirs.collect::<Vec<_>>(), "{name}");
    }
}

#[tokio::test]
async fn what_is_no_speech_is_not_heard() {
    for (name, clip) in sounds::wordless(Duration::from_secs(20)) {
        let spans = speech_spans(&*local(), &clip, SpeechThresholds::default()).await.expect("an answer");
        assert_eq!(spans, [], "{name}");
    }
}
