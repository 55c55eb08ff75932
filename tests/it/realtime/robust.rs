//! Clients that vanish leave nothing behind; one that does not read slows nobody else.

use std::time::Duration;

use serde_json::json;
use tokio::runtime::Handle;
use tokio_tungstenite::tungstenite::Message;

use super::client::Client;
use crate::audio::original;
use crate::support::app::TestApp;
use crate::support::child::{Engines, ServeProcess};

/// Looks again until it holds; a minute is far beyond what it takes.
async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let patience = tokio::time::Instant::now() + Duration::from_secs(60);
    while !holds().await {
        assert!(tokio::time::Instant::now() < patience, "{what}");
        tokio::task::yield_now().await;
    }
}

/// A client that is dropped at one of several moments.
async fn vanish(url: &str, number: usize) {
    let mut client = Client::connect(url).await;
    match number % 5 {
        0 => {}
        1 => client.speak(&original("austen-0890.wav")).await,
        2 => {
            client.speak(&original("austen-0890.wav")).await;
            client.send(json!({"type": "input_audio_buffer.commit"})).await;
            client.ask().await;
        }
        3 => {
            client.write("Tell me a long story about the sea and the lighthouse.").await;
            client.ask().await;
            client.until("response.created").await;
        }
        _ => {
            client.write("Tell me a long story about the sea and the lighthouse.").await;
            client.ask().await;
            client.until("response.output_audio.delta").await;
        }
    }
}

#[tokio::test]
async fn fifty_vanishing_clients_leave_no_task() {
    let app = TestApp::fake_with(|config| {
        config.llm.fake.token_delay = Duration::from_millis(30);
        config.stt.fake.delay = Duration::from_millis(20);
    })
    .await;
    vanish(&app.url, 4).await;
    app.app.conversation.idle().await;
    let tasks = || Handle::current().metrics().num_alive_tasks();
    // The connection's own task goes a little after the last turn's.
    let mut before = tasks();
    eventually("the first client's tasks end", async || {
        before = before.min(tasks());
        before <= 4
    })
    .await;
    futures::future::join_all((0..50).map(|number| vanish(&app.url, number))).await;
    app.app.conversation.idle().await;
    eventually("all tasks end", async || tasks() <= before).await;
    app.stop().await;
}

#[tokio::test]
async fn fifty_vanishing_clients_leave_no_thread_and_no_file() {
    let data = tempfile::tempdir().expect("a folder for the test");
    let rose = ServeProcess::start(data.path(), Engines::Fake, &[("ROSE__LLM__FAKE__TOKEN_DELAY_MS", "30")]);
    let entries = |of: &str| std::fs::read_dir(format!("/proc/{}/{of}", rose.id())).expect("Linux").count();
    // Threads for blocking work come with the first turns, and stay for a while.
    let round = async || futures::future::join_all((0..50).map(|number| vanish(&rose.url, number))).await;
    round().await;
    let person = rose.stranger();
    let mut page = String::new();
    let mut quiet = async || {
        page = person.get("/metrics").await.text().await.expect("a page");
        page.lines().any(|line| line == "rose_realtime_connections 0")
    };
    eventually("the connections end", &mut quiet).await;
    let (files, threads) = (entries("fd"), entries("task"));
    round().await;
    eventually("the connections end", &mut quiet).await;
    // SQLite opens the log's files for a reading connection when that is first used, which may be now.
    eventually("the files are closed", async || entries("fd") <= files + 8).await;
    // Tokio keeps idle threads for 10 s, and may have needed one more at the same time.
    eventually("no thread is left over", async || entries("task") <= threads + 8).await;
}

#[tokio::test]
async fn nothing_that_was_said_is_logged_and_the_connection_leaves_a_line() {
    let data = tempfile::tempdir().expect("a folder for the test");
    let environment = [("ROSE__STT__FAKE__TEXT", "My heron is called Quibble."), ("RUST_LOG", "debug")];
    let mut rose = ServeProcess::start(data.path(), Engines::Fake, &environment);
    let mut client = Client::connect(&rose.url).await;
    let session = json!({"instructions": "Speak of the zeppelin.", "audio": {"input": {"turn_detection": null}}});
    client.send(json!({"type": "session.update", "session": session})).await;
    client.until("session.updated").await;
    client.speak(&original("austen-0890.wav")).await;
    client.send(json!({"type": "input_audio_buffer.commit"})).await;
    client.ask().await;
    client.until("response.done").await;
    client.write("And the marzipan?").await;
    client.send(json!({"type": "response.create", "metadata": 7})).await;
    client.until("response.done").await;
    client.send(json!({"type": "nougat"})).await;
    client.until("error").await;
    client.close().await;
    let session = client.session_id();
    rose.terminate();
    assert!(rose.wait().success());
    let log = rose.log().to_lowercase();
    for word in ["heron", "quibble", "zeppelin", "marzipan", "nougat"] {
        assert!(!log.contains(word), "{word} is in the log");
    }
    let line = log.lines().find(|line| line.contains("realtime connection ended")).expect("a line");
    assert!(line.contains(&session) && line.contains("\"realtime.turns\":2"), "{line}");
}

#[tokio::test]
async fn who_does_not_read_is_let_go_and_slows_nobody() {
    let app = TestApp::fake().await;
    let mut deaf = Client::connect(&app.url).await;
    let rubbish = Message::text(format!("{{\"type\":\"{}\"}}", "x".repeat(50)));
    let flood = async {
        let mut sent = 0;
        while deaf.try_send(rubbish.clone()).await {
            sent += 1;
        }
        sent
    };
    let other = async {
        for _ in 0..5 {
            let mut client = Client::connect(&app.url).await;
            client.write("Good morning.").await;
            client.ask().await;
            assert_eq!(client.until("response.done").await["response"]["status"], "completed");
        }
    };
    let (sent, ()) = tokio::join!(tokio::time::timeout(Duration::from_secs(60), flood), other);
    assert!(sent.expect("the server closes the connection") > 256);
}

#[tokio::test]
async fn a_stop_lets_the_reply_finish_and_closes() {
    let app = TestApp::fake_with(|config| config.llm.fake.token_delay = Duration::from_millis(50)).await;
    let mut client = Client::connect(&app.url).await;
    let mut idle = Client::connect(&app.url).await;
    idle.until("session.created").await;
    client.write("Tell me a story.").await;
    client.ask().await;
    client.until("response.created").await;
    let reading = async {
        assert_eq!(client.until("response.done").await["response"]["status"], "completed");
        assert_eq!(client.next().await, None);
        assert_eq!(idle.next().await, None);
    };
    tokio::join!(app.stop(), reading);
}
