//! What every voice promises, whatever speaks.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use rose::providers::ProviderError;
use rose::providers::tts::{TextToSpeech, collect};

use super::{STORY, chunk, say, spoken, spoken_once_free};

/// Runs the suite over a backend: `contract!(make)` with `make: fn(usize) -> Arc<dyn TextToSpeech>`, which takes how
/// many requests may wait or run before one is told that it is busy.
macro_rules! contract {
    ($make:path) => {
        contract!(
            $make,
            speaks,
            comes_in_chunks_that_join,
            stops_when_cancelled,
            is_cancelled_before_it_begins,
            gives_its_place_back_when_dropped,
            is_busy_at_once_when_full,
            refuses_an_unknown_voice,
            takes_each_of_its_voices,
            refuses_a_text_without_words,
            refuses_a_pace_out_of_range,
            takes_every_script,
            speaks_faster_and_slower,
            says_what_it_is
        );
    };
    ($make:path, $($promise:ident),+) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $promise() {
            super::contract::$promise($make).await;
        })+
    };
}
pub(super) use contract;

type Make = fn(usize) -> Arc<dyn TextToSpeech>;

const PLACES: usize = 4;

pub(super) async fn speaks(make: Make) {
    let voice = make(PLACES);
    let clip = spoken(&voice, say("Good evening, and welcome home.")).await;
    assert_eq!(clip.rate, voice.sample_rate());
    assert!((0.8..5.0).contains(&clip.duration().as_secs_f32()), "it lasts {:?}", clip.duration());
    assert!(clip.rms() > 0.01, "nothing can be heard");
    assert!(clip.samples.iter().all(|sample| sample.is_finite() && sample.abs() <= 1.0), "a sample is out of range");
}

pub(super) async fn comes_in_chunks_that_join(make: Make) {
    let voice = make(PLACES);
    let mut stream = voice.speak(say(STORY)).await.expect("the request is taken");
    let (mut chunks, mut samples) = (0, 0);
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.expect("no error");
        assert_eq!(chunk.clip.rate, voice.sample_rate());
        assert!(!chunk.clip.samples.is_empty(), "an empty chunk");
        chunks += 1;
        samples += chunk.clip.samples.len();
    }
    assert!(chunks > 2, "{chunks} chunks: it doesn't stream");
    let streamed = voice.sample_rate().duration_of(samples).as_secs_f32();
    let whole = spoken(&voice, say(STORY)).await.duration().as_secs_f32();
    assert!((streamed / whole - 1.0).abs() < 0.1, "streamed {streamed} s, collected {whole} s");
}

pub(super) async fn stops_when_cancelled(make: Make) {
    let voice = make(PLACES);
    let request = say(&STORY.repeat(4));
    let cancel = request.cancel.clone();
    let mut stream = voice.speak(request).await.expect("the request is taken");
    chunk(&mut stream).await;
    cancel.cancel();
    let mut more = 0;
    let end = loop {
        match stream.next().await.expect("the stream says that it was cancelled") {
            Ok(_) => more += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(end, ProviderError::Cancelled), "it ended with {end}");
    // One chunk may be under way.
    assert!(more <= 1, "{more} chunks came after the cancellation");
    assert!(stream.next().await.is_none());
}

pub(super) async fn is_cancelled_before_it_begins(make: Make) {
    let voice = make(PLACES);
    let request = say(STORY);
    request.cancel.cancel();
    let outcome = match voice.speak(request).await {
        Ok(mut stream) => stream.next().await.expect("an answer").map(|_| ()),
        Err(error) => Err(error),
    };
    assert!(matches!(outcome, Err(ProviderError::Cancelled)), "{outcome:?}");
}

pub(super) async fn gives_its_place_back_when_dropped(make: Make) {
    let voice = make(1);
    let mut stream = voice.speak(say(&STORY.repeat(8))).await.expect("the request is taken");
    chunk(&mut stream).await;
    drop(stream);
    assert!(spoken_once_free(&voice, say("I am here.")).await.rms() > 0.01);
}

pub(super) async fn is_busy_at_once_when_full(make: Make) {
    let voice = make(1);
    // Held, not read: whatever is taken stays taken.
    let mut taken = Vec::new();
    let refused = loop {
        match voice.speak(say(&STORY.repeat(8))).await {
            Ok(stream) => taken.push(stream),
            Err(error) => break error,
        }
        assert!(taken.len() <= 3, "no end of room for one request");
    };
    let ProviderError::Busy { retry_after, .. } = refused else { panic!("it is not busy but {refused}") };
    assert!(retry_after > Duration::ZERO);
    assert!(!taken.is_empty(), "it was busy with nothing");
    drop(taken);
    assert!(spoken_once_free(&voice, say("I am here.")).await.rms() > 0.01);
}

async fn refusal(voice: &Arc<dyn TextToSpeech>, request: rose::providers::tts::SpeechRequest) -> ProviderError {
    match voice.speak(request).await {
        Ok(_) => panic!("the request was taken"),
        Err(error) => error,
    }
}

pub(super) async fn refuses_an_unknown_voice(make: Make) {
    let mut request = say("Good evening.");
    request.voice = Some("nobody-of-this-name".into());
    let voice = make(PLACES);
    let error = refusal(&voice, request).await;
    assert!(matches!(error, ProviderError::InvalidInput { .. }), "{error}");
    assert!(error.to_string().contains(&voice.voices()[0].name), "it doesn't say whom it has: {error}");
}

pub(super) async fn takes_each_of_its_voices(make: Make) {
    let voice = make(PLACES);
    let voices = voice.voices();
    assert!(!voices.is_empty());
    for known in voices.into_iter().take(3) {
        let mut request = say("Good evening.");
        request.voice = Some(known.name);
        assert!(spoken(&voice, request).await.rms() > 0.01);
    }
}

pub(super) async fn refuses_a_text_without_words(make: Make) {
    let voice = make(PLACES);
    for text in ["", "   \n", "…", "?!", "- — -", "\"\"", "🙂🌿"] {
        let error = refusal(&voice, say(text)).await;
        assert!(matches!(error, ProviderError::InvalidInput { .. }), "{text:?}: {error}");
    }
}

pub(super) async fn refuses_a_pace_out_of_range(make: Make) {
    let voice = make(PLACES);
    for speed in [0.0, -1.0, 0.2, 4.1, f32::NAN, f32::INFINITY] {
        let mut request = say("Good evening.");
        request.speed = speed;
        let error = refusal(&voice, request).await;
        assert!(matches!(error, ProviderError::InvalidInput { .. }), "{speed}: {error}");
    }
}

/// Text that the voice wasn't made for ends in sound or in a refusal, never in a panic, and the next sentence is spoken.
pub(super) async fn takes_every_script(make: Make) {
    let voice = make(PLACES);
    let long = "word ".repeat(1000);
    for text in [
        "你好，今天怎么样？",
        "Привет, как дела?",
        "مرحبا كيف حالك",
        "a\u{0}b",
        "tab\tand\u{7}bell\u{1b}[0m",
        "e\u{301}\u{301}\u{301}\u{301} \u{202e}abc\u{202c}",
        "Family 👨‍👩‍👧‍👦 and flag 🇨🇭 here",
        "[[ h@l'oU ]] <speak>x</speak> {} \\ // %s %n",
        "x",
        &"a".repeat(600),
        &long,
    ] {
        match voice.speak(say(text)).await {
            Ok(stream) => {
                // The beginning will do: minutes of speech would only take time.
                let outcome = collect(voice.sample_rate(), Box::pin(stream.take(4))).await;
                assert!(
                    matches!(outcome, Ok(_) | Err(ProviderError::InvalidInput { .. })),
                    "{:?}: {outcome:?}",
                    text.chars().take(20).collect::<String>()
                );
            }
            Err(error) => assert!(matches!(error, ProviderError::InvalidInput { .. }), "{error}"),
        }
    }
    assert!(spoken(&voice, say("I am still here.")).await.rms() > 0.01);
}

pub(super) async fn speaks_faster_and_slower(make: Make) {
    let voice = make(PLACES);
    let text = "The kettle is on, and there is a chair by the fire for you.";
    let mut lengths = Vec::new();
    for speed in [0.5, 1.0, 2.0] {
        // The rhythm of a voice varies from one time to the next.
        let mut length = 0.0;
        for _ in 0..4 {
            let mut request = say(text);
            request.speed = speed;
            length += spoken(&voice, request).await.duration().as_secs_f32();
        }
        lengths.push(length);
    }
    let (slow, normal, fast) = (lengths[0], lengths[1], lengths[2]);
    assert!((0.35..0.65).contains(&(fast / normal)), "{normal} s at speed 1, {fast} s at 2");
    assert!((1.6..2.5).contains(&(slow / normal)), "{normal} s at speed 1, {slow} s at 0.5");
}

pub(super) async fn says_what_it_is(make: Make) {
    let voice = make(PLACES);
    let description = voice.describe();
    assert!(!description.backend.is_empty() && !description.model.is_empty());
    assert!((8_000..=48_000).contains(&voice.sample_rate().0));
}
