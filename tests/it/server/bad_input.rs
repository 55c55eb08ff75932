//! Whatever is sent: a clear refusal in the envelope, and the server goes on.

use reqwest::header::CONTENT_TYPE;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, Response, StatusCode};
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::person::{Person, assert_refused};
use crate::support::recordings;

const MOST: usize = 10 * 1024 * 1024;

async fn raw(person: &Person, path: &str, content_type: &str, body: impl Into<reqwest::Body>) -> Response {
    person.request(Method::POST, path).header(CONTENT_TYPE, content_type).body(body).send().await.expect("an answer")
}

async fn form(person: &Person, form: Form) -> Response {
    person.request(Method::POST, "/api/voice/process").multipart(form).send().await.expect("an answer")
}

async fn assert_alive(person: &Person) {
    assert_eq!(person.get("/api/health").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn forms_that_are_none() {
    let app = TestApp::fake().await;
    let person = app.stranger();
    let session = person.start_session().await;
    let voice = "/api/voice/process";

    let empty = person.request(Method::POST, voice).send().await.expect("an answer");
    assert_refused(empty, 415, "unsupported_media_type").await;
    assert_refused(raw(&person, voice, "application/json", "{}").await, 415, "unsupported_media_type").await;
    assert_refused(raw(&person, voice, "audio/wav", recordings::jfk()).await, 415, "unsupported_media_type").await;
    assert_refused(raw(&person, voice, "multipart/form-data", "x").await, 400, "invalid_multipart").await;
    assert_refused(raw(&person, voice, "multipart/form-data; boundary=", "x").await, 400, "invalid_multipart").await;
    let other_boundary = raw(&person, voice, "multipart/form-data; boundary=abc", "--xyz\r\n\r\nhello").await;
    assert_refused(other_boundary, 400, "invalid_multipart").await;
    let cut = "--abc\r\ncontent-disposition: form-data; name=\"audio\"\r\n\r\nRIFF";
    assert_refused(raw(&person, voice, "multipart/form-data; boundary=abc", cut).await, 400, "invalid_multipart").await;
    assert_refused(raw(&person, voice, "multipart/form-data; boundary=abc", "").await, 400, "invalid_multipart").await;

    assert_refused(form(&person, Form::new().text("session_id", session)).await, 400, "missing_field").await;
    let no_session = Form::new().part("audio", Part::bytes(recordings::jfk()));
    assert_refused(form(&person, no_session).await, 400, "missing_field").await;
    assert_alive(&person).await;
}

#[tokio::test]
async fn recordings_that_cannot_be_used() {
    let app = TestApp::fake().await;
    let person = app.stranger();
    let session = person.start_session().await;

    let wav = recordings::jfk();
    for (what, recording, status, code) in [
        ("nothing", Vec::new(), 400, "empty_audio"),
        ("a picture", recordings::png(), 415, "unsupported_audio"),
        ("a text", b"this is no sound at all, only words".to_vec(), 415, "unsupported_audio"),
        ("zeros", vec![0; 5000], 415, "unsupported_audio"),
        ("a header cut off", wav[..30].to_vec(), 422, "damaged_audio"),
        ("a short one", recordings::tone(0.05), 422, "audio_too_short"),
        ("silence", recordings::silence(2.0), 422, "no_speech"),
    ] {
        println!("{what}");
        assert_refused(person.say(&session, recording).await, status, code).await;
    }
    // A PNG does not become sound by its name.
    let named = Part::bytes(recordings::png()).file_name("voice.wav").mime_str("audio/wav").expect("a media type");
    let answer = form(&person, Form::new().part("audio", named).text("session_id", session.clone())).await;
    assert_refused(answer, 415, "unsupported_audio").await;

    // It may be read as far as it goes, or refused; it must not be believed.
    let lying = person.say(&session, recordings::claims_four_gigabytes()).await;
    assert!(lying.status().is_client_error(), "{}", lying.status());
    assert_alive(&person).await;
}

#[tokio::test]
async fn bodies_that_are_too_large() {
    let app = TestApp::fake().await;
    let person = app.stranger();
    let session = person.start_session().await;

    assert_refused(person.say(&session, vec![0; MOST + 1]).await, 413, "payload_too_large").await;
    // The limit itself is no reason to refuse: what is in it is.
    assert_refused(person.say(&session, vec![0; MOST]).await, 415, "unsupported_audio").await;

    let title = json!({"title": "x".repeat(100_000)});
    let path = format!("/api/sessions/{session}");
    assert_refused(person.send(Method::PATCH, &path, &title).await, 413, "payload_too_large").await;
    assert_alive(&person).await;
}

#[tokio::test]
async fn sessions_that_are_not_there() {
    let app = TestApp::fake().await;
    let person = app.stranger();
    let unknown = "00000000-0000-4000-8000-000000000000";

    assert_refused(person.say(unknown, recordings::jfk()).await, 404, "not_found").await;
    assert_refused(person.chat(unknown, "Hello.").await, 404, "not_found").await;
    assert_refused(person.get(&format!("/api/sessions/{unknown}")).await, 404, "not_found").await;
    assert_refused(person.get(&format!("/api/voice/audio/{unknown}")).await, 404, "not_found").await;
    for hostile in ["../../etc/passwd", "", "1", "0000", "' OR 1=1 --", "\u{0}", "%00", &"9".repeat(500)] {
        let answer = person.say(hostile, recordings::jfk()).await;
        let code = if hostile.len() > 64 { (413, "payload_too_large") } else { (400, "invalid_id") };
        assert_refused(answer, code.0, code.1).await;
        assert_refused(person.chat(hostile, "Hello.").await, 422, "invalid_request").await;
    }
    for hostile in ["..%2f..%2fetc%2fpasswd", "%00", "%ff", "x'--", "00000000000040008000000000000000"] {
        for place in ["sessions", "voice/audio", "images"] {
            assert_refused(person.get(&format!("/api/{place}/{hostile}")).await, 400, "invalid_id").await;
        }
    }
    assert_alive(&person).await;
}

#[tokio::test]
async fn messages_that_cannot_be_taken() {
    let app = TestApp::fake().await;
    let person = app.stranger();
    let session = person.start_session().await;
    let json_type = "application/json";

    let chat = "/api/chat";
    assert_refused(raw(&person, chat, json_type, "").await, 400, "invalid_json").await;
    assert_refused(raw(&person, chat, json_type, "{\"session_id\":").await, 400, "invalid_json").await;
    assert_refused(raw(&person, chat, "text/plain", "{}").await, 415, "unsupported_media_type").await;
    assert_refused(raw(&person, chat, json_type, "[]").await, 422, "invalid_request").await;
    assert_refused(raw(&person, chat, json_type, "{}").await, 422, "invalid_request").await;
    let mut invalid_utf8 = format!("{{\"session_id\":\"{session}\",\"message\":\"").into_bytes();
    invalid_utf8.extend_from_slice(b"\xff\xfe\"}");
    assert_refused(raw(&person, chat, json_type, invalid_utf8).await, 400, "invalid_json").await;
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    let deep = raw(&person, chat, json_type, deep).await;
    assert!(deep.status().is_client_error());

    assert_refused(person.chat(&session, "").await, 422, "empty_message").await;
    assert_refused(person.chat(&session, " \n\t ").await, 422, "empty_message").await;
    assert_refused(person.chat(&session, &"a".repeat(100_000)).await, 422, "message_too_long").await;
    assert_refused(person.chat(&session, &"\u{1f339}".repeat(100_000)).await, 422, "message_too_long").await;
    for (extra, code) in [
        (json!({"mesage": "typo"}), "invalid_request"),
        (json!({"message": 7}), "invalid_request"),
        (json!({"images": vec!["x"; 5]}), "invalid_request"),
        (json!({"speak": "loudly"}), "invalid_request"),
    ] {
        let mut body = json!({"session_id": session, "message": "Hello."});
        body.as_object_mut().expect("an object").extend(extra.as_object().expect("an object").clone());
        assert_refused(person.send(Method::POST, chat, &body).await, 422, code).await;
    }
    let no_picture = json!({"session_id": session, "message": "Look.", "images": ["data:image/png;base64,AAAA"]});
    assert_refused(person.send(Method::POST, chat, &no_picture).await, 415, "unsupported_image").await;
    assert_alive(&person).await;
}

#[tokio::test]
async fn pages_and_routes_that_are_not_there() {
    let app = TestApp::fake().await;
    let person = app.stranger();
    for query in ["limit=-1", "limit=0", "limit=101", "offset=-5", "limit=ten", "nonsense=1", "limit=1&limit=2"] {
        assert_refused(person.get(&format!("/api/sessions?{query}")).await, 422, "invalid_request").await;
        assert_refused(person.get(&format!("/api/memories?{query}")).await, 422, "invalid_request").await;
    }
    // Far beyond the end is an empty page.
    let far = person.get("/api/memories?offset=18446744073709551615").await;
    assert_eq!(far.status(), StatusCode::OK);

    assert_refused(person.get("/api/nothing").await, 404, "unknown_route").await;
    assert_refused(person.get("/..%2f..%2fetc/passwd").await, 404, "unknown_route").await;
    assert_refused(person.get("/api/chat").await, 405, "method_not_allowed").await;
    let put = person.request(Method::PUT, "/api/memories").send().await.expect("an answer");
    assert!(put.headers().contains_key("allow"));
    assert_refused(put, 405, "method_not_allowed").await;
    let odd =
        person.request(Method::from_bytes(b"BREW").expect("a method"), "/api/health").send().await.expect("an answer");
    assert_refused(odd, 405, "method_not_allowed").await;
    assert_alive(&person).await;
}
