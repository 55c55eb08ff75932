//! What every embeddings backend keeps to.

use std::sync::Arc;

use rose::config::{Config, EmbeddingsBackend, Overrides};
use rose::providers::embeddings::{Embedder, FakeEmbedder, build};
use rose::weights::ModelStore;

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

pub(super) async fn keeps_the_contract(embedder: Arc<dyn Embedder>) {
    assert_eq!(embedder.dimension(), 384);
    assert!(!embedder.describe().model.is_empty());
    nothing_in_nothing_out(&*embedder).await;
    count_and_order_are_kept(&*embedder).await;
    every_text_gets_a_unit_vector(&*embedder).await;
    near_is_nearer(&*embedder).await;
}

async fn nothing_in_nothing_out(embedder: &dyn Embedder) {
    assert!(embedder.embed(Vec::new()).await.expect("an answer").embeddings.is_empty());
}

/// More texts than any batch holds, of different lengths, each embedded as it is alone.
async fn count_and_order_are_kept(embedder: &dyn Embedder) {
    let many: Vec<String> = (0..37).map(|n| format!("sentence {n} {}", "of many words ".repeat(n % 5))).collect();
    let together = embedder.embed(many.clone()).await.expect("an answer").embeddings;
    assert_eq!(together.len(), many.len());
    for n in [0, 4, 15, 16, 36] {
        let alone = embedder.embed(vec![many[n].clone()]).await.expect("an answer").embeddings;
        assert!(together[n].cosine(&alone[0]) > 0.9999, "text {n} differs from itself alone");
    }
    assert!(together[1].cosine(&together[36]) < 0.999, "different texts have different embeddings");
}

async fn every_text_gets_a_unit_vector(embedder: &dyn Embedder) {
    let odd = texts(&["", "   ", "?!…", "żółć 東京 🙂 \u{202e}abc", "a\0b", "\n\t", "x"]);
    let long = "She walked to the river and wrote about what she saw. ".repeat(2_000);
    let embeddings = embedder.embed([odd, vec![long]].concat()).await.expect("an answer").embeddings;
    assert_eq!(embeddings.len(), 8);
    for embedding in &embeddings {
        assert_eq!(embedding.dimension(), embedder.dimension());
        assert!(embedding.as_slice().iter().all(|value| value.is_finite()));
        assert!((embedding.cosine(embedding) - 1.0).abs() < 1e-4);
    }
}

async fn near_is_nearer(embedder: &dyn Embedder) {
    let asked = texts(&["What is my sister's name?", "My sister is called Ana.", "I am afraid of thunder."]);
    let embeddings = embedder.embed(asked).await.expect("an answer").embeddings;
    assert!(embeddings[0].cosine(&embeddings[1]) > embeddings[0].cosine(&embeddings[2]));
}

#[tokio::test]
async fn fake_keeps_the_contract() {
    keeps_the_contract(Arc::new(FakeEmbedder)).await;
}

#[cfg(feature = "candle")]
#[tokio::test]
async fn local_keeps_the_contract() {
    keeps_the_contract(super::local()).await;
}

#[test]
fn health_can_tell_the_fake() {
    let mut config = Config::defaults(&Overrides::default()).expect("defaults are valid");
    config.embeddings.backends = vec![EmbeddingsBackend::Fake];
    let models = ModelStore::open(&config.models).expect("a models folder");
    let embedder = build(&config.embeddings, &models).expect("the fake needs nothing");
    assert_eq!(embedder.describe().backend, "fake");
}
