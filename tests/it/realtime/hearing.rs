//! Turns told apart by listening: with the real detector, on real speech.

use std::time::Duration;

use rose::config::{Config, VadBackend};
use rose::domain::audio::{Clip, SampleRate};
use serde_json::json;

use super::client::Client;
use crate::audio::{original, sounds};
use crate::support::app::TestApp;

/// Every engine a fake, but the detector.
async fn app(change: impl FnOnce(&mut Config)) -> TestApp {
    TestApp::fake_with(|config| {
        config.vad.backends = vec![VadBackend::Local];
        change(config);
    })
    .await
}

/// Answers in writing, so that no reply is still being played when the person speaks again.
async fn written(app: &TestApp) -> Client {
    let mut client = Client::connect(&app.url).await;
    client.send(json!({"type": "session.update", "session": {"output_modalities": ["text"]}})).await;
    client.until("session.updated").await;
    client
}

fn silence(milliseconds: u64) -> Clip {
    let samples = SampleRate::SPEECH.samples_in(Duration::from_millis(milliseconds));
    Clip::new(vec![0.0; samples], SampleRate::SPEECH)
}

#[tokio::test]
async fn a_pause_makes_it_roses_turn() {
    let app = app(|_| {}).await;
    let mut client = written(&app).await;
    for (turn, name) in ["austen-0870.wav", "austen-0890.wav"].into_iter().enumerate() {
        client.seen.clear();
        client.speak(&original(name)).await;
        client.speak(&silence(2000)).await;
        let done = client.until("response.done").await;
        assert_eq!(done["response"]["status"], "completed");
        let order = ["speech_started", "speech_stopped", "committed"];
        let mut names = client.names();
        names.retain(|name| name.starts_with("input_audio_buffer."));
        assert_eq!(names, order.map(|name| format!("input_audio_buffer.{name}")), "{name}");
        let started = client.all("input_audio_buffer.speech_started")[0];
        let stopped = client.all("input_audio_buffer.speech_stopped")[0];
        let committed = client.all("input_audio_buffer.committed")[0];
        assert_eq!(started["item_id"], committed["item_id"]);
        assert_eq!(stopped["item_id"], committed["item_id"]);
        let milliseconds = |event: &serde_json::Value, field: &str| event[field].as_u64().expect("a number");
        let lasts = milliseconds(stopped, "audio_end_ms") - milliseconds(started, "audio_start_ms");
        // The reader is heard from 0.35 to 6.88 s of the one, from 0.29 to 5.15 s of the other, and 300 ms before.
        let expected = [6.83, 5.15][turn] * 1000.0;
        assert!((lasts as f64 - expected).abs() < 250.0, "{name}: {lasts} ms");
        let stages = client.all("rose.stages")[0]["stages"].to_string();
        assert!(stages.contains("\"pause\""), "{stages}");
    }
}

#[tokio::test]
async fn a_pause_in_the_middle_of_a_sentence_does_not() {
    let app = app(|_| {}).await;
    let mut client = written(&app).await;
    let whole = original("austen-0870.wav");
    let (before, after) = whole.samples.split_at(whole.samples.len() / 2);
    client.speak(&Clip::new(before.to_vec(), whole.rate)).await;
    client.speak(&silence(700)).await;
    client.speak(&Clip::new(after.to_vec(), whole.rate)).await;
    client.speak(&silence(2000)).await;
    client.until("response.done").await;
    client.send(json!({"type": "input_audio_buffer.clear"})).await;
    client.until("input_audio_buffer.cleared").await;
    assert_eq!(client.all("input_audio_buffer.committed").len(), 1, "{:?}", client.names());
    assert_eq!(client.all("response.done").len(), 1);
}

#[tokio::test]
async fn a_minute_without_a_word_has_no_answer() {
    let app = app(|_| {}).await;
    for (name, clip) in sounds::wordless(Duration::from_secs(60)) {
        let mut client = Client::connect(&app.url).await;
        client.speak(&clip).await;
        client.send(json!({"type": "input_audio_buffer.clear"})).await;
        client.until("input_audio_buffer.cleared").await;
        assert_eq!(client.names(), ["session.created", "input_audio_buffer.cleared"], "{name}");
    }
}

#[tokio::test]
async fn what_was_heard_before_the_end_is_not_heard_again() {
    let app = app(|config| config.stt.fake.text = Some("Where is the lighthouse?".into())).await;
    let mut client = written(&app).await;
    client.speak(&original("austen-0890.wav")).await;
    for _ in 0..30 {
        // The answer to the update gives the transcript of what was said so far time to come.
        client.speak(&silence(40)).await;
        client.send(json!({"type": "session.update", "session": {}})).await;
        client.until_any(&["session.updated"]).await;
    }
    if client.all("response.done").is_empty() {
        client.until("response.done").await;
    }
    let stages = client.all("rose.stages")[0]["stages"].as_array().expect("stages").clone();
    let heard = stages.iter().find(|stage| stage["stage"] == "speech_to_text").expect("the stage");
    assert_eq!(heard["inference_ms"], 0.0, "{stages:?}");
    let pause = stages.iter().find(|stage| stage["stage"] == "pause").expect("the stage");
    assert_eq!(pause["total_ms"], 416.0, "a question is answered at the first window past 400 ms");
    // The model had the prompt already, but for its last token.
    let usage = &client.all("response.done")[0]["response"]["usage"];
    let (input, cached) = (&usage["input_tokens"], &usage["input_token_details"]["cached_tokens"]);
    assert_eq!(input.as_u64().expect("a number") - 1, cached.as_u64().expect("a number"), "{usage}");
}

#[tokio::test]
async fn silence_may_be_all_that_a_turn_detection_does() {
    let app = app(|_| {}).await;
    let mut client = written(&app).await;
    let turns = json!({"type": "server_vad", "create_response": false, "silence_duration_ms": 300});
    client.send(json!({"type": "session.update", "session": {"audio": {"input": {"turn_detection": turns}}}})).await;
    client.until("session.updated").await;
    client.speak(&original("austen-0890.wav")).await;
    client.speak(&silence(600)).await;
    client.until("conversation.item.input_audio_transcription.completed").await;
    client.send(json!({"type": "input_audio_buffer.clear"})).await;
    client.until("input_audio_buffer.cleared").await;
    assert!(client.all("response.created").is_empty());
    client.ask().await;
    client.until("response.done").await;
}
