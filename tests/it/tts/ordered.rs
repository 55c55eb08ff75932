//! Voices behind one another.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use rose::config::{Config, FakeTtsConfig, Overrides};
use rose::domain::audio::{Clip, SampleRate};
use rose::domain::stage::EngineTiming;
use rose::providers::tts::{
    FakeVoice, Ordered, SpeechChunk, SpeechRequest, SpeechStream, TextToSpeech, Voice, build, collect,
};
use rose::providers::{Description, ProviderError};
use rose::weights::ModelStore;

use super::{say, spoken};

/// Fails after so many chunks; 0 refuses at once where `at_once`, else with the first item.
struct Failing {
    after: usize,
    at_once: bool,
    error: ProviderError,
}

#[async_trait]
impl TextToSpeech for Failing {
    fn describe(&self) -> Description {
        Description { backend: "failing", model: "none".into() }
    }

    fn sample_rate(&self) -> SampleRate {
        SampleRate(22_050)
    }

    fn voices(&self) -> Vec<Voice> {
        vec![Voice::named("failing-voice")]
    }

    async fn speak(&self, _request: SpeechRequest) -> Result<SpeechStream, ProviderError> {
        if self.at_once {
            return Err(self.error.clone());
        }
        let chunk = SpeechChunk { clip: Clip::new(vec![0.5; 10], self.sample_rate()), timing: EngineTiming::default() };
        let items: Vec<_> = vec![Ok(chunk); self.after].into_iter().chain([Err(self.error.clone())]).collect();
        Ok(Box::pin(stream::iter(items)))
    }
}

fn broken() -> ProviderError {
    ProviderError::Failed { backend: "failing", reason: "out of order".into() }
}

fn behind(first: Failing, rate: SampleRate) -> Arc<dyn TextToSpeech> {
    let fake = FakeVoice::new(&FakeTtsConfig { sample_rate: rate, concurrency: 4, chunk_delay: Duration::ZERO });
    Arc::new(Ordered::new(Arc::new(first), vec![Arc::new(fake)]))
}

#[tokio::test]
async fn the_next_one_speaks_where_the_first_can_not() {
    for error in [
        broken(),
        ProviderError::Busy { backend: "failing", retry_after: Duration::from_secs(1) },
        ProviderError::Timeout { backend: "failing", after: Duration::from_secs(1) },
    ] {
        for at_once in [true, false] {
            let voice = behind(Failing { after: 0, at_once, error: error.clone() }, SampleRate(22_050));
            assert!(spoken(&voice, say("Good evening.")).await.rms() > 0.01);
        }
    }
}

#[tokio::test]
async fn a_voice_that_the_next_one_lacks_does_not_silence_it() {
    let voice = behind(Failing { after: 0, at_once: true, error: broken() }, SampleRate(22_050));
    let mut request = say("Good evening.");
    request.voice = Some("failing-voice".into());
    assert!(spoken(&voice, request).await.rms() > 0.01);
}

#[tokio::test]
async fn what_no_retry_mends_is_not_tried_again() {
    let error = ProviderError::InvalidInput { backend: "failing", reason: "no".into() };
    let voice = behind(Failing { after: 0, at_once: true, error }, SampleRate(22_050));
    assert!(matches!(voice.speak(say("Good evening.")).await.err(), Some(ProviderError::InvalidInput { .. })));
}

#[tokio::test]
async fn a_sentence_is_never_spoken_by_two_voices() {
    let voice = behind(Failing { after: 2, at_once: false, error: broken() }, SampleRate(22_050));
    let items: Vec<_> = voice.speak(say("Good evening.")).await.expect("it begins").collect().await;
    assert_eq!(items.iter().filter(|item| item.is_ok()).count(), 2);
    assert!(matches!(items.last(), Some(Err(ProviderError::Failed { .. }))));
}

#[tokio::test]
async fn every_chunk_is_at_one_rate() {
    let voice = behind(Failing { after: 0, at_once: true, error: broken() }, SampleRate(16_000));
    let stream = voice.speak(say("Good evening.")).await.expect("the next one speaks");
    let chunks: Vec<_> = stream.map(|chunk| chunk.expect("no error").clip).collect().await;
    assert!(chunks.iter().all(|clip| clip.rate == SampleRate(22_050) && !clip.samples.is_empty()));
    let fake = FakeTtsConfig { sample_rate: SampleRate(16_000), concurrency: 4, chunk_delay: Duration::ZERO };
    let alone: Arc<dyn TextToSpeech> = Arc::new(FakeVoice::new(&fake));
    let alone = spoken(&alone, say("Good evening.")).await.duration().as_secs_f32();
    let heard: f32 = chunks.iter().map(|clip| clip.duration().as_secs_f32()).sum();
    assert!((heard - alone).abs() < 0.001, "{heard} s instead of {alone} s");
}

#[tokio::test]
async fn a_backend_that_can_not_be_built_is_left_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let overrides = Overrides { models_dir: Some(folder.path().join("none")), ..Overrides::default() };
    let mut config = Config::defaults(&overrides).expect("the defaults are valid");
    let models = ModelStore::open(&config.models).expect("a store");
    assert!(build(&config.tts, &models).is_err(), "a voice without weights was built");
    config.tts.backends.push(rose::config::TtsBackend::Fake);
    let voice = build(&config.tts, &models).expect("the fake needs nothing");
    let stream = voice.speak(say("Good evening.")).await.expect("the request is taken");
    assert!(collect(voice.sample_rate(), stream).await.is_ok());
}
