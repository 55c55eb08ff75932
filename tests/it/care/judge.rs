//! A strong service's judgement of what was said, the service a stand-in that answers in the published format.

use axum::body::Bytes;
use rose::config::LlmBackend;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::service::{Answer, Request, Service};

/// The patterns hear nothing in it.
const HINT: &str = "I gave the cat to my neighbour and wrote down who gets the piano.";

fn events(text: &str) -> Answer {
    let chunk = json!({"choices": [{"index": 0, "delta": {"content": text}}]});
    let end = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    ("text/event-stream", vec![Bytes::from(format!("data: {chunk}\n\ndata: {end}\n\ndata: [DONE]\n\n"))])
}

/// Whether the judgement of danger is asked for, by the schema of its answer.
fn is_judgement(body: &Value) -> bool {
    body["response_format"]["json_schema"]["schema"]["properties"]["level"].is_object()
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).expect("JSON")
}

const WORDS: &str = "What a pleasant afternoon.";

/// What a person is answered by a service that judges with `judgement`, and what it was asked to judge.
async fn answered(judgement: &'static str, messages: &[&str]) -> (Vec<String>, Vec<Value>) {
    answered_by(judgement, || events(WORDS), messages).await
}

async fn answered_by(judgement: &'static str, reply: fn() -> Answer, messages: &[&str]) -> (Vec<String>, Vec<Value>) {
    let service = Service::start(&[], move |request| {
        let asked = body(request);
        if is_judgement(&asked) { events(judgement) } else { reply() }
    });
    let url = service.url.clone();
    let app = TestApp::fake_with(|config| {
        config.llm.backends = vec![LlmBackend::OpenAi];
        config.llm.openai.api.base_url = url;
        config.care.judge = true;
    })
    .await;
    let person = app.stranger();
    let session = person.start_session().await;
    let mut replies = Vec::new();
    for message in messages {
        replies.push(person.ask(&session, message).await);
    }
    app.stop().await;
    (replies, service.requests().iter().map(body).filter(is_judgement).collect())
}

#[tokio::test]
async fn what_it_hears_is_answered_before_the_models_words() {
    let judgement = r#"{"level":"concern","kind":"self_harm"}"#;
    let (replies, asked) = answered(judgement, &["I walked by the river.", HINT]).await;
    for reply in &replies {
        assert!(
            !reply.contains("pleasant") && reply.contains('?'),
            "asked kindly, and nothing of the model's: {reply}"
        );
    }
    let last = asked.last().expect("a judgement was asked for").to_string();
    assert!(last.contains("piano"), "{last}");
    let danger = r#"{"level":"danger","kind":"self_harm"}"#;
    let (replies, _) = answered(danger, &[HINT]).await;
    assert!(replies[0].contains("112"), "{}", replies[0]);
}

#[tokio::test]
async fn nothing_is_nothing_and_no_answer_is_no_alarm() {
    for judgement in [r#"{"level":"none","kind":"medical"}"#, "I can't say.", r#"{"level":"grave","kind":"medical"}"#] {
        let (replies, asked) = answered(judgement, &["The apples are ripe."]).await;
        assert!(replies[0].starts_with(WORDS), "{judgement}: {}", replies[0]);
        assert_eq!(asked.len(), 1, "the same message is judged once");
    }
}

#[tokio::test]
async fn the_last_messages_are_judged_together() {
    let judgement = r#"{"level":"none","kind":"medical"}"#;
    let said = ["One.", "Two.", "Three.", "Four."];
    let (_, asked) = answered(judgement, &said).await;
    let last = asked.last().expect("a judgement was asked for").to_string();
    assert!(!last.contains("One.") && ["Two.", "Three.", "Four."].iter().all(|one| last.contains(one)), "{last}");
}

#[tokio::test]
async fn who_is_in_danger_is_answered_where_the_model_fails() {
    let judgement = r#"{"level":"concern","kind":"self_harm"}"#;
    let broken: fn() -> Answer = || ("text/html", vec![Bytes::from_static(b"<html>Bad gateway</html>")]);
    let (replies, _) = answered_by(judgement, broken, &[HINT]).await;
    assert!(replies[0].contains('?'), "asked kindly: {}", replies[0]);
    let silent: fn() -> Answer = || ("text/event-stream", vec![Bytes::from_static(b"data: [DONE]\n\n")]);
    let (replies, _) = answered_by(judgement, silent, &[HINT]).await;
    assert!(replies[0].contains('?'), "asked kindly: {}", replies[0]);
}
