//! What every speech-to-text backend promises.

use std::sync::Arc;
use std::time::Duration;

use rose::domain::audio::{Clip, SampleRate};
use rose::providers::ProviderError;
use rose::providers::stt::SpeechToText;

use super::{joined, request};
use crate::audio::original;

/// Runs the suite over a backend: `contract!(make)` with `make: fn(queue_length) -> Arc<dyn SpeechToText>`.
macro_rules! contract {
    ($make:path) => {
        contract!(
            $make,
            transcribes,
            hears_nothing_in_silence,
            is_cancelled_before_it_begins,
            is_cancelled_while_it_works,
            gives_its_place_back_when_dropped,
            is_busy_at_once_when_full,
            refuses_another_rate,
            says_what_it_is
        );
    };
    ($make:path, $($promise:ident),+) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $promise() {
            crate::stt::contract::$promise($make).await;
        })+
    };
}
pub(super) use contract;

type Make = fn(usize) -> Arc<dyn SpeechToText>;

pub(super) async fn transcribes(make: Make) {
    let clip = original("jfk.wav");
    let length = clip.duration();
    let heard = make(4).transcribe(request(clip)).await.expect("an answer");
    assert!(!heard.text.is_empty());
    assert!(!format!("{heard:?}").contains(&heard.text), "words in a debug print");
    let joined: Vec<_> = heard.segments.iter().map(|segment| segment.text.as_str()).collect();
    assert_eq!(joined.join(" "), heard.text);
    assert!(heard.segments.iter().all(|segment| segment.start <= segment.end && segment.end <= length));
    assert!(heard.segments.windows(2).all(|pair| pair[0].end <= pair[1].start), "out of order");
}

pub(super) async fn hears_nothing_in_silence(make: Make) {
    let backend = make(4);
    for length in [0, 1, 160, 16_000, 16_000 * 60] {
        let silence = Clip::new(vec![0.0; length], SampleRate::SPEECH);
        let heard = backend.transcribe(request(silence)).await.expect("an answer");
        assert_eq!((heard.text.as_str(), heard.segments.len()), ("", 0), "{length} samples");
    }
}

pub(super) async fn is_cancelled_before_it_begins(make: Make) {
    let request = request(original("austen-0890.wav"));
    request.cancel.cancel();
    let outcome = make(4).transcribe(request).await;
    assert!(matches!(outcome, Err(ProviderError::Cancelled)));
}

pub(super) async fn is_cancelled_while_it_works(make: Make) {
    let backend = make(1);
    let request = request(long_speech());
    let cancel = request.cancel.clone();
    let working = tokio::spawn({
        let backend = Arc::clone(&backend);
        async move { backend.transcribe(request).await }
    });
    tokio::task::yield_now().await;
    cancel.cancel();
    assert!(matches!(working.await.expect("no panic"), Err(ProviderError::Cancelled)));
    is_free_again(&*backend).await;
}

pub(super) async fn gives_its_place_back_when_dropped(make: Make) {
    let backend = make(1);
    {
        let mut working = std::pin::pin!(backend.transcribe(request(long_speech())));
        // Polled once: it has been handed over.
        let first = futures::poll!(working.as_mut());
        assert!(first.is_pending());
    }
    is_free_again(&*backend).await;
}

pub(super) async fn is_busy_at_once_when_full(make: Make) {
    let backend = make(1);
    let requests: Vec<_> = (0..4).map(|_| request(long_speech())).collect();
    let cancels: Vec<_> = requests.iter().map(|request| request.cancel.clone()).collect();
    let mut answers: futures::stream::FuturesUnordered<_> =
        requests.into_iter().map(|request| backend.transcribe(request)).collect();
    // One works, one waits: of four, at least two are told so before any is done.
    let mut told = 0;
    while told < 2 {
        match futures::StreamExt::next(&mut answers).await.expect("more answers") {
            Err(ProviderError::Busy { retry_after, .. }) => {
                assert!(retry_after > Duration::ZERO);
                told += 1;
            }
            Err(error) => panic!("instead of busy: {error}"),
            Ok(_) => panic!("one was done before {told} of the others had been told that it was busy"),
        }
    }
    cancels.iter().for_each(tokio_util::sync::CancellationToken::cancel);
    while let Some(answer) = futures::StreamExt::next(&mut answers).await {
        assert!(matches!(answer, Err(ProviderError::Cancelled | ProviderError::Busy { .. })));
    }
}

pub(super) async fn refuses_another_rate(make: Make) {
    let clip = Clip::new(vec![0.1; 48_000], SampleRate(48_000));
    let outcome = make(4).transcribe(request(clip)).await;
    assert!(matches!(outcome, Err(ProviderError::InvalidInput { .. })));
}

pub(super) async fn says_what_it_is(make: Make) {
    let description = make(4).describe();
    assert!(!description.backend.is_empty() && !description.model.is_empty());
}

/// Long enough that no test is done with it by chance.
fn long_speech() -> Clip {
    let speech = original("jfk.wav");
    joined(&[&speech; 8], 0)
}

/// What was given up leaves the engine within a moment: then it takes a clip again.
async fn is_free_again(backend: &dyn SpeechToText) {
    loop {
        match backend.transcribe(request(original("austen-0890.wav"))).await {
            Ok(heard) => return assert!(!heard.text.is_empty()),
            Err(ProviderError::Busy { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("not free again: {error}"),
        }
    }
}
