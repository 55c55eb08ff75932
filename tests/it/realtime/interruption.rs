//! Rose falls silent where she is interrupted, and the history keeps what was heard.

use std::time::Duration;

use rose::config::VadBackend;
use rose::domain::audio::{Clip, SampleRate};
use serde_json::{Value, json};

use super::client::Client;
use crate::audio::{original, sounds};
use crate::support::app::TestApp;

const LONG: &str = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen";

async fn history(app: &TestApp, client: &Client) -> Vec<Value> {
    let path = format!("/api/sessions/{}", client.session_id());
    let request = app.stranger().request(reqwest::Method::GET, &path).header("cookie", client.cookie());
    let history: Value = request.send().await.expect("an answer").json().await.expect("JSON");
    history["messages"].as_array().expect("messages").clone()
}

#[tokio::test]
async fn who_speaks_over_rose_silences_her() {
    let app = TestApp::fake_with(|config| {
        config.vad.backends = vec![VadBackend::Local];
        config.llm.fake.token_delay = Duration::from_millis(150);
        config.stt.fake.text = Some("Stop, please.".into());
    })
    .await;
    let mut client = Client::connect(&app.url).await;
    client.write(LONG).await;
    client.ask().await;
    client.until("response.output_audio.delta").await;
    client.speak(&original("austen-0890.wav")).await;
    client.until("input_audio_buffer.speech_started").await;
    let before = client.all("response.output_audio.delta").len();
    let done = client.until("response.done").await;
    assert_eq!(done["response"]["status"], "cancelled");
    assert_eq!(done["response"]["status_details"]["reason"], "turn_detected");
    assert_eq!(done["response"]["output"][0]["status"], "incomplete");
    assert_eq!(client.all("response.output_audio.delta").len(), before, "no sound after the person spoke");

    // The person is answered.
    client.speak(&Clip::new(vec![0.0; 48_000], SampleRate::SPEECH)).await;
    let done = client.until("response.done").await;
    assert_eq!(done["response"]["status"], "completed");
    assert!(client.joined("response.output_audio_transcript.delta", "delta").contains("Stop, please"));
    let messages = history(&app, &client).await;
    let said = |role: &str| messages.iter().filter(|message| message["role"] == role).count();
    assert_eq!(said("user"), 2);
    assert!(messages[1]["role"] == "user" || messages[1]["interrupted"] == true, "{messages:?}");
}

#[tokio::test]
async fn the_client_tells_how_much_was_heard() {
    let app = TestApp::fake().await;
    let mut client = Client::push_to_talk(&app.url).await;
    client.write(LONG).await;
    client.ask().await;
    let done = client.until("response.done").await;
    let item = done["response"]["output"][0]["id"].clone();
    let whole = client.joined("response.output_audio_transcript.delta", "delta");
    assert!(client.heard_seconds() > 4.0);
    let truncate = json!({
        "type": "conversation.item.truncate", "item_id": item, "content_index": 0, "audio_end_ms": 2000,
    });
    client.send(truncate).await;
    client.until("conversation.item.truncated").await;
    client.write("And now?").await;
    client.ask().await;
    client.until("response.done").await;
    let messages = history(&app, &client).await;
    let kept = messages[1]["text"].as_str().expect("a text");
    assert_eq!(messages[1]["interrupted"], true);
    assert!(!kept.is_empty() && kept.len() < whole.len() * 2 / 3 && whole.starts_with(kept), "{kept:?} of {whole:?}");
    assert_eq!(messages[2]["text"], "And now?");
}

#[tokio::test]
async fn a_response_is_cancelled_at_the_clients_word() {
    let app = TestApp::fake_with(|config| config.llm.fake.token_delay = Duration::from_millis(150)).await;
    let mut client = Client::push_to_talk(&app.url).await;
    client.write(LONG).await;
    client.ask().await;
    client.until("response.output_audio.delta").await;
    client.send(json!({"type": "response.cancel"})).await;
    let done = client.until("response.done").await;
    assert_eq!(done["response"]["status_details"]["reason"], "client_cancelled");
    let said = client.joined("response.output_audio_transcript.delta", "delta");
    assert!(!said.contains("Tell me more") && !said.contains("I am listening"), "the second sentence: {said}");
    assert!(!said.contains("How does that feel"), "the second sentence: {said}");
    client.write("Go on.").await;
    client.ask().await;
    assert_eq!(client.until("response.done").await["response"]["status"], "completed");
}

#[tokio::test]
async fn a_cough_does_not_interrupt() {
    let app = TestApp::fake_with(|config| config.vad.backends = vec![VadBackend::Local]).await;
    let mut client = Client::connect(&app.url).await;
    client.write(LONG).await;
    client.ask().await;
    client.until("response.output_audio.delta").await;
    for (_, clip) in sounds::wordless(Duration::from_secs(3)) {
        client.speak(&clip).await;
    }
    // A hum of a voice: a fifth of a second of speech.
    let speech = original("austen-0870.wav");
    let hum = Clip::new(speech.samples[16_000..19_200].to_vec(), speech.rate);
    client.speak(&hum).await;
    client.speak(&Clip::new(vec![0.0; 32_000], SampleRate::SPEECH)).await;
    client.send(json!({"type": "input_audio_buffer.clear"})).await;
    if client.all("response.done").is_empty() {
        client.until("response.done").await;
    }
    if client.all("input_audio_buffer.cleared").is_empty() {
        client.until("input_audio_buffer.cleared").await;
    }
    assert_eq!(client.all("response.done")[0]["response"]["status"], "completed");
    assert!(client.all("input_audio_buffer.speech_started").is_empty(), "{:?}", client.names());
}
