//! `rose doctor` says all that is missing at once, and asks each service that the settings name what is wrong with it.

use std::process::Command;

use axum::body::Bytes;
use jiff::civil::Date;
use rose::cli::doctor::{Finding, State, examine};
use rose::config::{Config, EmbeddingsBackend, LlmBackend, MemoryBackend, Overrides, SttBackend, TtsBackend};
use rose::domain::embedding::Embedding;
use rose::domain::ids::UserId;
use rose::domain::memory::MemoryType;
use rose::store::{MemoryStore, NewMemory, SqliteStore};
use serde_json::{Value, json};

use crate::support::qdrant::Qdrant;
use crate::support::service::{Act, Answer, Request, Service};

const TODAY: Date = Date::constant(2026, 11, 27);

fn models(_: &Request) -> Answer {
    let list = json!({"object": "list", "data": [{"id": "a-model", "object": "model"}]});
    ("application/json", vec![Bytes::from(list.to_string())])
}

/// Every port behind the service, memories behind the one at `qdrant`, and what doctor says of each.
async fn findings(url: String, qdrant: String, model: &'static str) -> Vec<Finding> {
    let examined = tokio::task::spawn_blocking(move || {
        let mut config = Config::defaults(&Overrides::default()).expect("the defaults are valid");
        let api = crate::support::service::api(&url, model);
        config.stt.backends = vec![SttBackend::Groq];
        config.stt.groq = api.clone();
        config.llm.backends = vec![LlmBackend::Groq];
        config.llm.groq.api = api.clone();
        config.llm.groq.vision_model = None;
        config.tts.backends = vec![TtsBackend::ElevenLabs];
        config.tts.elevenlabs.api = api.clone();
        config.embeddings.backends = vec![EmbeddingsBackend::OpenAi];
        config.embeddings.openai.api = api.clone();
        config.memory.backend = MemoryBackend::Qdrant;
        config.memory.qdrant = crate::support::service::api(&qdrant, model);
        examine(&config, &[], TODAY)
    });
    let all = examined.await.expect("no panic");
    all.into_iter().filter(|finding| finding.what.contains(" for ") && !finding.what.starts_with("model")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_service_is_asked_once_with_its_key() {
    let service = Service::start(&[], models);
    let qdrant = Qdrant::start();
    let found = findings(service.url.clone(), qdrant.url.clone(), "a-model").await;
    assert_eq!(found.len(), 5);
    assert!(found.iter().all(|finding| finding.state == State::Ok), "{found:#?}");
    let asked: Vec<_> = service.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(asked.iter().filter(|path| *path == "/models").count(), 4, "{asked:?}");
    assert_eq!(qdrant.calls(), 4, "whether it answers, and which model embedded the memories");
    for (header, count) in [("authorization", 3), ("xi-api-key", 1)] {
        let with = service.requests().into_iter().filter(|request| request.headers.contains_key(header));
        assert_eq!(with.count(), count, "{header}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said() {
    for (act, said) in
        [(Act::Status(401), "GROQ_API_KEY"), (Act::Status(500), "HTTP 500"), (Act::Limited("1"), "limit")]
    {
        let service = Service::start_then(&[], act, models);
        let found = findings(service.url.clone(), service.url.clone(), "a-model").await;
        assert!(found.iter().all(|finding| finding.state != State::Ok), "{act:?}: {found:#?}");
        assert!(found.iter().any(|finding| finding.detail.contains(said)), "{act:?}: {found:#?}");
        assert!(!format!("{found:?}").contains("secret"), "{found:#?}");
    }
    let service = Service::start(&[], models);
    let found = findings(service.url.clone(), service.url.clone(), "a-retired-model").await;
    let retired = found.iter().filter(|finding| finding.detail.contains("a-retired-model")).count();
    assert_eq!(retired, 4, "{found:#?}");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = format!("http://{nobody}");
    let found = findings(nobody.clone(), nobody, "a-model").await;
    assert!(found.iter().all(|finding| finding.detail.contains("can't be reached")), "{found:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_announced_to_go_is_noted() {
    let service = Service::start(&[], |_| {
        let going = json!({"id": "a-model", "object": "model", "created": 1, "shutdown_date": "2027-01-14"});
        let list = json!({"object": "list", "data": [going, {"id": "a-model-2", "object": "model", "created": 2}]});
        ("application/json", vec![Bytes::from(list.to_string())])
    });
    let found = findings(service.url.clone(), Qdrant::start().url, "a-model").await;
    let noted: Vec<&Finding> = found.iter().filter(|finding| finding.state == State::Note).collect();
    assert_eq!(noted.len(), 4, "{found:#?}");
    for finding in noted {
        assert!(finding.detail.contains("2027-01-14"), "{finding}");
        assert!(finding.mend.as_ref().is_some_and(|mend| mend.contains("a-model-2")), "{finding}");
    }
}

/// As on a machine where nothing was set up: no key, no model file, and services that can't be reached.
#[test]
fn everything_that_production_lacks_is_listed_at_once() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_rose"));
    command.args(["doctor", "--json", "--profile", "production", "--models-dir"]).arg(folder.path().join("models"));
    command.arg("--data-dir").arg(folder.path().join("data")).current_dir(folder.path());
    for key in
        ["GROQ_API_KEY", "ELEVENLABS_API_KEY", "TOGETHER_API_KEY", "OPENAI_API_KEY", "QDRANT_API_KEY", "QDRANT_URL"]
    {
        command.env_remove(key);
    }
    for service in ["STT__GROQ", "LLM__GROQ", "TTS__ELEVENLABS", "IMAGE__TOGETHER"] {
        command.env(format!("ROSE__{service}__BASE_URL"), format!("http://{nobody}"));
    }
    let output = command.output().expect("the binary starts");
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let findings: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    let missing: Vec<&Value> = findings.iter().filter(|finding| finding["state"] == "missing").collect();
    let said = |what: &str, detail: &str, mend: &str| {
        let has =
            |finding: &&Value, key: &str, text: &str| finding[key].as_str().is_some_and(|whole| whole.contains(text));
        let found =
            missing.iter().any(|one| has(one, "what", what) && has(one, "detail", detail) && has(one, "mend", mend));
        assert!(found, "{what}: {detail}: {mend} is not in {missing:#?}");
    };
    for (section, variable) in [
        ("stt.groq", "GROQ_API_KEY"),
        ("llm.groq", "GROQ_API_KEY"),
        ("tts.elevenlabs", "ELEVENLABS_API_KEY"),
        ("image.together", "TOGETHER_API_KEY"),
    ] {
        said(&format!("key for {section}"), &format!("{variable} is not set"), &format!("set {variable}"));
    }
    said("address for memory.qdrant", "QDRANT_URL is not set", "set QDRANT_URL");
    for service in
        ["groq for speech to text", "groq for language model", "elevenlabs for text to speech", "together for pictures"]
    {
        said(service, "can't be reached", "base_url");
    }
    if cfg!(feature = "local") {
        // Speech to text, the language model, the voice with its runtime and detector, the embedder.
        let models =
            missing.iter().filter(|one| one["what"].as_str().is_some_and(|what| what.starts_with("model for")));
        let pulls = models.filter(|one| one["mend"].as_str().is_some_and(|mend| mend.starts_with("rose models pull")));
        assert_eq!(pulls.count(), 6, "{missing:#?}");
    }
    assert!(missing.iter().all(|one| one["mend"].is_string()), "each with what to do: {missing:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn defaults_that_nobody_looked_at_are_named() {
    let stale = async |today: Date| {
        let examined = tokio::task::spawn_blocking(move || {
            let mut config = Config::defaults(&Overrides::default()).expect("the defaults are valid");
            // Nothing is measured, and no service is asked.
            config.llm.backends = vec![LlmBackend::Fake];
            examine(&config, &[], today)
        });
        let found = examined.await.expect("no panic");
        found.into_iter().filter(|finding| finding.what.starts_with("default model")).collect::<Vec<_>>()
    };
    assert!(stale(TODAY).await.is_empty());
    let found = stale(Date::constant(2027, 6, 1)).await;
    assert_eq!(found.len(), 5, "{found:#?}");
    for finding in &found {
        assert_eq!(finding.state, State::Note);
        assert!(finding.detail.contains("2026-11-2"), "{finding}");
        assert!(finding.mend.as_ref().is_some_and(|mend| mend.contains("https://")), "{finding}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memories_of_another_model_are_named_with_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::defaults(&Overrides::default()).expect("the defaults are valid");
    config.data.dir = folder.path().join("data");
    config.llm.backends = vec![LlmBackend::Fake];
    config.embeddings.backends = vec![EmbeddingsBackend::Fake];
    let store = SqliteStore::open(&config.data).unwrap();
    store.bind_embedding_model("a-retired-model", 12).await.unwrap();
    let memory = NewMemory {
        user_id: UserId::generate(),
        session_id: None,
        text: "Their sister is called Ana.".into(),
        memory_type: MemoryType::Fact,
        embedding: Embedding::normalised(vec![1.0; 12]),
    };
    store.insert_memory(memory).await.unwrap();
    let about = async |config: &Config| {
        let config = config.clone();
        let found = tokio::task::spawn_blocking(move || examine(&config, &[], TODAY)).await.expect("no panic");
        found.into_iter().find(|finding| finding.what == "embeddings of the memories").expect("it is looked at")
    };
    let finding = about(&config).await;
    assert_eq!(finding.state, State::Missing);
    assert!(finding.detail.contains("a-retired-model") && finding.detail.contains("hashed-words"), "{finding}");
    assert!(finding.mend.as_ref().is_some_and(|mend| mend.contains("rose memories reembed")), "{finding}");
    config.memory.reembed_at_start = true;
    assert_eq!(about(&config).await.state, State::Note);
}
