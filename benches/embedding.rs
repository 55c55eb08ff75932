//! Sentence embeddings: what recall embeds for a turn, and one message alone.

mod budget;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use rose::config::{Config, Overrides};
use rose::providers::embeddings::{Embedder, build};
use rose::weights::ModelStore;

fn embedder() -> Arc<dyn Embedder> {
    let config =
        Config::load(&Overrides { model_set: Some("tiny".into()), ..Overrides::default() }).expect("valid settings");
    let models = ModelStore::open(&config.models).expect("a models folder");
    build(&config.embeddings, &models).expect("the embedding model is installed")
}

fn embedding(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let embedder = embedder();
    let message = "My sister is called Ana and I am afraid of thunder.".to_owned();
    for (name, texts) in [("embed one message", vec![message.clone()]), ("embed three messages", vec![message; 3])] {
        let run = || {
            let embedded = runtime.block_on(embedder.embed(texts.clone())).expect("an answer");
            black_box(embedded);
        };
        budget::print_share(name, run);
        criterion.bench_function(name, |bencher| bencher.iter(run));
    }
}

criterion_group!(benches, embedding);
criterion_main!(benches);
