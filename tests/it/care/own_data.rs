//! A person takes their data along, and has it deleted: nothing of it is left, in the backups neither.

use std::io::{Cursor, Read};
use std::path::Path;

use reqwest::Method;
use rose::store::back_up_daily;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::person::{Person, assert_refused, json_of};

/// No model writes it by itself.
const RARE: &str = "Quixtelbrandt";

async fn exported(person: &Person) -> Vec<(String, Vec<u8>)> {
    let response = person.get("/api/me/export").await;
    assert_eq!(response.headers()["content-type"], "application/zip");
    let bytes = response.bytes().await.expect("the archive");
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).expect("a zip archive");
    (0..archive.len())
        .map(|at| {
            let mut file = archive.by_index(at).expect("an entry");
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).expect("its bytes");
            (file.name().expect("a name").into_owned(), bytes)
        })
        .collect()
}

fn holds(file: &[u8], word: &str) -> bool {
    file.windows(word.len()).any(|part| part == word.as_bytes())
}

/// Files under `folder` that hold the word.
fn found_in(folder: &Path, word: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(found_in(&path, word));
        } else if holds(&std::fs::read(&path).expect("a file"), word) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test]
async fn what_is_exported_is_everything_and_what_is_deleted_is_gone() {
    let app = TestApp::fake().await;
    let person = app.stranger();
    let other = app.stranger();
    let session = person.start_session().await;
    person.ask(&session, &format!("My dog is called {RARE} and I love him.")).await;
    let others = other.start_session().await;
    other.ask(&others, "My cat is called Murrstein and I love her.").await;
    person.send(Method::PATCH, "/api/me", &json!({"country": "DE", "accepted_version": "1"})).await;
    app.app.conversation.idle().await;
    let data = app.app.config.data.clone();
    let backup = back_up_daily(&data, 7).expect("a backup").path;
    assert!(holds(&std::fs::read(&backup).expect("the backup"), RARE));

    let files = exported(&person).await;
    let named = |start: &str| files.iter().filter(|(name, _)| name.starts_with(start)).collect::<Vec<_>>();
    assert!(holds(&named("conversations/")[0].1, RARE));
    assert!(holds(&named("memories.json")[0].1, RARE), "{}", String::from_utf8_lossy(&named("memories.json")[0].1));
    assert!(holds(&named("profile.json")[0].1, "DE"));
    assert!(!files.iter().any(|(_, bytes)| holds(bytes, "Murrstein")), "another's");

    let deleted: Value = json_of(person.delete("/api/me").await).await;
    let gone: jiff::Timestamp = deleted["backups_gone_by"].as_str().expect("a time").parse().expect("RFC 3339");
    assert!(gone <= jiff::Timestamp::now());
    assert_eq!(found_in(app.data.path(), RARE), Vec::<String>::new());
    assert!(holds(&std::fs::read(&backup).expect("the backup"), "Murrstein"), "another's stays");
    let files = exported(&person).await;
    assert!(!files.iter().any(|(name, _)| name.starts_with("conversations/")));
    assert_eq!(person.get_json("/api/memories").await["total"], 0);
    assert_eq!(person.get_json("/api/me").await["country"], Value::Null);
    assert_eq!(other.get_json("/api/memories").await["total"], 1);
    app.stop().await;
}

#[tokio::test]
async fn a_profile_is_changed_field_by_field() {
    let app = TestApp::fake().await;
    let person = app.stranger();
    let change = async |body: Value| person.send(Method::PATCH, "/api/me", &body).await;
    let me: Value = json_of(change(json!({"country": "fr", "time_zone": "Europe/Paris"})).await).await;
    assert_eq!((&me["country"], &me["time_zone"]), (&json!("FR"), &json!("Europe/Paris")));
    let me: Value = json_of(change(json!({"country": null, "accepted_version": "2026-11-26"})).await).await;
    assert_eq!((&me["country"], &me["accepted"]["version"]), (&Value::Null, &json!("2026-11-26")));
    assert_eq!(me["time_zone"], "Europe/Paris", "what is left out stays");
    for wrong in [json!({"country": "France"}), json!({"time_zone": "Paris"}), json!({"accepted_version": " "})] {
        assert_refused(change(wrong).await, 422, "invalid_request").await;
    }
    app.stop().await;
}

#[tokio::test]
async fn what_watches_is_told_to_everyone() {
    let app = TestApp::fake().await;
    let care = app.stranger().get_json("/api/care").await;
    assert_eq!(care["layers"], json!(["patterns"]));
    assert_eq!(care["for_people_in_need"], false);
    assert!(care["disclosure"].as_str().expect("a sentence").contains("an AI"));
    assert!(care["countries"].as_array().expect("countries").len() >= 40);
    app.stop().await;
}
