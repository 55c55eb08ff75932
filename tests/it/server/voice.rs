//! A recording in, a spoken reply out; on the real models too.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::events;
use crate::support::person::{Person, assert_refused, json_of};
use crate::support::recordings;
use rose::domain::word_error_rate::word_error_rate;

const JFK: &str =
    "And so my fellow Americans ask not what your country can do for you ask what you can do for your country";

async fn say(person: &Person, session: &str, recording: Vec<u8>) -> Value {
    json_of(person.say(session, recording).await).await
}

#[tokio::test]
async fn a_recording_is_answered_aloud() {
    let app = TestApp::fake().await;
    let person = app.stranger();
    let session = person.start_session().await;
    let reply = say(&person, &session, recordings::jfk()).await;

    assert_eq!(reply["session_id"], session.as_str());
    assert_eq!(reply["route"], "conversation");
    assert!(reply["transcript"].as_str().expect("text").contains("11.0 seconds"), "{reply}");
    assert!(!reply["text"].as_str().expect("text").is_empty());
    assert!(reply["duration_ms"].as_f64().expect("a number") > 0.0);
    for stage in reply["stages"].as_array().expect("stages") {
        let part = |name: &str| stage[name].as_f64().expect("a number");
        assert!(part("total_ms") + 0.01 >= part("queued_ms") + part("inference_ms"), "{stage}");
    }
    let url = reply["audio_url"].as_str().expect("a spoken reply");
    let sound = person.get(url).await.bytes().await.expect("the sound");
    assert!(hound::WavReader::new(sound.as_ref()).expect("a WAV").duration() > 0);
}

/// One app for all of it: loading the models is what takes long.
#[tokio::test]
async fn real_speech_is_understood_and_answered_in_speech() {
    let app = TestApp::tiny().await;
    let person = app.stranger();
    let health = person.get_json("/api/health").await;
    assert_eq!(health["fake"], false, "{health}");

    // Its model hears English only.
    assert_eq!(person.get_json("/api/capabilities").await["languages"], json!(["en"]));
    let session = person.start_session().await;
    let german = reqwest::multipart::Form::new()
        .part("audio", reqwest::multipart::Part::bytes(recordings::jfk()))
        .text("session_id", session.clone())
        .text("language", "de");
    let refused = person.request(Method::POST, "/api/voice/process").multipart(german).send().await.expect("an answer");
    assert_refused(refused, 422, "invalid_request").await;
    let reply = say(&person, &session, recordings::jfk()).await;
    let transcript = reply["transcript"].as_str().expect("text");
    assert!(word_error_rate(JFK, transcript) <= 0.10, "{transcript}");
    let text = reply["text"].as_str().expect("text");
    assert!(!text.trim().is_empty());

    // What is heard in the sound is what the text says: another turn listens to it.
    let url = reply["audio_url"].as_str().expect("a spoken reply");
    let sound = person.get(url).await.bytes().await.expect("the sound");
    let listening = person.start_session().await;
    let heard = say(&person, &listening, sound.to_vec()).await;
    let heard = heard["transcript"].as_str().expect("text");
    assert!(word_error_rate(text, heard) <= 0.20, "said {text:?}, heard {heard:?}");

    // Whatever it came in, it is the same recording.
    for (file, arguments) in [
        ("opus.webm", &["-c:a", "libopus"][..]),
        ("opus.ogg", &["-c:a", "libopus"]),
        ("aac.mp4", &["-c:a", "aac"]),
        ("lame.mp3", &["-c:a", "libmp3lame"]),
        ("44k-stereo.wav", &["-ar", "44100", "-ac", "2"]),
    ] {
        let session = person.start_session().await;
        let other = say(&person, &session, recordings::converted("jfk.wav", file, arguments)).await;
        // The same words; a lossy codec may move a comma.
        let other = other["transcript"].as_str().expect("text");
        assert_eq!(word_error_rate(transcript, other), 0.0, "{file}: {other}");
    }
}

#[tokio::test]
async fn what_was_said_is_remembered_in_the_next_session_and_by_nobody_else() {
    let app = TestApp::tiny().await;
    let person = app.stranger();
    let first = person.start_session().await;
    person.ask(&first, "My sister is called Ana and I am afraid of thunder.").await;
    // What is kept is kept after the reply, before the next turn of the session: this one waits for it.
    person.ask(&first, "Good night.").await;

    let question = "What is my sister's name?";
    let used = async |person: &Person| -> (Vec<String>, String) {
        let session = person.start_session().await;
        let body = json!({"session_id": session, "message": question});
        let sent = person.chat_events(&body).await;
        let memories = events::of(&sent, "memories_used")[0]["memories"].as_array().expect("a list").clone();
        let texts = memories.iter().map(|memory| memory["text"].as_str().expect("text").to_owned()).collect();
        (texts, events::reply(&sent))
    };
    let (memories, _) = used(&person).await;
    assert!(memories.iter().any(|memory| memory.contains("Ana")), "{memories:?}");

    let other = app.stranger();
    let (memories, reply) = used(&other).await;
    assert_eq!(memories, Vec::<String>::new());
    assert!(!reply.contains("Ana") && !reply.contains("thunder"), "{reply}");
    assert_eq!(other.get_json("/api/memories").await["total"], 0);
}

#[tokio::test]
async fn four_at_once_on_the_real_models_are_not_mixed_up() {
    let app = TestApp::tiny().await;
    let recordings = ["jfk.wav", "austen-0870.wav", "austen-0890.wav", "jfk.wav"];
    let alone = async |file: &str| {
        let person = app.stranger();
        let session = person.start_session().await;
        say(&person, &session, recordings::fixture(file)).await["transcript"].clone()
    };
    let expected = [alone("jfk.wav").await, alone("austen-0870.wav").await, alone("austen-0890.wav").await];
    let turns = recordings.map(|file| {
        let person = app.stranger();
        async move {
            let session = person.start_session().await;
            let response = person.say(&session, recordings::fixture(file)).await;
            if response.status() == 503 {
                assert!(response.headers().contains_key("retry-after"));
                return None;
            }
            let reply = json_of(response).await;
            assert_eq!(reply["session_id"], session.as_str());
            Some(reply["transcript"].clone())
        }
    });
    let heard = futures::future::join_all(turns).await;
    assert!(heard.iter().flatten().count() >= 1);
    for (heard, expected) in heard.iter().zip([&expected[0], &expected[1], &expected[2], &expected[0]]) {
        assert!(heard.as_ref().is_none_or(|heard| heard == expected), "{heard:?} is not {expected}");
    }
}

#[tokio::test]
async fn a_form_may_come_in_any_order_and_with_more_in_it() {
    use reqwest::multipart::{Form, Part};
    let app = TestApp::fake().await;
    let person = app.stranger();
    let session = person.start_session().await;
    let form = Form::new()
        .text("session_id", session.clone())
        .text("something", "else")
        .part("audio", Part::bytes(recordings::jfk()).file_name("a.txt").mime_str("text/plain").expect("a media type"));
    let answer = person.request(Method::POST, "/api/voice/process").multipart(form).send().await.expect("an answer");
    assert_eq!(json_of(answer).await["session_id"], session.as_str());
}
