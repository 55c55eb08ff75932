//! The OpenAI protocol's embeddings against a server of our own that speaks it as published:
//! <https://docs.together.ai/reference/embeddings>.

use std::sync::Arc;

use axum::body::Bytes;
use futures::FutureExt;
use rose::config::{ApiConfig, RemoteEmbeddingsConfig};
use rose::providers::embeddings::{Embedder, FakeEmbedder, OpenAiEmbedder};
use rose::providers::{Place, ProviderError};
use serde_json::{Value, json};

use crate::support::service::{Answer, Request, Service, keeps_to_the_rules};

/// The fake behind the protocol. The order is turned round: the index counts.
fn answer(request: &Request) -> Answer {
    let asked: Value = serde_json::from_slice(&request.body).unwrap();
    let texts = asked["input"].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned());
    let embedded = FakeEmbedder.embed(texts.collect()).now_or_never().expect("the fake doesn't wait").unwrap();
    let one = |(index, embedding): (usize, &rose::domain::embedding::Embedding)| json!({"object": "embedding", "index": index, "embedding": embedding.as_slice()});
    let data: Vec<Value> = embedded.embeddings.iter().enumerate().rev().map(one).collect();
    let body = json!({"object": "list", "model": asked["model"], "data": data});
    ("application/json", vec![Bytes::from(body.to_string())])
}

fn embedder(api: ApiConfig, dimension: usize, place: Place) -> Result<OpenAiEmbedder, ProviderError> {
    OpenAiEmbedder::new("openai", &RemoteEmbeddingsConfig { api, dimension, max_chars: 1500 }, place)
}

#[tokio::test]
async fn together_keeps_the_contract() {
    let service = Service::start(&[], answer);
    let together = embedder(service.api("intfloat/multilingual-e5-large-instruct"), 384, Place::Last).unwrap();
    super::contract::keeps_the_contract(Arc::new(together)).await;
    let asked = &service.requests()[0];
    assert_eq!(asked.path, "/embeddings");
    let body: Value = serde_json::from_slice(&asked.body).unwrap();
    assert_eq!(body["model"], "intfloat/multilingual-e5-large-instruct");
    assert!(body["input"].is_array());
    for asked in service.requests() {
        let body: Value = serde_json::from_slice(&asked.body).unwrap();
        assert!(body["input"].as_array().unwrap().iter().all(|text| !text.as_str().unwrap().trim().is_empty()));
    }
}

#[tokio::test]
async fn another_width_than_the_settings_say_is_refused() {
    let service = Service::start(&[], answer);
    let together = embedder(service.api("a-model"), 768, Place::Last).unwrap();
    let error = together.embed(vec!["The sea.".into()]).await.err().unwrap().to_string();
    assert!(error.contains("384") && error.contains("768"), "{error}");
}

#[tokio::test]
async fn it_keeps_to_the_rules() {
    keeps_to_the_rules(answer, "lighthouse", 1, async |api, place| {
        embedder(api, 384, place)?.embed(vec!["An old lighthouse.".into()]).await.map(|_| ())
    })
    .await;
}
