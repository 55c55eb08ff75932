//! `/v1/chat/completions` beyond what the clients try: memory, danger, pictures, and what is refused.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::person::json_of;

async fn post(app: &TestApp, key: &str, forwarded: bool, body: &Value) -> Response {
    let mut request = app.stranger().request(Method::POST, "/v1/chat/completions").bearer_auth(key).json(body);
    if forwarded {
        request = request.header("x-forwarded-for", "203.0.113.7");
    }
    request.send().await.expect("the server answers")
}

async fn say(app: &TestApp, key: &str, user: &str, text: &str) -> String {
    let body = json!({"model": "any", "user": user, "messages": [{"role": "user", "content": text}]});
    let answer = json_of(post(app, key, false, &body).await).await;
    // What comes after the reply, too.
    app.app.conversation.idle().await;
    answer["choices"][0]["message"]["content"].as_str().expect("a text").to_owned()
}

/// What the fake says it was given; it repeats the last message, with the note of what is known.
const SISTER: &str = "Ana";

#[tokio::test]
async fn a_person_is_remembered_by_key_and_user_together() {
    let app = TestApp::fake().await;
    say(&app, "first-key", "mara", "My sister is called Ana.").await;
    let asked = "What is my sister called?";
    assert!(say(&app, "first-key", "mara", asked).await.contains(SISTER));
    assert!(!say(&app, "first-key", "ivo", asked).await.contains(SISTER), "another user");
    assert!(!say(&app, "other-key", "mara", asked).await.contains(SISTER), "another key");
    let plain = json!({"messages": [{"role": "user", "content": asked}]});
    let plain = json_of(post(&app, "first-key", false, &plain).await).await;
    assert!(!plain.to_string().contains(SISTER), "nobody in particular");
}

#[tokio::test]
async fn a_key_that_can_be_guessed_names_nobody_from_afar() {
    let app = TestApp::fake().await;
    let body = json!({"user": "mara", "messages": [{"role": "user", "content": "Hello there."}]});
    let refused = post(&app, "short", true, &body).await;
    assert_eq!(refused.status().as_u16(), 400);
    let refused: Value = refused.json().await.expect("JSON");
    assert!(refused["error"]["message"].as_str().expect("a text").contains("16 characters"), "{refused}");
    let taken = post(&app, "long-enough-a-key", true, &body).await;
    assert!(taken.status().is_success());
}

#[tokio::test]
async fn danger_is_answered_with_prepared_words() {
    let app = TestApp::fake().await;
    let reply = say(&app, "a-key", "mara", "I want to kill myself.").await;
    assert!(reply.contains("emergency") || reply.contains("112") || reply.contains("988"), "{reply}");
}

#[tokio::test]
async fn what_is_not_done_here_is_refused_in_the_protocols_shape() {
    let app = TestApp::fake().await;
    let message = || json!([{"role": "user", "content": "Hello."}]);
    let picture = |url: &str| json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]);
    let text = format!("data:image/png;base64,{}", BASE64_STANDARD.encode("text"));
    for body in [
        json!({}),
        json!({"messages": message(), "n": 2}),
        json!({"messages": message(), "temperature": 3}),
        json!({"messages": message(), "max_tokens": 0}),
        json!({"messages": message(), "stop": ["a", "b", "c", "d", "e"]}),
        json!({"messages": message(), "tools": [{"type": "function"}]}),
        json!({"messages": [{"role": "tool", "content": "1"}]}),
        json!({"messages": picture("http://127.0.0.1:1/a.png")}),
        json!({"messages": picture(&text)}),
    ] {
        let refused = post(&app, "a-key", false, &body).await;
        assert_eq!(refused.status().as_u16(), 400, "{body}");
        let refused: Value = refused.json().await.expect("JSON");
        assert_eq!(refused["error"]["type"], "invalid_request_error", "{body}: {refused}");
        assert!(refused["error"]["message"].as_str().expect("a text").ends_with('.'), "{refused}");
    }
    for (method, path, status) in [
        (Method::GET, "/v1/nothing", 404),
        (Method::DELETE, "/v1/embeddings", 405),
        (Method::POST, "/v1/embeddings", 400),
    ] {
        let refused = app.stranger().request(method, path).send().await.expect("an answer");
        assert_eq!(refused.status().as_u16(), status, "{path}");
        let refused: Value = refused.json().await.expect("JSON");
        assert_eq!(refused["error"]["type"], "invalid_request_error", "{path}: {refused}");
    }
}

#[tokio::test]
async fn no_picture_is_made_without_a_backend() {
    let app = TestApp::fake().await;
    let body = json!({"prompt": "A lighthouse."});
    let refused = app.stranger().send(Method::POST, "/v1/images/generations", &body).await;
    assert_eq!(refused.status().as_u16(), 501);
    let refused: Value = refused.json().await.expect("JSON");
    assert_eq!(refused["error"]["code"], "not_enabled");
}
