//! How replies are spoken as the person wishes, and spoken once more.

use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::events;
use crate::support::person::{assert_refused, json_of};
use crate::support::recordings;

/// Samples of a WAV whose length is left open.
fn samples(wav: &[u8]) -> usize {
    assert_eq!((&wav[..4], &wav[8..12]), (&b"RIFF"[..], &b"WAVE"[..]));
    (wav.len() - 44) / 2
}

#[tokio::test]
async fn a_reply_of_the_history_is_spoken_again_to_its_owner() {
    let app = TestApp::fake().await;
    let person = app.stranger();
    let session = person.start_session().await;
    person.ask(&session, "Good morning, Rose.").await;
    let history = person.get_json(&format!("/api/sessions/{session}")).await;
    let turn = history["messages"][1]["turn_id"].as_str().expect("an id");
    let path = format!("/api/sessions/{session}/turns/{turn}/audio");

    let whole = person.get(&path).await;
    assert_eq!(whole.status(), StatusCode::OK);
    assert_eq!(whole.headers()["content-type"], "audio/wav");
    assert!(whole.headers()["cache-control"].to_str().expect("ASCII").starts_with("private"));
    let whole = samples(&whole.bytes().await.expect("the sound"));
    let fast = samples(&person.get(&format!("{path}?speed=2&voice=tone")).await.bytes().await.expect("the sound"));
    assert!(fast > 0 && fast.abs_diff(whole / 2) < whole / 20, "{fast} of {whole}");

    assert_refused(person.get(&format!("{path}?voice=nobody")).await, 422, "invalid_request").await;
    assert_refused(person.get(&format!("{path}?speed=9")).await, 422, "invalid_request").await;
    assert_refused(app.stranger().get(&path).await, 404, "not_found").await;
    let never = path.replace(turn, "01a2079a-e5b3-7017-9239-3b04cdf140ce");
    assert_refused(person.get(&never).await, 404, "not_found").await;
    assert_refused(person.get(&path.replace(turn, "x")).await, 400, "invalid_id").await;
}

#[tokio::test]
async fn voice_and_pace_hold_for_written_messages_and_uploads() {
    let app = TestApp::fake().await;
    let person = app.stranger();
    let offered = person.get_json("/api/capabilities").await;
    assert_eq!(offered["voices"], json!([{ "name": "tone" }]));
    assert_eq!(offered["speed"], 1.0);
    assert_eq!((offered["sees_pictures"].clone(), offered["hands_free"].clone()), (json!(true), json!(true)));

    let session = person.start_session().await;
    let chat = |more: serde_json::Value| {
        let mut body = json!({"session_id": session, "message": "Tell me a story.", "speak": true});
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        body
    };
    let mut bytes = Vec::new();
    for speed in [1, 2] {
        // The same words: another session for each.
        let mut body = chat(json!({"speed": speed, "voice": "tone"}));
        body["session_id"] = person.start_session().await.into();
        let sent = person.chat_events(&body).await;
        let sounds = events::of(&sent, "audio");
        bytes.push(sounds.iter().map(|sound| sound["data"].as_str().expect("text").len()).sum::<usize>());
    }
    assert!(bytes[1] > 0 && bytes[1] * 18 < bytes[0] * 10, "{bytes:?}");
    for wrong in [json!({"voice": "nobody"}), json!({"speed": 0.1})] {
        assert_refused(person.send(Method::POST, "/api/chat", &chat(wrong)).await, 422, "invalid_request").await;
    }

    let upload = async |session: &str, field: &'static str, value: &'static str| {
        let form = Form::new().part("audio", Part::bytes(recordings::jfk())).text("session_id", session.to_owned());
        person
            .request(Method::POST, "/api/voice/process")
            .multipart(form.text(field, value))
            .send()
            .await
            .expect("an answer")
    };
    let mut bytes = Vec::new();
    for speed in ["1", "2"] {
        let reply = json_of(upload(&person.start_session().await, "speed", speed).await).await;
        let url = reply["audio_url"].as_str().expect("a spoken reply").to_owned();
        bytes.push(person.get(&url).await.bytes().await.expect("the sound").len());
    }
    assert!(bytes[1] * 18 < bytes[0] * 10, "{bytes:?}");
    assert!(offered["languages"].as_array().expect("a list").contains(&json!("de")));
    assert_eq!(upload(&session, "language", "de").await.status(), StatusCode::OK);
    for (field, value) in [("voice", "nobody"), ("speed", "9"), ("speed", "fast"), ("language", "Deutsch")] {
        assert_refused(upload(&session, field, value).await, 422, "invalid_request").await;
    }
}
