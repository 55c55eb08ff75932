//! Two hundred spoken turns over four connections at once: the server's memory as they go by.
//! `cargo bench --bench soak`; `ROSE_TURNS` changes how many.

#![expect(clippy::print_stdout, reason = "a bench tells what it measured")]

mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::{SinkExt, StreamExt};
use rose::audio::{DurationLimits, Encoding, decode, encode, resample};
use rose::domain::audio::SampleRate;
use serde_json::{Value, json};
use server::Server;
use tokio_tungstenite::tungstenite::Message;

const CONNECTIONS: usize = 4;

/// 16-bit samples at 24 kHz, base64.
fn recording(bytes: &[u8]) -> String {
    let clip = decode(bytes, &DurationLimits::ANY).expect("a recording");
    BASE64_STANDARD.encode(encode(&resample(&clip, SampleRate::REALTIME), Encoding::Pcm16))
}

/// How each of its turns ended: `completed`, or what went wrong.
async fn converse(server: &Server, said: &[String], taken: &AtomicUsize, turns: usize, sizes: &Sizes) -> Vec<String> {
    let url = format!("{}/v1/realtime", server.url.replacen("http", "ws", 1));
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.expect("a connection");
    let pushed = json!({"type": "session.update", "session": {"audio": {"input": {"turn_detection": null}}}});
    let mut outcomes = Vec::new();
    let mut events = vec![pushed];
    loop {
        let number = taken.fetch_add(1, Ordering::Relaxed);
        if number >= turns {
            return outcomes;
        }
        events.push(json!({"type": "input_audio_buffer.append", "audio": said[number % said.len()]}));
        events.push(json!({"type": "input_audio_buffer.commit"}));
        events.push(json!({"type": "response.create"}));
        for event in events.drain(..) {
            socket.send(Message::text(event.to_string())).await.expect("the server reads");
        }
        outcomes.push(loop {
            let message = socket.next().await.expect("the connection stays").expect("a message");
            let Message::Text(text) = message else { continue };
            let event: Value = serde_json::from_str(&text).expect("JSON");
            match event["type"].as_str() {
                Some("response.done") => break event["response"]["status"].as_str().unwrap_or("no status").to_owned(),
                Some("error") => break event["error"].to_string(),
                _ => {}
            }
        });
        sizes.note(server.mebibytes("VmRSS"));
    }
}

/// MiB after each turn, in the order in which they ended.
#[derive(Default)]
struct Sizes(std::sync::Mutex<Vec<f64>>);

impl Sizes {
    fn note(&self, size: f64) {
        let mut sizes = self.0.lock().expect("no panic while it is held");
        sizes.push(size);
        if sizes.len().is_multiple_of(10) {
            println!("turn {}: {size:.1} MiB", sizes.len());
        }
    }
}

fn main() {
    let turns = std::env::var("ROSE_TURNS").ok().and_then(|text| text.parse().ok()).unwrap_or(200);
    let said = [
        recording(include_bytes!("../tests/fixtures/speech/austen-0870.wav")),
        recording(include_bytes!("../tests/fixtures/speech/austen-0890.wav")),
        recording(include_bytes!("recordings/jfk-ask-not.wav")),
    ];
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::start(data.path(), &[]);
    println!("idle: {:.1} MiB", server.mebibytes("VmRSS"));
    let (taken, sizes) = (AtomicUsize::new(0), Arc::new(Sizes::default()));
    let begin = Instant::now();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let outcomes: Vec<String> = runtime.block_on(async {
        let all = (0..CONNECTIONS).map(|_| converse(&server, &said, &taken, turns, &sizes));
        futures::future::join_all(all).await.into_iter().flatten().collect()
    });
    let failed: Vec<_> = outcomes.iter().filter(|outcome| *outcome != "completed").collect();
    let seconds = begin.elapsed().as_secs_f64();
    println!("{} turns over {CONNECTIONS} connections in {seconds:.0} s, {} failed", outcomes.len(), failed.len());
    for outcome in failed.iter().take(3) {
        println!("  {outcome}");
    }
    let sizes = sizes.0.lock().expect("no panic while it is held");
    if let (Some(early), Some(late)) = (sizes.get(turns / 4 - 1), sizes.last()) {
        let most = server.mebibytes("VmHWM");
        println!(
            "memory, MiB: {early:.1} at turn {}, {late:.1} at turn {turns} ({:+.1} %), {most:.1} at most",
            turns / 4,
            (late / early - 1.0) * 100.0
        );
    }
}
