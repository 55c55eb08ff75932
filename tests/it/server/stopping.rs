//! Told to stop: what nobody is being spoken to in ends at once, a turn finishes, an upload that stands still is cut.

use std::time::{Duration, Instant};

use futures::StreamExt;
use rose::config::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

use crate::support::app::TestApp;
use crate::support::events;

/// Far more than any of this takes; each ends of itself, not because the time is over.
const FINISH: Duration = Duration::from_secs(60);

fn patient(config: &mut Config) {
    config.server.finish = FINISH;
}

/// The seconds that it took.
async fn stop(app: TestApp) -> f32 {
    let begin = Instant::now();
    drop(app.stop().await);
    let took = begin.elapsed();
    assert!(took < FINISH, "it took {took:?}");
    println!("stopped in {took:?}");
    took.as_secs_f32()
}

#[tokio::test]
async fn with_nothing_open() {
    let app = TestApp::fake_with(patient).await;
    // A connection that is kept for a next request, and one that never had any.
    let person = app.stranger();
    person.start_session().await;
    let _silent = TcpStream::connect(app.url.trim_start_matches("http://")).await.unwrap();
    stop(app).await;
}

#[tokio::test]
async fn with_an_idle_websocket_and_an_event_stream_that_was_read() {
    let app = TestApp::fake_with(patient).await;
    let person = app.stranger();
    let session = person.start_session().await;
    let response = person.chat(&session, "Good morning.").await;
    let mut stream = response.bytes_stream();
    let mut text = Vec::new();
    while let Some(piece) = stream.next().await {
        text.extend_from_slice(&piece.unwrap());
    }
    assert_eq!(events::parse(&String::from_utf8(text).unwrap()).last().unwrap().name, "done");
    let (mut socket, _) =
        connect_async(format!("{}/v1/realtime", app.url.replacen("http", "ws", 1))).await.expect("a WebSocket");
    assert!(matches!(socket.next().await, Some(Ok(Message::Text(_)))), "session.created");
    let reading = tokio::spawn(async move {
        let mut last = None;
        while let Some(Ok(message)) = socket.next().await {
            last = Some(message);
        }
        last
    });
    stop(app).await;
    let Some(Message::Close(Some(frame))) = reading.await.unwrap() else { panic!("it was not closed in order") };
    assert_eq!(u16::from(frame.code), 1001);
}

#[tokio::test]
async fn with_half_an_upload() {
    let app = TestApp::fake_with(patient).await;
    let address = app.url.trim_start_matches("http://").to_owned();
    let mut upload = TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "POST /api/voice/process HTTP/1.1\r\nhost: {address}\r\ncontent-type: multipart/form-data; boundary=abc\r\n\
         content-length: 100000\r\n\r\n--abc\r\ncontent-disposition: form-data; name=\"audio\"\r\n\r\nRIFF"
    );
    upload.write_all(head.as_bytes()).await.unwrap();
    let mut half = TcpStream::connect(&address).await.unwrap();
    half.write_all(b"GET /api/health HTTP/1.1\r\nhost: ").await.unwrap();
    // The server is reading: it answers what comes on another connection behind it.
    app.stranger().start_session().await;
    stop(app).await;
    let mut answer = Vec::new();
    upload.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("request_timeout"), "{answer}");
}

#[tokio::test]
async fn with_a_turn_that_speaks() {
    let slow = |config: &mut Config| {
        patient(config);
        config.llm.fake.token_delay = Duration::from_millis(50);
    };
    let app = TestApp::fake_with(slow).await;
    let person = app.stranger();
    let session = person.start_session().await;
    let response = person.chat(&session, "One two three four five six seven eight nine ten.").await;
    let mut stream = response.bytes_stream();
    let mut text = stream.next().await.expect("a first piece").unwrap().to_vec();
    let reading = tokio::spawn(async move {
        while let Some(piece) = stream.next().await {
            text.extend_from_slice(&piece.expect("the stream is not cut off"));
        }
        events::parse(&String::from_utf8(text).unwrap())
    });
    stop(app).await;
    let events = reading.await.unwrap();
    assert_eq!(events.last().unwrap().name, "done");
    assert!(events::reply(&events).contains("nine ten"));
}

#[tokio::test]
async fn a_turn_that_takes_too_long_is_ended_with_its_closing_event() {
    let endless = |config: &mut Config| {
        config.server.finish = Duration::from_millis(200);
        config.llm.fake.token_delay = Duration::from_secs(20);
    };
    let app = TestApp::fake_with(endless).await;
    let person = app.stranger();
    let session = person.start_session().await;
    let response = person.chat(&session, "One two three four five six seven eight nine ten.").await;
    let reading = tokio::spawn(async move { response.text().await.expect("the stream is not cut off") });
    stop(app).await;
    let events = events::parse(&reading.await.unwrap());
    assert!(matches!(events.last().unwrap().name.as_str(), "done" | "error"), "{:?}", events.last().unwrap().name);
}
