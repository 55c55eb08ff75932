//! `rose doctor` asks each service that the settings name once, and says what is wrong with it.

use axum::body::Bytes;
use rose::cli::doctor::{Finding, State, examine};
use rose::config::{Config, EmbeddingsBackend, LlmBackend, MemoryBackend, Overrides, SttBackend, TtsBackend};
use serde_json::json;

use crate::support::qdrant::Qdrant;
use crate::support::service::{Act, Answer, Request, Service};

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
        config.tts.backends = vec![TtsBackend::ElevenLabs];
        config.tts.elevenlabs.api = api.clone();
        config.embeddings.backends = vec![EmbeddingsBackend::OpenAi];
        config.embeddings.openai.api = api.clone();
        config.memory.backend = MemoryBackend::Qdrant;
        config.memory.qdrant = crate::support::service::api(&qdrant, model);
        examine(&config)
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
    assert_eq!(qdrant.calls(), 1);
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
