//! Qdrant's stand-in against Qdrant's own engine: what a store did with the one is done again on the other, and everything
//! that was read must be the same.

use std::path::PathBuf;
use std::process::Command;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rose::domain::embedding::Embedding;
use rose::domain::ids::{MemoryId, SessionId, UserId};
use rose::domain::memory::MemoryType;
use rose::store::{MemoryChange, MemoryFilter, MemoryStore, NewMemory, QdrantMemories};
use serde_json::{Value, json};

use crate::support::qdrant::Qdrant;

const WIDTH: usize = 24;

/// Its scores are sums in another order.
const TOLERANCE: f64 = 1e-5;

/// Where `scripts/qdrant-engine.sh` installs it.
fn python() -> PathBuf {
    // The folder of this binary is target/release/deps.
    let own = std::env::current_exe().expect("a test has a path");
    let python = own.ancestors().nth(3).expect("target").join("qdrant-engine/bin/python");
    assert!(python.exists(), "Qdrant's engine is not installed: `make test` installs it with scripts/qdrant-engine.sh");
    python
}

/// Everything that the store does, in an order that nobody chose.
async fn use_it(store: &QdrantMemories) {
    let mut chance = StdRng::seed_from_u64(11);
    let users = [UserId::generate(), UserId::generate(), UserId::generate()];
    let mut kept: Vec<(UserId, MemoryId)> = Vec::new();
    let vector = |chance: &mut StdRng| {
        // A zero vector is near nothing.
        let nowhere = chance.random_ratio(1, 20);
        Embedding::normalised((0..WIDTH).map(|_| if nowhere { 0.0 } else { chance.random_range(-1.0..1.0) }).collect())
    };
    for number in 0..700 {
        let user = users[chance.random_range(0..users.len())];
        let memory_type = MemoryType::ALL[chance.random_range(0..3)];
        match chance.random_range(0..20) {
            0..=12 => {
                let session_id = chance.random_bool(0.5).then(SessionId::generate);
                let text = format!("Memory {number}, Élise's.");
                let embedding = vector(&mut chance);
                let new = NewMemory { user_id: user, session_id, text, memory_type, embedding };
                kept.push((user, store.insert_memory(new).await.unwrap().id));
            }
            13 | 14 if !kept.is_empty() => {
                let (user, id) = kept[chance.random_range(0..kept.len())];
                let change = MemoryChange { text: "Corrected.".into(), memory_type, embedding: vector(&mut chance) };
                store.change_memory(user, id, change).await.unwrap();
            }
            15 if !kept.is_empty() => {
                let (user, id) = kept.swap_remove(chance.random_range(0..kept.len()));
                store.delete_memory(user, id).await.unwrap();
            }
            16 => {
                store.memory(user, MemoryId::generate()).await.unwrap_err();
            }
            17 => {
                let memory_type = chance.random_bool(0.5).then_some(memory_type);
                store.memories(user, MemoryFilter { memory_type, limit: 5, ..MemoryFilter::default() }).await.unwrap();
            }
            _ => {
                store.nearest_memories(user, &vector(&mut chance), chance.random_range(1..12)).await.unwrap();
            }
        }
    }
    assert!(store.delete_all_memories(users[0]).await.unwrap() > 50);
    for user in users {
        // More than one page of one person's.
        if user == users[1] {
            for _ in 0..300 {
                let (text, embedding) = ("Another.".into(), vector(&mut chance));
                let memory_type = MemoryType::Fact;
                let new = NewMemory { user_id: user, session_id: None, text, memory_type, embedding };
                store.insert_memory(new).await.unwrap();
            }
        }
        store.memories(user, MemoryFilter { limit: 5, ..MemoryFilter::default() }).await.unwrap();
        store.nearest_memories(user, &vector(&mut chance), 50).await.unwrap();
    }
}

/// Scores apart, which may differ a little.
fn without_scores(answer: &Value) -> (Value, Vec<f64>) {
    let mut answer = answer.clone();
    let mut scores = Vec::new();
    for point in answer.as_array_mut().into_iter().flatten() {
        scores.extend(point.as_object_mut().and_then(|point| point.remove("score")).and_then(|score| score.as_f64()));
    }
    (answer, scores)
}

#[tokio::test]
async fn the_stand_in_does_what_qdrants_engine_does() {
    let qdrant = Qdrant::start();
    use_it(&QdrantMemories::new(&qdrant.api(), "one", WIDTH).unwrap()).await;

    let indexes: Value = {
        let collections = qdrant.collections();
        let indexes = &collections.values().next().unwrap().indexes;
        indexes.iter().map(|(field, kind)| (field.clone(), json!(format!("{kind:?}")))).collect()
    };
    let folder = tempfile::tempdir().unwrap();
    let (asked, data) = (folder.path().join("asked.json"), folder.path().join("data"));
    let operations: Value = qdrant.done().iter().map(|done| done.what.clone()).collect();
    let all = json!({"size": WIDTH, "indexes": indexes, "operations": operations});
    std::fs::write(&asked, all.to_string()).unwrap();
    let mut command = Command::new(python());
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/qdrant-engine/replay.py")).arg(&data).arg(&asked);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answers: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();

    let done = qdrant.done();
    assert_eq!(answers.len(), done.len());
    let mut read = 0;
    for (number, (done, engine)) in done.iter().zip(&answers).enumerate() {
        let (ours, our_scores) = without_scores(&done.answer);
        let (theirs, their_scores) = without_scores(engine);
        let what = &done.what["do"];
        assert_eq!(ours, theirs, "{number}: {what}");
        assert_eq!(our_scores.len(), their_scores.len(), "{number}: {what}");
        for (ours, theirs) in our_scores.iter().zip(&their_scores) {
            assert!((ours - theirs).abs() < TOLERANCE, "{number}: {what}: {ours} and {theirs}");
        }
        read += usize::from(!theirs.is_null());
    }
    for what in ["upsert", "delete", "query", "scroll", "retrieve", "count"] {
        assert!(done.iter().any(|done| done.what["do"] == what), "nothing was compared of {what}");
    }
    println!("{} operations, {read} of them answered, alike", done.len());
}
