//! Two backends behind each port: however the first fails before its answer begins, the second answers.

use std::time::Duration;

use axum::body::Bytes;
use futures::StreamExt;
use rose::config::{Config, EmbeddingsBackend, ImageBackend, LlmBackend, Overrides, SttBackend, TtsBackend};
use rose::domain::message::Role;
use rose::providers::image::{ImageRequest, Progress, Wishes};
use rose::providers::llm::{ChatMessage, Delta, GenerationRequest, Sampling};
use rose::providers::stt::TranscriptionRequest;
use rose::providers::tts::SpeechRequest;
use rose::providers::{embeddings, image, llm, stt, tts};
use rose::weights::ModelStore;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::audio::original;
use crate::support::service::{Act, Answer, Service, api};

/// Far beyond what any cell takes; one that hangs ends the test.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Port {
    Llm,
    Stt,
    Tts,
    Image,
    Embeddings,
}

const PORTS: [Port; 5] = [Port::Llm, Port::Stt, Port::Tts, Port::Image, Port::Embeddings];

/// What becomes of the first backend's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Nothing comes, or the head alone.
    Timeout(Act),
    /// Nobody listens.
    Refused,
    /// The service says so, or sends elsewhere.
    Said(Act),
    /// JSON that ends in the middle.
    MalformedJson,
    /// The stream is cut before anything of it is an answer.
    CutBeforeContent,
    /// A model that reasons, and comes to no answer. Other ports get the same, which is no answer of theirs.
    ReasoningAlone,
    /// In the port's own format, with nothing in it.
    Empty,
    /// No byte.
    NoBody,
}

const FAULTS: [Fault; 14] = [
    Fault::Timeout(Act::Hang),
    Fault::Timeout(Act::Silent),
    Fault::Refused,
    Fault::Said(Act::Status(401)),
    Fault::Said(Act::ModelNotFound),
    Fault::Said(Act::Limited("30")),
    Fault::Said(Act::Status(500)),
    Fault::Said(Act::Redirect),
    Fault::Said(Act::Garbage),
    Fault::MalformedJson,
    Fault::CutBeforeContent,
    Fault::ReasoningAlone,
    Fault::Empty,
    Fault::NoBody,
];

const EVENTS: &str = "text/event-stream";
const JSON: &str = "application/json";

fn chunk(delta: serde_json::Value, finish: Option<&str>) -> String {
    format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}))
}

fn text(text: &str) -> Vec<Bytes> {
    vec![Bytes::from(text.to_owned())]
}

fn reasoning() -> Vec<Bytes> {
    let thought = chunk(json!({"role": "assistant", "reasoning": "What may they mean?"}), None);
    let end = chunk(json!({}), Some("length"));
    [thought, end, "data: [DONE]\n\n".to_owned()].map(Bytes::from).to_vec()
}

fn answer(port: Port, fault: Fault) -> Answer {
    match (fault, port) {
        (Fault::MalformedJson, Port::Llm) => (EVENTS, text("data: {\"choices\": [{\"delta\": {\"cont\n\n")),
        (Fault::MalformedJson, _) => (JSON, text("{\"text\": \"And so, my fel")),
        (Fault::CutBeforeContent, Port::Llm) => {
            (EVENTS, text(&chunk(json!({"role": "assistant", "content": ""}), None)))
        }
        // Half a sample.
        (Fault::CutBeforeContent, Port::Tts) => ("audio/pcm", text("a")),
        (Fault::CutBeforeContent, _) => (JSON, text("{\"text\": \"And so\", \"data\": []}")),
        (Fault::ReasoningAlone, _) => (EVENTS, reasoning()),
        (Fault::Empty, Port::Llm) => (EVENTS, text(&format!("{}data: [DONE]\n\n", chunk(json!({}), Some("stop"))))),
        (Fault::Empty, Port::Tts) => ("audio/pcm", Vec::new()),
        (Fault::Empty, Port::Image | Port::Embeddings) => (JSON, text("{\"object\": \"list\", \"data\": []}")),
        // A text of no words would be silence, which is an answer.
        (Fault::Empty, Port::Stt) => (JSON, text("{}")),
        (Fault::NoBody, Port::Llm) => (EVENTS, Vec::new()),
        (Fault::NoBody, Port::Tts) => ("audio/pcm", Vec::new()),
        // What a service that hangs or says a fault would have sent.
        _ => (JSON, Vec::new()),
    }
}

/// The service at `url` first, and a fake behind it; the fake alone without one.
fn backends(url: Option<&str>) -> Config {
    let mut config = Config::defaults(&Overrides::default()).expect("the defaults are valid");
    config.llm.backends = vec![LlmBackend::Fake];
    config.stt.backends = vec![SttBackend::Fake];
    config.tts.backends = vec![TtsBackend::Fake];
    config.image.backends = vec![ImageBackend::Fake];
    config.embeddings.backends = vec![EmbeddingsBackend::Fake];
    let Some(url) = url else { return config };
    config.llm.backends.insert(0, LlmBackend::OpenAi);
    config.llm.openai.api = api(url, "a-model");
    config.stt.backends.insert(0, SttBackend::OpenAi);
    config.stt.openai = api(url, "a-model");
    config.tts.backends.insert(0, TtsBackend::OpenAi);
    config.tts.openai.api = api(url, "a-model");
    // The voices' rates are one, so that what the second says can be compared.
    config.tts.openai.sample_rate = config.tts.fake.sample_rate;
    config.image.backends.insert(0, ImageBackend::Together);
    config.image.together.api = api(url, "a-model");
    config.embeddings.backends.insert(0, EmbeddingsBackend::OpenAi);
    // A service of the same model.
    config.embeddings.openai.api = api(url, "Someone/Hashed-Words");
    config.embeddings.openai.dimension = 384;
    config
}

/// What the port of these settings answers, in bytes; `Err` what it says instead.
async fn ask(port: Port, config: &Config) -> Result<Vec<u8>, String> {
    let models = ModelStore::open(&config.models).expect("a models folder");
    let cancel = CancellationToken::new();
    let floats = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    match port {
        Port::Llm => {
            let request = GenerationRequest {
                messages: vec![ChatMessage::new(Role::User, "Tell me about the old lighthouse.")],
                session: None,
                prefix: None,
                max_tokens: 60,
                sampling: Sampling::default(),
                format: None,
                tools: None,
                plain: false,
                stop: Vec::new(),
                cancel,
            };
            let model = llm::build(&config.llm, &models).expect("it is built");
            let mut stream = model.stream(request).await.map_err(|error| error.to_string())?;
            let mut said = String::new();
            while let Some(delta) = stream.next().await {
                match delta.map_err(|error| error.to_string())? {
                    Delta::Text(text) => said.push_str(&text),
                    Delta::Call(_) | Delta::Again => return Err("something of the first was said".into()),
                    Delta::Done(_) => {}
                }
            }
            Ok(said.into_bytes())
        }
        Port::Stt => {
            let request = TranscriptionRequest::new(original("jfk.wav"), cancel);
            let hears = stt::build(&config.stt, &models, None).expect("it is built");
            let heard = hears.transcribe(request).await.map_err(|error| error.to_string())?;
            Ok(heard.text.into_bytes())
        }
        Port::Tts => {
            let voice = tts::build(&config.tts, &models).expect("it is built");
            let request = SpeechRequest { text: "Good evening.".into(), voice: None, speed: 1.0, cancel };
            let stream = voice.speak(request).await.map_err(|error| error.to_string())?;
            let spoken = tts::collect(voice.sample_rate(), stream).await.map_err(|error| error.to_string())?;
            Ok(floats(&spoken.clip.samples))
        }
        Port::Image => {
            let request = ImageRequest {
                prompt: "A lighthouse at dusk".into(),
                width: 256,
                height: 256,
                wishes: Wishes::default(),
                progress: Progress::default(),
                cancel,
            };
            let paints = image::build(&config.image, &models).expect("it is built").expect("there is one");
            let picture = paints.generate(request).await.map_err(|error| error.to_string())?;
            Ok(picture.image.bytes.to_vec())
        }
        Port::Embeddings => {
            let embedder = embeddings::build(&config.embeddings, &models).expect("it is built");
            let embedded =
                embedder.embed(vec!["An old lighthouse.".into()]).await.map_err(|error| error.to_string())?;
            Ok(floats(embedded.embeddings[0].as_slice()))
        }
    }
}

async fn second_answers(port: Port, fault: Fault, expected: &[u8]) {
    let act = match fault {
        Fault::Timeout(act) | Fault::Said(act) => Some(act),
        Fault::Refused => None,
        Fault::CutBeforeContent => Some(Act::Cut),
        _ => Some(Act::Answer),
    };
    let service = act.map(|act| Service::start_then(&[], act, move |_| answer(port, fault)));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody_url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let url = service.as_ref().map_or(nobody_url, |service| service.url.clone());
    let outcome = ask(port, &backends(Some(&url))).await;
    assert!(outcome.as_deref() == Ok(expected), "{port:?}, {fault:?}: {:?}", outcome.map(|bytes| bytes.len()));
    if let Some(service) = service {
        let asked = service.requests().len();
        // What passes is tried again; a redirect leads nowhere.
        let passes = matches!(fault, Fault::Said(Act::Status(500)));
        assert_eq!(asked, if passes { 3 } else { 1 }, "{port:?}, {fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_backend_answers_whatever_becomes_of_the_first() {
    for port in PORTS {
        let alone = ask(port, &backends(None)).await.expect("the second answers alone");
        assert!(!alone.is_empty(), "{port:?}");
        // Side by side: most of the time is waiting.
        let cells = FAULTS.map(|fault| second_answers(port, fault, &alone));
        tokio::time::timeout(PATIENCE, futures::future::join_all(cells)).await.expect("something hangs");
    }
}

/// Vectors of two models can't be compared.
#[tokio::test]
async fn another_embedding_model_stands_in_for_none() {
    let service = Service::start_then(&[], Act::Status(401), |_| (JSON, Vec::new()));
    let mut config = backends(Some(&service.url));
    for (model, dimension) in [("another-model", 384), ("hashed-words", 96)] {
        config.embeddings.openai.api.model = model.into();
        config.embeddings.openai.dimension = dimension;
        let error = ask(Port::Embeddings, &config).await.expect_err("nobody stands in");
        assert!(error.contains("401"), "{model}, {dimension}: {error}");
    }
}
