//! Each service fails in each way: the person gets an answer or one kind sentence, soon, and nothing said or secret
//! reaches the log.

use std::net::TcpListener;
use std::time::Duration;

use axum::body::Bytes;
use rose::config::{ApiConfig, Config, EmbeddingsBackend, Judgement, LlmBackend, SttBackend, TtsBackend};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::child::{Engines, ServeProcess};
use crate::support::events;
use crate::support::person::Person;
use crate::support::recordings;
use crate::support::service::{Act, Answer, Request, Service, api};

const PORTS: [&str; 4] = ["stt", "llm", "tts", "embeddings"];

/// Far beyond what all attempts take; a turn that hangs ends the test.
const PATIENCE: Duration = Duration::from_secs(120);

/// The beginning of a good answer, as far as a cut or silent service gets; its media type is the right one.
fn beginning(request: &Request) -> Answer {
    match request.path.as_str() {
        "/chat/completions" => {
            let chunk = json!({"choices": [{"index": 0, "delta": {"content": "The sea was"}}]});
            ("text/event-stream", vec![Bytes::from(format!("data: {chunk}\n\n"))])
        }
        "/audio/speech" => ("audio/pcm", vec![Bytes::from(vec![1; 4800])]),
        _ => ("application/json", vec![Bytes::from_static(b"{\"text\": \"The sea was\"}")]),
    }
}

fn quick(url: &str) -> ApiConfig {
    let mut api = api(url, "a-model");
    api.timeouts.first_byte = Duration::from_millis(200);
    api.timeouts.idle = Duration::from_millis(200);
    api
}

/// The service behind one port, a fake behind it where `stands_in`.
fn place(config: &mut Config, port: &str, url: &str, stands_in: bool) {
    // What the judgement asks would be counted with the replies.
    config.judgement.by = Judgement::Rules;
    fn list<B>(service: B, fake: B, stands_in: bool) -> Vec<B> {
        if stands_in { vec![service, fake] } else { vec![service] }
    }
    match port {
        "stt" => {
            config.stt.backends = list(SttBackend::OpenAi, SttBackend::Fake, stands_in);
            config.stt.openai = quick(url);
        }
        "llm" => {
            config.llm.backends = list(LlmBackend::OpenAi, LlmBackend::Fake, stands_in);
            config.llm.openai.api = quick(url);
        }
        "tts" => {
            config.tts.backends = list(TtsBackend::OpenAi, TtsBackend::Fake, stands_in);
            config.tts.openai.api = quick(url);
        }
        "embeddings" => {
            config.embeddings.backends = vec![EmbeddingsBackend::OpenAi];
            config.embeddings.openai.api = quick(url);
        }
        other => unreachable!("{other} is no port"),
    }
}

/// A whole answer: `Ok` what was said, `Err` the sentence of a refusal.
async fn spoken(person: &Person, session: &str) -> Result<String, String> {
    let response = person.say(session, recordings::jfk()).await;
    let good = response.status().is_success();
    let body: Value = response.json().await.expect("JSON, whatever happened");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    if good { Ok(text(&body["text"])) } else { Err(text(&body["error"]["message"])) }
}

/// The same as a stream, which must come to its end.
async fn streamed(person: &Person, session: &str) -> Result<String, String> {
    let body = json!({"session_id": session, "message": "Tell me about the old lighthouse.", "speak": true});
    let response = person.send(reqwest::Method::POST, "/api/chat", &body).await;
    let good = response.status().is_success();
    let body = response.text().await.expect("a whole body");
    if !good {
        let refused: Value = serde_json::from_str(&body).expect("JSON");
        return Err(refused["error"]["message"].as_str().expect("a text").to_owned());
    }
    let events = events::parse(&body);
    let last = events.last().expect("an event");
    match last.name.as_str() {
        "done" => Ok(events::reply(&events)),
        "error" => Err(last.data["error"]["message"].as_str().expect("a text").to_owned()),
        other => panic!("the stream ends with {other}"),
    }
}

/// A port that nobody listens on.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

async fn turn_with(port: &'static str, act: Option<Act>, stands_in: bool) {
    let service = act.map(|act| Service::start_then(&[], act, beginning));
    let url = service.as_ref().map_or_else(nobody, |service| service.url.clone());
    let app = TestApp::fake_with(|config| place(config, port, &url, stands_in)).await;
    let person = app.stranger();
    let session = person.start_session().await;
    let heard = spoken(&person, &session).await;
    let read = streamed(&person, &session).await;
    for (door, outcome) in [("batch", heard), ("stream", read)] {
        let text = outcome.as_ref().unwrap_or_else(|sentence| sentence);
        let case = format!("{port}, {act:?}, {door}, {outcome:?}");
        assert!(text.len() > 15 && text.ends_with(['.', '?', '!', '"', '”']), "{case}: no sentence");
        assert!(!text.contains("HTTP") && !text.contains("secret") && !text.contains("127.0.0.1"), "{case}: raw");
        // Whoever has another behind it answers; and a text is there to read where only the voice failed.
        let spoken_to = port != "stt" || door == "batch";
        if stands_in || port == "tts" || !spoken_to {
            assert!(outcome.is_ok() || port == "embeddings", "{case}");
        }
    }
}

/// A dead language model costs a turn one attempt at most, and none once its breaker is open: the reply is the next one's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_model_is_waited_for_once_a_turn_and_not_at_all_once_its_breaker_is_open() {
    let service = Service::start_then(&[], Act::Hang, beginning);
    let app = TestApp::fake_with(|config| place(config, "llm", &service.url, true)).await;
    let person = app.stranger();
    let session = person.start_session().await;
    let (mut asked, mut first_audio) = (Vec::new(), Vec::new());
    for number in 0..8 {
        let before = service.requests().len();
        let body =
            json!({"session_id": session, "message": format!("Tell me about lighthouse {number}."), "speak": true});
        let events = person.chat_events(&body).await;
        assert!(events::reply(&events).contains("lighthouse"), "{:?}", events::names(&events));
        asked.push(service.requests().len() - before);
        let stages = events::of(&events, "done")[0]["stages"].as_array().expect("stages").clone();
        let first = stages.iter().find(|stage| stage["stage"] == "first_audio").expect("it is spoken");
        first_audio.push(first["total_ms"].as_f64().expect("a number"));
    }
    assert_eq!(asked, [1, 1, 1, 1, 1, 0, 0, 0]);
    println!("first audio, ms, with a limit of 200 ms: {first_audio:.1?}");
    let health = person.get_json("/api/health").await;
    assert_eq!(health["services"]["llm"]["backends"][0]["breaker"], "open");
}

/// What was heard of it stands; another voice says that the rest is lost, and the whole reply is there to read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_voice_that_breaks_off_is_apologised_for_by_the_next() {
    let service = Service::start_then(&[Act::Cut], Act::Status(401), beginning);
    let app = TestApp::fake_with(|config| place(config, "tts", &service.url, true)).await;
    let person = app.stranger();
    let session = person.start_session().await;
    let body = json!({"session_id": session, "message": "Tell me about the old lighthouse.", "speak": true});
    let events = person.chat_events(&body).await;
    assert!(events::reply(&events).contains("lighthouse"));
    let sounds = events::of(&events, "audio");
    // A tenth of a second came of the first sentence, at the first voice's rate; the fake says the apology, a word a piece.
    assert!(sounds.len() > 4 && sounds.iter().all(|sound| sound["sentence"] == 0), "{} pieces", sounds.len());
}

const FAULTS: [Option<Act>; 7] = [
    None,
    Some(Act::Hang),
    Some(Act::Status(500)),
    Some(Act::Limited("30")),
    Some(Act::Garbage),
    Some(Act::Cut),
    Some(Act::Silent),
];

async fn all_faults(port: &'static str) {
    // Side by side: most of the time is waiting.
    let cases = FAULTS.iter().flat_map(|act| [(*act, true), (*act, false)]);
    let cases = cases.map(|(act, stands_in)| turn_with(port, act, stands_in));
    tokio::time::timeout(PATIENCE, futures::future::join_all(cases)).await.expect("something hangs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_survives_every_fault_of_every_service() {
    for port in PORTS {
        all_faults(port).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_secret_is_logged_when_services_fail() {
    for act in [Act::Status(400), Act::Garbage, Act::Cut] {
        let service = Service::start_then(&[], act, beginning);
        let data = tempfile::tempdir().expect("a folder for the test");
        let url = service.url.as_str();
        let mut environment = vec![("RUST_LOG", "trace"), ("OPENAI_API_KEY", "Zephyrine-key-0123456789")];
        for (backends, base_url) in [
            ("ROSE__STT__BACKENDS", "ROSE__STT__OPENAI__BASE_URL"),
            ("ROSE__LLM__BACKENDS", "ROSE__LLM__OPENAI__BASE_URL"),
            ("ROSE__TTS__BACKENDS", "ROSE__TTS__OPENAI__BASE_URL"),
        ] {
            environment.extend([(backends, "openai,fake"), (base_url, url)]);
        }
        let mut rose = ServeProcess::start(data.path(), Engines::Fake, &environment);
        let person = rose.stranger();
        let session = person.start_session().await;
        spoken(&person, &session).await.expect("the fakes stand in");
        let body = json!({"session_id": session, "message": "My sister is called Zephyrine.", "speak": true});
        assert!(!events::reply(&person.chat_events(&body).await).is_empty(), "{act:?}");
        rose.terminate();
        assert!(rose.wait().success());
        let log = rose.log();
        assert!(log.contains("the next one is asked"), "the failure is logged");
        let line = log.lines().find(|line| line.contains("Zephyrine") || line.contains("The sea was"));
        assert!(line.is_none(), "{act:?}: {}", line.unwrap_or_default());
    }
}
