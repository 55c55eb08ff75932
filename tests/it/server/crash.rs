//! The binary, killed and stopped: what was answered stays, nothing is left half done.

use std::path::Path;
use std::time::Duration;

use futures::StreamExt;
use rand::Rng;
use reqwest::StatusCode;

use crate::support::child::{Engines, ServeProcess};
use crate::support::events;
use crate::support::person::Person;

const ROUNDS: u32 = 10;

/// What was said and answered, as the history shows it.
async fn exchanges(person: &Person, session: &str) -> Vec<(String, String)> {
    let history = person.get_json(&format!("/api/sessions/{session}")).await;
    let messages = history["messages"].as_array().expect("a list").clone();
    // A message whose turn was cut off stands without an answer.
    let mut exchanges: Vec<(String, String)> = Vec::new();
    for message in &messages {
        let text = message["text"].as_str().expect("text").to_owned();
        match message["role"].as_str() {
            Some("user") => exchanges.push((text, String::new())),
            Some("assistant") => {
                let open = exchanges.last_mut().filter(|(_, answer)| answer.is_empty());
                open.expect("an answer follows a message").1 = text;
            }
            _ => panic!("a role that is neither: {message}"),
        }
    }
    exchanges
}

fn assert_sound(data: &Path) {
    let database = rusqlite::Connection::open(data.join("rose.db")).expect("the database opens");
    let checked: String =
        database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("it can be checked");
    assert_eq!(checked, "ok");
}

/// Ten times: start, check what is there, begin a turn, kill somewhere in it.
async fn killed_at_random_moments(engines: Engines, environment: &[(&str, &str)], turn: Duration) {
    let data = tempfile::tempdir().expect("a folder for the test");
    let mut rose = ServeProcess::start(data.path(), engines, environment);
    let mut person = rose.stranger();
    let session = person.start_session().await;
    let mut answered: Vec<(String, String)> = Vec::new();
    let mut cut_off: Vec<String> = Vec::new();

    for round in 0..ROUNDS {
        let message = format!("Message number {round} about the garden.");
        // One tenth after the other, somewhere in it, and a little beyond the end.
        let moment = turn.mul_f64((f64::from(round) + rand::rng().random::<f64>()) / f64::from(ROUNDS) * 1.2);
        println!("round {round}: killed after {moment:?}");
        match tokio::time::timeout(moment, person.ask(&session, &message)).await {
            Ok(reply) => answered.push((message, reply)),
            Err(_) => cut_off.push(message),
        }
        rose.kill();
        assert_sound(data.path());

        rose = ServeProcess::start(data.path(), engines, environment);
        person = person.moved_to(&rose.url);
        // Turns of a session follow one another: once this one is answered, what was cut off has been settled.
        let settled = format!("Are you back for round {round}?");
        let reply = person.ask(&session, &settled).await;
        answered.push((settled, reply));
        let kept = exchanges(&person, &session).await;
        for (said, reply) in &answered {
            let found = kept.iter().find(|(kept, _)| kept == said);
            let found = found.unwrap_or_else(|| panic!("answered, and lost: {said:?}"));
            assert_eq!(found.1.trim(), reply.trim());
        }
        for (said, reply) in &kept {
            let known = answered.iter().any(|(answered, _)| answered == said) || cut_off.contains(said);
            assert!(known, "nobody said {said:?}");
            // What was cut off keeps the person's words, answered to the end or not at all.
            assert!(!reply.is_empty() || cut_off.contains(said), "answered, and left without its reply: {said:?}");
            assert_eq!(kept.iter().filter(|(other, _)| other == said).count(), 1, "twice: {said:?}");
        }
    }
    assert!(!answered.is_empty() && !cut_off.is_empty(), "no moment lay within a turn: {turn:?} is wrong");
    rose.terminate();
    assert!(rose.wait().success());
    assert_sound(data.path());
}

#[tokio::test]
async fn killed_in_a_turn_on_fakes() {
    let slow = [("ROSE__LLM__FAKE__FIRST_TOKEN_DELAY_MS", "60"), ("ROSE__LLM__FAKE__TOKEN_DELAY_MS", "15")];
    killed_at_random_moments(Engines::Fake, &slow, Duration::from_millis(300)).await;
}

#[tokio::test]
async fn killed_in_a_turn_on_the_tiny_models() {
    killed_at_random_moments(Engines::Tiny, &[], Duration::from_millis(1500)).await;
}

#[tokio::test]
async fn told_to_stop_it_finishes_the_turn() {
    let data = tempfile::tempdir().expect("a folder for the test");
    let slow = [("ROSE__LLM__FAKE__TOKEN_DELAY_MS", "50")];
    let mut rose = ServeProcess::start(data.path(), Engines::Fake, &slow);
    let person = rose.stranger();
    let session = person.start_session().await;

    let response = person.chat(&session, "One two three four five six seven eight nine ten.").await;
    assert_eq!(response.status(), StatusCode::OK);
    let mut stream = response.bytes_stream();
    let mut text = stream.next().await.expect("a first piece").expect("bytes").to_vec();
    rose.terminate();
    while let Some(piece) = stream.next().await {
        text.extend_from_slice(&piece.expect("the stream is not cut off"));
    }
    let events = events::parse(&String::from_utf8(text).expect("UTF-8"));
    assert_eq!(events.last().expect("events").name, "done");
    assert!(events::reply(&events).contains("nine ten"));
    assert_eq!(rose.wait().code(), Some(0));

    // It left a database that needs no recovery.
    assert!(!data.path().join("rose.db-wal").exists());
    assert_sound(data.path());
    let again = ServeProcess::start(data.path(), Engines::Fake, &[]);
    assert_eq!(exchanges(&person.moved_to(&again.url), &session).await.len(), 1);
}

#[test]
fn two_at_once_cannot_have_one_data_folder() {
    let data = tempfile::tempdir().expect("a folder for the test");
    let _first = ServeProcess::start(data.path(), Engines::Fake, &[]);
    let second = ServeProcess::try_start(data.path(), Engines::Fake, &[]).err().expect("the folder is taken");
    assert!(second.contains(&data.path().display().to_string()), "{second}");
}
