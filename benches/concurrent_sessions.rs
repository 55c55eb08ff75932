//! Many sessions at once on one server, every engine a fake that takes as long as a service does: what the server itself adds
//! to a turn, and its memory. Meant for the build without engines:
//! `cargo bench --no-default-features --bench concurrent_sessions`. `ROSE_SESSIONS` and `ROSE_TURNS` change how many.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench tells what it measured, and may fail loudly")]

mod server;

use std::time::{Duration, Instant};

use futures::StreamExt;
use rand::Rng;
use serde_json::{Value, json};
use server::Server;

/// The model's: until its first word, and between two.
const FIRST_TOKEN_MS: u64 = 300;
const TOKEN_MS: u64 = 40;
/// A person reads and thinks for so long, at random.
const THINKS_MS: std::ops::Range<u64> = 4_000..8_000;

const SAID: [&str; 4] = [
    "Good morning, Rose. I slept badly again.",
    "My sister Ana is coming to visit me on Sunday.",
    "What could we cook together, she and I?",
    "Thank you. Tell me something about the sea at night.",
];

fn number(variable: &str, usual: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn start(data: &std::path::Path) -> Server {
    let backends =
        ["STT", "LLM", "TTS", "EMBEDDINGS", "VAD"].map(|port| (format!("ROSE__{port}__BACKENDS"), "fake".into()));
    let delays = [("FIRST_TOKEN", FIRST_TOKEN_MS), ("TOKEN", TOKEN_MS)];
    let delays = delays.map(|(name, delay)| (format!("ROSE__LLM__FAKE__{name}_DELAY_MS"), delay.to_string()));
    Server::start(data, &[&backends[..], &delays].concat())
}

/// One turn: all of its time but the model's, in milliseconds, and what the server says each stage took.
struct Turn {
    added: f64,
    stages: Vec<(String, f64)>,
}

async fn turn(client: &reqwest::Client, url: &str, session: &str, said: &str) -> Result<Turn, String> {
    let body = json!({"session_id": session, "message": said, "speak": false});
    let begin = Instant::now();
    let sent = client.post(format!("{url}/api/chat")).json(&body).send().await;
    let response = sent.map_err(|error| error.to_string())?;
    if !response.status().is_success() {
        return Err(response.status().to_string());
    }
    let mut stream = response.bytes_stream();
    let mut text = Vec::new();
    while let Some(piece) = stream.next().await {
        text.extend_from_slice(&piece.map_err(|error| error.to_string())?);
    }
    let whole = begin.elapsed().as_secs_f64() * 1e3;
    let text = String::from_utf8(text).map_err(|error| error.to_string())?;
    let last = text.lines().rev().find_map(|line| line.strip_prefix("data:")).ok_or("no event came")?;
    let done: Value = serde_json::from_str(last.trim()).map_err(|error| error.to_string())?;
    let stages = done["stages"].as_array().ok_or_else(|| format!("it ended with {done}"))?;
    let respond = stages.iter().find(|stage| stage["stage"] == "respond").ok_or("nothing was said")?;
    let added = whole - respond["inference_ms"].as_f64().unwrap_or_default();
    let took = |stage: &Value| (stage["stage"].to_string(), stage["total_ms"].as_f64().unwrap_or_default());
    Ok(Turn { added, stages: stages.iter().map(took).collect() })
}

async fn session(client: reqwest::Client, url: String, turns: usize, delay: Duration) -> Vec<Result<Turn, String>> {
    tokio::time::sleep(delay).await;
    let started = client.post(format!("{url}/api/session/start")).send().await.unwrap();
    let id = started.json::<Value>().await.unwrap()["session_id"].as_str().unwrap().to_owned();
    let mut added = Vec::new();
    for number in 0..turns {
        added.push(turn(&client, &url, &id, SAID[number % SAID.len()]).await);
        let thinks = rand::rng().random_range(THINKS_MS);
        tokio::time::sleep(Duration::from_millis(thinks)).await;
    }
    added
}

fn main() {
    let (sessions, turns) = (number("ROSE_SESSIONS", 500), number("ROSE_TURNS", 6));
    let data = tempfile::tempdir().unwrap();
    let server = start(data.path());
    let url = server.url.clone();
    let idle = server.mebibytes("VmRSS");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    // Before the clock runs: each reads the machine's certificates, which takes the processor for milliseconds.
    let client = || rose::providers::client_builder().cookie_store(true).build().unwrap();
    let clients: Vec<reqwest::Client> = (0..sessions).map(|_| client()).collect();
    let begin = Instant::now();
    let outcomes: Vec<Result<Turn, String>> = runtime.block_on(async {
        let all = clients.into_iter().map(|client| {
            // They don't all begin in the same moment.
            let delay = Duration::from_millis(rand::rng().random_range(0..THINKS_MS.end));
            tokio::spawn(session(client, url.clone(), turns, delay))
        });
        futures::future::join_all(all).await.into_iter().flat_map(|one| one.unwrap()).collect()
    });
    let seconds = begin.elapsed().as_secs_f64();
    let mut turns: Vec<&Turn> = outcomes.iter().filter_map(|one| one.as_ref().ok()).collect();
    let errors: Vec<&String> = outcomes.iter().filter_map(|one| one.as_ref().err()).collect();
    turns.sort_by(|a, b| a.added.total_cmp(&b.added));
    let at = |share: f64| turns[((turns.len() - 1) as f64 * share).round() as usize];
    println!("{sessions} sessions, {} turns in {seconds:.0} s, {} errors", outcomes.len(), errors.len());
    for error in errors.iter().take(3) {
        println!("  {error}");
    }
    println!("added by the server, ms: p50 {:.2}, p95 {:.2}, p99 {:.2}", at(0.5).added, at(0.95).added, at(0.99).added);
    println!("a turn at p99, ms: {:?}", at(0.99).stages);
    println!(
        "resident memory, MiB: {idle:.1} idle, {:.1} at the end, {:.1} at most",
        server.mebibytes("VmRSS"),
        server.mebibytes("VmHWM")
    );
    println!("the median is {:.2} % of a turn's 3.6 s", at(0.5).added / 36.0);
}
