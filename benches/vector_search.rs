//! The search that a turn makes among a person's memories: 10,000 of theirs, 10,000 of others.

mod budget;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rose::config::DataConfig;
use rose::domain::embedding::Embedding;
use rose::domain::ids::UserId;
use rose::domain::memory::MemoryType;
use rose::store::{MemoryStore, NewMemory, SqliteStore};

const OWN: usize = 10_000;
/// Each of the others has a hundred.
const OTHERS: usize = 100;

fn random(generator: &mut StdRng) -> Embedding {
    Embedding::normalised((0..384).map(|_| generator.random_range(-1.0..1.0)).collect())
}

async fn fill(store: &SqliteStore, user: UserId, count: usize, generator: &mut StdRng) {
    let memories = (0..count).map(|number| NewMemory {
        user_id: user,
        session_id: None,
        text: format!("The person told of the day when number {number} came up."),
        memory_type: MemoryType::ALL[number % 3],
        embedding: random(generator),
    });
    let inserted = futures::future::join_all(memories.map(|memory| store.insert_memory(memory))).await;
    assert!(inserted.iter().all(Result::is_ok), "every memory is stored");
}

fn vector_search(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let dir = tempfile::tempdir().expect("a temporary folder");
    let store = SqliteStore::open(&DataConfig { dir: dir.path().to_owned() }).expect("a fresh store");
    let mut generator = StdRng::seed_from_u64(1);
    let user = UserId::generate();
    runtime.block_on(async {
        fill(&store, user, OWN, &mut generator).await;
        for _ in 0..OTHERS {
            fill(&store, UserId::generate(), OWN / OTHERS, &mut generator).await;
        }
    });
    let queries: Vec<_> = (0..64).map(|_| random(&mut generator)).collect();
    let mut next = queries.iter().cycle();
    let mut run = || {
        let query = next.next().expect("a cycle has no end");
        black_box(runtime.block_on(store.nearest_memories(user, query, 3)).expect("an answer"));
    };
    let name = "three nearest of 10,000 memories";
    budget::print_share(name, &mut run);
    criterion.bench_function(name, |bencher| bencher.iter(&mut run));
}

criterion_group!(benches, vector_search);
criterion_main!(benches);
