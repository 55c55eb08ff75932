//! A person's conversations over the API.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::person::{assert_refused, json_of};
use crate::support::recordings;

#[tokio::test]
async fn a_session_is_begun_named_read_and_deleted() {
    let app = TestApp::fake().await;
    let person = app.stranger();
    let session = person.start_session().await;
    let path = format!("/api/sessions/{session}");
    person.ask(&session, "Good morning.").await;
    // The session's activity is noted after the reply.
    app.app.conversation.idle().await;

    let named = json_of(person.send(Method::PATCH, &path, &json!({"title": "  A morning  "})).await).await;
    assert_eq!(named["title"], "A morning");
    for wrong in ["", "   ", &"x".repeat(201)] {
        assert_refused(person.send(Method::PATCH, &path, &json!({"title": wrong})).await, 422, "invalid_request").await;
    }

    let history = person.get_json(&path).await;
    assert_eq!(history["session"]["title"], "A morning");
    assert!(history["session"].get("user_id").is_none());
    let roles: Vec<&str> =
        history["messages"].as_array().expect("a list").iter().map(|m| m["role"].as_str().expect("a role")).collect();
    assert_eq!(roles, ["user", "assistant"]);
    assert_eq!(history["messages"][0]["text"], "Good morning.");

    let export = person.get(&format!("{path}/export")).await;
    let file = export.headers()["content-disposition"].to_str().expect("ASCII").to_owned();
    assert!(file.starts_with("attachment") && file.contains(&session), "{file}");
    assert_eq!(json_of(export).await, history);

    assert_eq!(person.delete(&path).await.status(), StatusCode::NO_CONTENT);
    assert_refused(person.get(&path).await, 404, "not_found").await;
    assert_refused(person.chat(&session, "Hello?").await, 404, "not_found").await;
}

#[tokio::test]
async fn the_sound_goes_with_its_session() {
    let app = TestApp::fake().await;
    let person = app.stranger();
    let session = person.start_session().await;
    let reply = json_of(person.say(&session, recordings::jfk()).await).await;
    let sound = reply["audio_url"].as_str().expect("a spoken reply").to_owned();
    assert_eq!(person.get(&sound).await.status(), StatusCode::OK);
    assert_eq!(person.delete(&format!("/api/sessions/{session}")).await.status(), StatusCode::NO_CONTENT);
    assert_refused(person.get(&sound).await, 404, "not_found").await;
}

#[tokio::test]
async fn the_list_comes_in_pages() {
    let app = TestApp::fake().await;
    let person = app.stranger();
    let mut begun = Vec::new();
    for _ in 0..3 {
        begun.push(person.start_session().await);
    }
    let mut listed = Vec::new();
    for page in ["limit=2", "limit=2&offset=2"] {
        let page = person.get_json(&format!("/api/sessions?{page}")).await;
        listed.extend(
            page["sessions"].as_array().expect("a list").iter().map(|s| s["id"].as_str().expect("an id").to_owned()),
        );
    }
    assert_eq!(listed.len(), 3);
    begun.sort();
    listed.sort();
    assert_eq!(listed, begun);
}
