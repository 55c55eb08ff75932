//! The local model: as its reference embeds, and "busy" when its queue is full.

use std::sync::{Arc, OnceLock};

use rose::config::Config;
use rose::domain::embedding::Embedding;
use rose::providers::ProviderError;
use rose::providers::embeddings::{Embedder, MiniLm, build};
use rose::weights::{Capability, ModelStore};

fn config() -> Config {
    crate::support::settings::tiny()
}

/// The set's model, loaded once for all tests.
pub(crate) fn local() -> Arc<dyn Embedder> {
    static LOCAL: OnceLock<Arc<dyn Embedder>> = OnceLock::new();
    Arc::clone(LOCAL.get_or_init(|| {
        let config = config();
        let models = ModelStore::open(&config.models).expect("a models folder");
        build(&config.embeddings, &models).expect("the embedding model is installed")
    }))
}

#[derive(serde::Deserialize)]
struct Case {
    text: String,
    embedding: Vec<f32>,
}

/// `tests/fixtures/make_minilm_fixture.py` wrote the cases.
fn reference() -> Vec<Case> {
    serde_json::from_str(include_str!("../../fixtures/minilm.json")).expect("the fixture is JSON")
}

#[tokio::test]
async fn embeds_as_the_reference_does() {
    let cases = reference();
    assert_eq!(cases.len(), 10);
    // All in one batch: the shortest is padded to 256 tokens.
    let texts = cases.iter().map(|case| case.text.clone()).collect();
    let ours = local().embed(texts).await.expect("an answer").embeddings;
    for (case, ours) in cases.into_iter().zip(ours) {
        let cosine = ours.cosine(&Embedding::normalised(case.embedding));
        assert!(cosine >= 0.9999, "{cosine} for {:?}", case.text);
    }
}

#[tokio::test]
async fn a_full_queue_answers_busy_at_once() {
    let config = config();
    let models = ModelStore::open(&config.models).expect("a models folder");
    let model = models.installed(Capability::Embeddings, &config.embeddings.model).expect("the model is installed");
    let embedder = MiniLm::load(model, 1).expect("the model loads");
    let long: Vec<String> = vec!["word ".repeat(300); 4];
    // All are submitted before the first can be done: one works, one waits, the others find the queue full.
    let answers = futures::future::join_all((0..5).map(|_| embedder.embed(long.clone()))).await;
    let busy = answers.iter().filter(|answer| matches!(answer, Err(ProviderError::Busy { .. }))).count();
    let answered = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!(busy >= 3, "{busy} of 5 were told that the engine is busy");
    assert_eq!(busy + answered, 5);
    assert!(embedder.embed(vec!["still here".into()]).await.is_ok());
}
