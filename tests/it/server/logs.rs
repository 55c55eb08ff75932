//! What is said, remembered and signed never reaches the log, however much is logged.

use serde_json::{Value, json};

use crate::support::child::{Engines, ServeProcess};
use crate::support::events;
use crate::support::person::json_of;
use crate::support::recordings;

/// Everything of ours and of every library.
const ALL: (&str, &str) = ("RUST_LOG", "trace");

async fn talk(rose: &ServeProcess) -> Vec<String> {
    let person = rose.stranger();
    let session = person.start_session().await;
    let spoken = json_of(person.say(&session, recordings::jfk()).await).await;
    let mut said: Vec<String> =
        ["transcript", "text"].iter().map(|key| spoken[*key].as_str().expect("text").to_owned()).collect();
    for message in ["My sister is called Zephyrine and I am afraid of thunderclaps.", "What does Zephyrine do?"] {
        let body = json!({"session_id": session, "message": message, "speak": true});
        let events = person.chat_events(&body).await;
        said.push(events::reply(&events));
        said.push(message.to_owned());
    }
    person.get("/api/memories?search=Zephyrine").await;
    // What is refused must not be quoted either.
    person
        .send(reqwest::Method::POST, "/api/chat", &json!({"session_id": "Zephyrine", "message": "thunderclaps"}))
        .await;
    let memories = person.get_json("/api/memories").await;
    for memory in memories["memories"].as_array().expect("a list") {
        said.push(memory["text"].as_str().expect("text").to_owned());
    }
    said
}

async fn nothing_said_is_logged(engines: Engines) {
    let data = tempfile::tempdir().expect("a folder for the test");
    let mut rose = ServeProcess::start(data.path(), engines, &[ALL]);
    let said = talk(&rose).await;
    let key = std::fs::read(data.path().join("cookie.key")).expect("the cookie key");
    rose.terminate();
    assert!(rose.wait().success());
    let log = rose.log();

    assert!(log.contains("\"turn\""), "something is logged");
    for text in said.iter().filter(|text| !text.trim().is_empty()) {
        // Three words in a row are a quotation; a single one may be anybody's.
        let words: Vec<&str> = text.split_whitespace().collect();
        for quotation in words.windows(3.min(words.len())).map(|words| words.join(" ")) {
            assert!(!log.contains(&quotation), "{quotation:?} is in the log: {}", lines_with(&log, &quotation));
        }
    }
    for word in ["Zephyrine", "thunderclaps"] {
        assert!(!log.contains(word), "{word:?} is in the log: {}", lines_with(&log, word));
    }
    use base64::Engine;
    let secrets = [
        base64::prelude::BASE64_STANDARD.encode(&key)[..40].to_owned(),
        key[..20].iter().map(|byte| format!("{byte:02x}")).collect(),
        key[..12].iter().map(|byte| format!("{byte}, ")).collect(),
        "rose_user=".to_owned(),
    ];
    for secret in secrets {
        assert!(!log.contains(&secret), "a secret is in the log: {}", lines_with(&log, &secret));
    }
}

fn lines_with<'a>(log: &'a str, text: &str) -> &'a str {
    log.lines().find(|line| line.contains(text)).unwrap_or_default()
}

#[tokio::test]
async fn nothing_said_to_the_fakes_is_logged() {
    nothing_said_is_logged(Engines::Fake).await;
}

#[tokio::test]
async fn nothing_said_to_the_tiny_models_is_logged() {
    nothing_said_is_logged(Engines::Tiny).await;
}

#[tokio::test]
async fn a_turn_leaves_one_line_with_its_stages() {
    let data = tempfile::tempdir().expect("a folder for the test");
    let mut rose = ServeProcess::start(data.path(), Engines::Fake, &[]);
    let person = rose.stranger();
    let session = person.start_session().await;
    let answer = person.say(&session, recordings::jfk()).await;
    let id = answer.headers()["x-request-id"].to_str().expect("ASCII").to_owned();
    json_of(answer).await;
    rose.terminate();
    assert!(rose.wait().success());

    let log = rose.log();
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let with = |message: &str| -> Vec<&Value> {
        lines.iter().filter(|line| line["message"] == message && line["request.id"] == id.as_str()).collect()
    };
    let turns = with("turn");
    assert_eq!(turns.len(), 1, "{log}");
    assert_eq!(turns[0]["session.id"], session.as_str());
    assert_eq!(turns[0]["outcome"], "answered");
    for stage in ["decode", "stt", "extract_memories", "route", "llm", "tts", "first_audio", "total"] {
        let field = format!("{stage}_duration_ms");
        assert!(turns[0][&field].as_f64().is_some_and(|ms| ms >= 0.0), "{field}: {}", turns[0]);
    }
    let requests = with("request");
    assert_eq!(requests.len(), 1, "{log}");
    assert_eq!(requests[0]["http.route"], "/api/voice/process");
    assert_eq!(requests[0]["http.status"], 200);
}
