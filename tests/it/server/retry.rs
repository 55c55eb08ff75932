//! A turn that failed, or whose answer did not please, once more.

use axum::body::Bytes;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use rose::config::LlmBackend;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::events;
use crate::support::person::{Person, assert_refused};
use crate::support::recordings;
use crate::support::service::{Act, Answer, Request, Service};

/// Tells how many pictures it was shown in all.
fn counts(request: &Request) -> Answer {
    let asked: Value = serde_json::from_slice(&request.body).expect("Rose sends JSON");
    let messages = asked["messages"].as_array().expect("messages");
    let parts = messages.iter().filter_map(|message| message["content"].as_array()).flatten();
    let pictures = parts.filter(|part| part["type"] == "image_url").count();
    let chunk = json!({"choices": [{"delta": {"content": format!("I see {pictures} of them here.")}}]});
    let end = json!({"choices": [{"delta": {}, "finish_reason": "stop"}]});
    ("text/event-stream", vec![Bytes::from(format!("data: {chunk}\n\ndata: {end}\n\ndata: [DONE]\n\n"))])
}

/// Role and number of pictures of each message, and the newest turn.
async fn history(person: &Person, session: &str) -> (Vec<(String, usize)>, Value) {
    let history = person.get_json(&format!("/api/sessions/{session}")).await;
    let messages = history["messages"].as_array().expect("a list");
    let shape = |message: &Value| {
        let role = message["role"].as_str().expect("a role").to_owned();
        (role, message["images"].as_array().expect("a list").len())
    };
    (messages.iter().map(shape).collect(), messages.last().expect("a message")["turn_id"].clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_with_a_picture_that_got_no_answer_is_answered_once() {
    let service = Service::start(&[Act::Status(400), Act::Status(400)], counts);
    let app = TestApp::fake_with(|config| {
        config.llm.backends = vec![LlmBackend::OpenAi];
        config.llm.openai.api = service.api("any");
    })
    .await;
    let person = app.stranger();
    let session = person.start_session().await;
    let picture = BASE64_STANDARD.encode(recordings::png());
    let body = json!({"session_id": session, "message": "What do you see?", "images": [picture]});
    assert_refused(person.send(Method::POST, "/api/chat", &body).await, 502, "backend_failed").await;

    let unanswered = vec![("user".to_owned(), 1)];
    let (messages, turn) = history(&person, &session).await;
    assert_eq!(messages, unanswered);
    // The second time it fails where it failed before: still one message, under the new turn's id.
    let again = json!({"session_id": session, "retry_of": turn});
    assert_refused(person.send(Method::POST, "/api/chat", &again).await, 502, "backend_failed").await;
    let (messages, turn) = history(&person, &session).await;
    assert_eq!(messages, unanswered);

    let events = person.chat_events(&json!({"session_id": session, "retry_of": turn})).await;
    let reply = events::reply(&events);
    assert!(reply.starts_with("I see 1 of them here."), "{reply}");
    assert_eq!(events::of(&events, "transcript")[0]["text"], "What do you see?");
    let (messages, answered) = history(&person, &session).await;
    assert_eq!(messages, [("user".to_owned(), 1), ("assistant".to_owned(), 0)]);
    assert_eq!(events::of(&events, "transcript")[0]["turn_id"], answered);
    assert_eq!(events::of(&events, "done")[0]["turn_id"], answered);
}

#[tokio::test]
async fn an_answer_is_replaced_and_only_the_newest() {
    let app = TestApp::fake().await;
    let person = app.stranger();
    let session = person.start_session().await;
    person.ask(&session, "Good morning.").await;
    let (_, first) = history(&person, &session).await;
    person.ask(&session, "The sea is calm.").await;
    let (_, newest) = history(&person, &session).await;

    let older = json!({"session_id": session, "retry_of": first});
    assert_refused(person.send(Method::POST, "/api/chat", &older).await, 404, "not_found").await;
    let events = person.chat_events(&json!({"session_id": session, "retry_of": newest})).await;
    assert!(events::reply(&events).contains("The sea is calm"));
    let (messages, _) = history(&person, &session).await;
    let roles: Vec<&str> = messages.iter().map(|(role, _)| role.as_str()).collect();
    assert_eq!(roles, ["user", "assistant", "user", "assistant"]);

    for body in [
        json!({"session_id": session, "retry_of": newest, "message": "Something else."}),
        json!({"session_id": session, "retry_of": newest, "images": [BASE64_STANDARD.encode(recordings::png())]}),
    ] {
        assert_refused(person.send(Method::POST, "/api/chat", &body).await, 422, "invalid_request").await;
    }
    let nothing = json!({"session_id": session});
    assert_refused(person.send(Method::POST, "/api/chat", &nothing).await, 400, "missing_field").await;
    let other = app.stranger();
    assert_refused(other.send(Method::POST, "/api/chat", &older).await, 404, "not_found").await;
}
