//! What Rose remembers, in its owner's hands.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::person::{Person, assert_refused, json_of};

async fn someone_remembered(app: &TestApp) -> Person {
    let person = app.stranger();
    let session = person.start_session().await;
    person.ask(&session, "My sister is called Ana.").await;
    person.ask(&session, "I am afraid of thunder.").await;
    // What is kept is kept after the reply, before the next turn of the session: this one waits for it.
    person.ask(&session, "Good night.").await;
    person
}

fn texts(list: &Value) -> Vec<&str> {
    list["memories"].as_array().expect("a list").iter().map(|memory| memory["text"].as_str().expect("text")).collect()
}

#[tokio::test]
async fn they_are_listed_searched_corrected_and_deleted() {
    let app = TestApp::fake().await;
    let person = someone_remembered(&app).await;

    let list = person.get_json("/api/memories").await;
    assert_eq!(list["total"], 2, "{list}");
    assert!(list["memories"][0].get("user_id").is_none());
    let found = person.get_json("/api/memories?search=ANA").await;
    assert_eq!(found["total"], 1);
    assert!(texts(&found)[0].contains("Ana"));
    let first = person.get_json("/api/memories?limit=1").await;
    let second = person.get_json("/api/memories?limit=1&offset=1").await;
    assert_eq!((first["total"].clone(), texts(&first).len()), (json!(2), 1));
    assert_ne!(texts(&first), texts(&second));

    let path = format!("/api/memories/{}", found["memories"][0]["id"].as_str().expect("an id"));
    let corrected = json!({"text": "The person's sister is called Anna."});
    let corrected = json_of(person.send(Method::PATCH, &path, &corrected).await).await;
    assert_eq!(corrected["text"], "The person's sister is called Anna.");
    assert_eq!(corrected["memory_type"], found["memories"][0]["memory_type"]);
    let longest = json!({"text": "x".repeat(240)});
    assert_eq!(json_of(person.send(Method::PATCH, &path, &longest).await).await["text"], longest["text"]);
    for wrong in
        [json!({"text": " "}), json!({"text": "x".repeat(241)}), json!({}), json!({"text": "a", "memory_type": "x"})]
    {
        assert_refused(person.send(Method::PATCH, &path, &wrong).await, 422, "invalid_request").await;
    }

    let export = person.get("/api/memories/export").await;
    assert!(export.headers()["content-disposition"].to_str().expect("ASCII").starts_with("attachment"));
    assert_eq!(texts(&json_of(export).await).len(), 2);

    assert_eq!(person.delete(&path).await.status(), StatusCode::NO_CONTENT);
    assert_refused(person.delete(&path).await, 404, "not_found").await;
    assert_eq!(json_of(person.delete("/api/memories").await).await["deleted"], 1);
    assert_eq!(person.get_json("/api/memories").await["total"], 0);
}

#[tokio::test]
async fn a_memory_outlives_its_session() {
    let app = TestApp::fake().await;
    let person = someone_remembered(&app).await;
    let sessions = person.get_json("/api/sessions").await;
    let session = sessions["sessions"][0]["id"].as_str().expect("an id");
    assert_eq!(person.delete(&format!("/api/sessions/{session}")).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(person.get_json("/api/memories").await["total"], 2);
}
