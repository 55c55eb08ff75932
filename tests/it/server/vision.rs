//! A picture in a message: Groq's vision model is asked, and what it sees is the answer.
//! Format and model: <https://console.groq.com/docs/vision>.

use axum::body::Bytes;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use rose::config::{Judgement, LlmBackend};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::events;
use crate::support::person::assert_refused;
use crate::support::service::{Answer, Request, Service};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n a lighthouse";

/// Tells which model was asked, and how many pictures it was shown.
fn describes(request: &Request) -> Answer {
    let asked: Value = serde_json::from_slice(&request.body).expect("Rose sends JSON");
    let shown =
        asked["messages"].as_array().expect("messages").iter().flat_map(|message| message["content"].as_array());
    let pictures = shown.flatten().filter(|part| part["type"] == "image_url").count();
    let vision = asked["model"] == "meta-llama/llama-4-scout-17b-16e-instruct";
    let said = match (vision, pictures) {
        (true, 1) => "I see a white lighthouse above the sea.",
        (false, 0) => "The sea is calm tonight.",
        _ => "Something went astray.",
    };
    let chunk = json!({"choices": [{"index": 0, "delta": {"content": said}, "finish_reason": null}]});
    let end = json!({
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 900, "completion_tokens": 11, "total_tokens": 911},
    });
    ("text/event-stream", vec![Bytes::from(format!("data: {chunk}\n\ndata: {end}\n\ndata: [DONE]\n\n"))])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_in_a_message_is_described() {
    let service = Service::start(&[], describes);
    let app = TestApp::fake_with(|config| {
        config.llm.backends = vec![LlmBackend::Groq];
        // Its questions about what to keep would be counted too.
        config.judgement.by = Judgement::Rules;
        // The settings' own models; elsewhere and with a key.
        let model = config.llm.groq.api.model.clone();
        config.llm.groq.api = service.api(&model);
    })
    .await;
    let person = app.stranger();
    let session = person.start_session().await;
    let picture = BASE64_STANDARD.encode(PNG);
    let body = json!({"session_id": session, "message": "What do you see in this photograph?", "images": [picture]});
    let events = person.chat_events(&body).await;
    let reply = events::reply(&events);
    assert!(reply.starts_with("I see a white lighthouse above the sea."), "{reply}");

    let usage = events::of(&events, "done")[0]["usage"].as_array().expect("a list").clone();
    let used = |unit: &str| usage.iter().find(|one| one["unit"] == unit).unwrap_or_else(|| panic!("{usage:?}")).clone();
    assert_eq!(used("prompt_tokens")["amount"], 900.0);
    assert_eq!(used("prompt_tokens")["backend"], "groq");
    assert_eq!(used("completion_tokens")["model"], "meta-llama/llama-4-scout-17b-16e-instruct");
    // 900 at 0.11 and 11 at 0.34 a million, by the settings' prices.
    let cost: f64 = usage.iter().map(|one| one["cost"].as_f64().expect("a number")).sum();
    assert!((cost - (900.0 * 0.11 + 11.0 * 0.34) / 1e6).abs() < 1e-12, "{usage:?}");

    assert_eq!(person.ask(&session, "And how is the sea?").await, "The sea is calm tonight.");
}

#[tokio::test]
async fn where_no_model_sees_pictures_it_is_said_and_nothing_is_kept() {
    let app = TestApp::fake_with(|config| config.llm.backends = vec![LlmBackend::Local]).await;
    let person = app.stranger();
    assert_eq!(person.get_json("/api/capabilities").await["sees_pictures"], false);
    let session = person.start_session().await;
    let picture = BASE64_STANDARD.encode(PNG);
    let body = json!({"session_id": session, "message": "What do you see?", "images": [picture]});
    assert_refused(person.send(Method::POST, "/api/chat", &body).await, 501, "not_enabled").await;
    assert_eq!(person.get_json(&format!("/api/sessions/{session}")).await["messages"], json!([]));
}
