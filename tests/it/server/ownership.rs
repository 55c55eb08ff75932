//! No one reads another's session, sound or memory, nor learns that it is there.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::person::json_of;
use crate::support::recordings;

/// Status and body without what differs between any two requests.
async fn answer(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let mut body: Value = response.json().await.expect("JSON");
    body["error"]["request_id"] = Value::Null;
    (status, body)
}

#[tokio::test]
async fn what_is_anothers_is_as_if_it_were_not() {
    let app = TestApp::fake().await;
    let owner = app.stranger();
    let session = owner.start_session().await;
    let reply = json_of(owner.say(&session, recordings::jfk()).await).await;
    let sound = reply["audio_url"].as_str().expect("a spoken reply").to_owned();
    owner.ask(&session, "My sister is called Ana.").await;
    owner.ask(&session, "I am afraid of thunder.").await;
    // What is kept is kept after the reply, before the next turn of the session: this one waits for it.
    owner.ask(&session, "Good night.").await;
    let memories = owner.get_json("/api/memories").await;
    let memory = memories["memories"][0]["id"].as_str().expect("a memory").to_owned();

    let other = app.stranger();
    other.start_session().await;
    let unknown = "00000000-0000-4000-8000-000000000000";
    let correction = json!({"text": "Something else."});
    let title = json!({"title": "Mine now"});
    for (theirs, nobodys) in [
        (other.get(&format!("/api/sessions/{session}")).await, other.get(&format!("/api/sessions/{unknown}")).await),
        (
            other.get(&format!("/api/sessions/{session}/export")).await,
            other.get(&format!("/api/sessions/{unknown}/export")).await,
        ),
        (
            other.send(Method::PATCH, &format!("/api/sessions/{session}"), &title).await,
            other.send(Method::PATCH, &format!("/api/sessions/{unknown}"), &title).await,
        ),
        (
            other.delete(&format!("/api/sessions/{session}")).await,
            other.delete(&format!("/api/sessions/{unknown}")).await,
        ),
        (other.get(&sound).await, other.get(&format!("/api/voice/audio/{unknown}")).await),
        (other.chat(&session, "Hello.").await, other.chat(unknown, "Hello.").await),
        (other.say(&session, recordings::jfk()).await, other.say(unknown, recordings::jfk()).await),
        (
            other.send(Method::PATCH, &format!("/api/memories/{memory}"), &correction).await,
            other.send(Method::PATCH, &format!("/api/memories/{unknown}"), &correction).await,
        ),
        (
            other.delete(&format!("/api/memories/{memory}")).await,
            other.delete(&format!("/api/memories/{unknown}")).await,
        ),
    ] {
        let theirs = answer(theirs).await;
        assert_eq!(theirs.0, 404);
        assert_eq!(theirs, answer(nobodys).await);
    }
    assert_eq!(other.get_json("/api/memories").await["total"], 0);
    assert_eq!(other.get_json("/api/sessions").await["sessions"].as_array().expect("a list").len(), 1);
    assert_eq!(json_of(other.delete("/api/memories").await).await["deleted"], 0);

    // Nothing of it was changed.
    assert_eq!(owner.get(&sound).await.status(), 200);
    assert_eq!(owner.get_json("/api/memories").await, memories);
    assert_eq!(owner.get_json(&format!("/api/sessions/{session}")).await["session"]["title"], Value::Null);
}

#[tokio::test]
async fn a_cookie_cannot_be_made_up() {
    let app = TestApp::fake().await;
    let owner = app.stranger();
    let answer = owner.request(Method::POST, "/api/session/start").send().await.expect("an answer");
    let cookie = answer.headers()["set-cookie"].to_str().expect("ASCII").split(';').next().expect("a pair").to_owned();
    let session = json_of(answer).await["session_id"].as_str().expect("an id").to_owned();
    let path = format!("/api/sessions/{session}");

    let with = async |cookie: &str| {
        let bare = app.stranger();
        bare.request(Method::GET, &path).header("cookie", cookie).send().await.expect("an answer").status()
    };
    assert_eq!(with(&cookie).await, 200);
    let (name, value) = cookie.split_once('=').expect("a pair");
    // The signature stands before the id; without it, and with another's, it is nobody's.
    let id = &value[value.len() - 36..];
    assert_eq!(with(&format!("{name}={id}")).await, 404);
    let mut forged = value.as_bytes().to_vec();
    forged[3] = if forged[3] == b'A' { b'B' } else { b'A' };
    assert_eq!(with(&format!("{name}={}", String::from_utf8(forged).expect("ASCII"))).await, 404);
}

#[tokio::test]
async fn who_comes_back_after_a_restart_is_known() {
    let app = TestApp::fake().await;
    let person = app.stranger();
    let session = person.start_session().await;
    person.ask(&session, "Good morning.").await;
    let data = app.stop().await;

    let again = TestApp::fake_in(data).await;
    let history = person.moved_to(&again.url).get_json(&format!("/api/sessions/{session}")).await;
    assert_eq!(history["messages"].as_array().expect("a list").len(), 2);
}
