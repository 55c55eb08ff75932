//! A message in, events out.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::StreamExt;
use reqwest::StatusCode;
use serde_json::json;
use std::time::Duration;

use crate::support::app::TestApp;
use crate::support::events;
use crate::support::person::assert_refused;

#[tokio::test]
async fn events_come_in_order() {
    let app = TestApp::fake().await;
    let person = app.stranger();
    let session = person.start_session().await;
    let events = person.chat_events(&json!({"session_id": session, "message": "Good morning, Rose."})).await;

    let mut order = events::names(&events);
    order.retain(|name| *name != "stage");
    order.dedup();
    assert_eq!(order, ["transcript", "memories_used", "route", "text_delta", "done"]);
    for event in &events {
        assert_eq!(event.data["type"], event.name.as_str());
    }
    assert_eq!(events[0].data["text"], "Good morning, Rose.");

    let done = events::of(&events, "done")[0];
    assert_eq!(done["text"].as_str().expect("text").trim(), events::reply(&events).trim());
    assert_eq!(done["interrupted"], false);
    assert!(done["duration_ms"].as_f64().expect("a number") > 0.0);
    let stages: Vec<&str> = done["stages"]
        .as_array()
        .expect("stages")
        .iter()
        .map(|stage| stage["stage"].as_str().expect("a name"))
        .collect();
    assert!(stages.contains(&"respond") && stages.contains(&"total"), "{stages:?}");
}

#[tokio::test]
async fn a_reply_is_spoken_when_asked_for() {
    let app = TestApp::fake().await;
    let person = app.stranger();
    let session = person.start_session().await;
    let body = |speak: bool| json!({"session_id": session, "message": "Tell me a story.", "speak": speak});

    let spoken = person.chat_events(&body(true)).await;
    let sounds = events::of(&spoken, "audio");
    assert!(!sounds.is_empty());
    let sentences: Vec<u64> = sounds.iter().map(|sound| sound["sentence"].as_u64().expect("a number")).collect();
    assert!(sentences.is_sorted(), "{sentences:?}");
    for sound in sounds {
        assert_eq!(sound["media_type"], "audio/wav");
        let wav = BASE64_STANDARD.decode(sound["data"].as_str().expect("text")).expect("base64");
        let wav = hound::WavReader::new(wav.as_slice()).expect("a WAV");
        assert!(wav.duration() > 0);
    }

    let written = person.chat_events(&body(false)).await;
    assert!(events::of(&written, "audio").is_empty());
}

#[tokio::test]
async fn a_refusal_has_a_status_of_its_own() {
    let app = TestApp::fake_with(|config| config.llm.fake.concurrency = 0).await;
    let person = app.stranger();
    let session = person.start_session().await;
    let busy = person.chat(&session, "Good morning.").await;
    assert!(busy.headers().contains_key("retry-after"));
    assert_refused(busy, 503, "busy").await;
}

#[tokio::test]
async fn who_goes_away_ends_the_turn() {
    // The answer begins with the reply's first sentence; the second is still being written then.
    let slow = |config: &mut rose::config::Config| config.llm.fake.token_delay = Duration::from_millis(200);
    let app = TestApp::fake_with(slow).await;
    let person = app.stranger();
    let session = person.start_session().await;

    let response = person.chat(&session, "One two three four five six seven eight.").await;
    assert_eq!(response.status(), StatusCode::OK);
    let mut stream = response.bytes_stream();
    let first = stream.next().await.expect("a first piece").expect("bytes");
    assert!(!first.is_empty());
    drop(stream);

    // A session's turns follow one another: the next one begins only once the first has ended.
    let next = person.chat(&session, "Are you there?").await;
    assert_eq!(next.status(), StatusCode::OK);
    let history = person.get_json(&format!("/api/sessions/{session}")).await;
    let first_reply = &history["messages"][1];
    assert_eq!(first_reply["role"], "assistant");
    assert_eq!(first_reply["interrupted"], true);
}
