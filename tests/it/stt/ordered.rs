//! Backends behind one another.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use rose::config::{Config, FakeSttConfig, Overrides, SttBackend};
use rose::providers::stt::{FakeSpeechToText, Ordered, SpeechToText, Transcription, TranscriptionRequest, build};
use rose::providers::{BuildError, Description, ProviderError};
use rose::weights::ModelStore;

use super::{empty_folder, request};
use crate::audio::original;

/// Answers every request with one error, and counts them.
struct Failing {
    error: ProviderError,
    asked: AtomicUsize,
}

impl Failing {
    fn with(error: ProviderError) -> Arc<Self> {
        Arc::new(Self { error, asked: AtomicUsize::new(0) })
    }
}

#[async_trait]
impl SpeechToText for Failing {
    fn describe(&self) -> Description {
        Description { backend: "failing", model: "none".into() }
    }

    async fn transcribe(&self, _request: TranscriptionRequest) -> Result<Transcription, ProviderError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Err(self.error.clone())
    }
}

fn fake() -> Arc<dyn SpeechToText> {
    let config = FakeSttConfig { text: Some("Hello.".into()), delay: Duration::ZERO, queue_length: 4 };
    Arc::new(FakeSpeechToText::start(&config).expect("a thread"))
}

fn busy() -> ProviderError {
    ProviderError::Busy { backend: "failing", retry_after: Duration::from_secs(1) }
}

#[tokio::test]
async fn the_next_answers_where_the_first_could_not() {
    let first = Failing::with(busy());
    let ordered = Ordered::new(first.clone(), vec![fake()]);
    assert_eq!(ordered.describe().backend, "failing");
    let heard = ordered.transcribe(request(original("jfk.wav"))).await.expect("an answer");
    assert_eq!((heard.text.as_str(), first.asked.load(Ordering::Relaxed)), ("Hello.", 1));
}

#[tokio::test]
async fn what_no_backend_can_mend_is_not_tried_again() {
    let first = Failing::with(ProviderError::InvalidInput { backend: "failing", reason: "no".into() });
    let second = Failing::with(busy());
    let outcome = Ordered::new(first, vec![second.clone()]).transcribe(request(original("jfk.wav"))).await;
    assert!(matches!(outcome, Err(ProviderError::InvalidInput { .. })));
    assert_eq!(second.asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn the_last_error_is_told() {
    let failed = ProviderError::Failed { backend: "failing", reason: "broken".into() };
    let outcome =
        Ordered::new(Failing::with(busy()), vec![Failing::with(failed)]).transcribe(request(original("jfk.wav"))).await;
    assert!(matches!(outcome, Err(ProviderError::Failed { .. })));
}

#[test]
fn what_cannot_be_built_makes_way_for_the_next() {
    let nowhere = empty_folder();
    let mut config = Config::defaults(&Overrides::default()).expect("valid settings");
    config.models.dir = nowhere.path().into();
    let models = ModelStore::open(&config.models).expect("a models folder");
    assert!(matches!(build(&config.stt, &models, None), Err(BuildError::Weights(_))));
    config.stt.backends = vec![SttBackend::Local, SttBackend::Fake];
    assert_eq!(build(&config.stt, &models, None).expect("the fake").describe().backend, "fake");
}
