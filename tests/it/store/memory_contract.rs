//! What every memory store must do, run over every backend. A new backend joins by a line in [`backends`].

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rose::domain::embedding::Embedding;
use rose::domain::ids::{MemoryId, SessionId, UserId};
use rose::domain::memory::MemoryType;
use rose::store::{MemoryChange, MemoryFilter, MemoryStore, NewMemory, QdrantMemories, StoreError};

use super::{Fixture, fixture};
use crate::support::qdrant::Qdrant;

const DIMENSION: usize = 384;

struct Backend {
    name: &'static str,
    store: Box<dyn MemoryStore>,
    /// Keeps the backend's files for as long as it is in use.
    _keep: Option<Fixture>,
}

/// Each freshly made and empty.
fn backends() -> Vec<Backend> {
    let sqlite = fixture();
    let qdrant = QdrantMemories::new(&Qdrant::start().api(), "a-model", DIMENSION).unwrap();
    vec![
        Backend { name: "sqlite", store: Box::new(sqlite.store.clone()), _keep: Some(sqlite) },
        Backend { name: "qdrant", store: Box::new(qdrant), _keep: None },
    ]
}

fn random(generator: &mut StdRng) -> Embedding {
    Embedding::normalised((0..DIMENSION).map(|_| generator.random_range(-1.0..1.0)).collect())
}

/// A vector along one axis: two axes have nothing in common.
fn axis(number: usize) -> Embedding {
    let mut values = vec![0.0; DIMENSION];
    values[number] = 1.0;
    Embedding::normalised(values)
}

fn new(user: UserId, text: &str, memory_type: MemoryType, embedding: Embedding) -> NewMemory {
    NewMemory { user_id: user, session_id: None, text: text.to_owned(), memory_type, embedding }
}

fn all() -> MemoryFilter {
    MemoryFilter { limit: 1000, ..MemoryFilter::default() }
}

#[tokio::test]
async fn keeps_what_it_is_given() {
    for backend in backends() {
        let (store, name) = (&backend.store, backend.name);
        let user = UserId::generate();
        let session = SessionId::generate();
        let given = NewMemory {
            session_id: Some(session),
            ..new(user, "The person's sister is called Ana.", MemoryType::Fact, axis(0))
        };
        let memory = store.insert_memory(given).await.unwrap();
        assert_eq!(memory.text, "The person's sister is called Ana.", "{name}");
        assert_eq!((memory.user_id, memory.session_id, memory.memory_type), (user, Some(session), MemoryType::Fact));
        assert_eq!(store.memory(user, memory.id).await.unwrap(), memory, "{name}: read back alike");
        assert_eq!(store.memories(user, all()).await.unwrap(), (vec![memory.clone()], 1), "{name}");
        let nearest = store.nearest_memories(user, &axis(0), 3).await.unwrap();
        assert_eq!(nearest.len(), 1, "{name}");
        assert_eq!(nearest[0].memory, memory, "{name}");
        assert!((nearest[0].score - 1.0).abs() < 1e-5, "{name}: {}", nearest[0].score);
    }
}

#[tokio::test]
async fn nearest_agrees_with_brute_force_and_stays_with_its_owner() {
    const USERS: usize = 5;
    const MEMORIES: usize = 2000;
    const NEIGHBOURS: usize = 7;
    for backend in backends() {
        let (store, name) = (&backend.store, backend.name);
        let mut generator = StdRng::seed_from_u64(7);
        let users: Vec<_> = (0..USERS).map(|_| UserId::generate()).collect();
        let mut stored = Vec::new();
        for number in 0..MEMORIES {
            // Unevenly, so that some fill many chunks of the index and the last hardly one.
            let user = users[generator.random_range(0..USERS).min(generator.random_range(0..USERS))];
            let embedding = random(&mut generator);
            let memory = new(user, &format!("Memory {number}."), MemoryType::ALL[number % 3], embedding.clone());
            let memory = store.insert_memory(memory).await.unwrap();
            stored.push((memory, embedding));
        }
        // Holes, refilled in part: the index reuses places.
        for _ in 0..300 {
            let gone = stored.swap_remove(generator.random_range(0..stored.len())).0;
            store.delete_memory(gone.user_id, gone.id).await.unwrap();
        }
        for number in 0..100 {
            let user = users[generator.random_range(0..USERS)];
            let embedding = random(&mut generator);
            let memory = new(user, &format!("Later memory {number}."), MemoryType::Fact, embedding.clone());
            stored.push((store.insert_memory(memory).await.unwrap(), embedding));
        }
        for &user in &users {
            for query in 0..10 {
                // Some questions are far from everything, some are about another person's memory.
                let query = if query < 5 { random(&mut generator) } else { stored[query * 31].1.clone() };
                let mut expected: Vec<_> = stored
                    .iter()
                    .filter(|(memory, _)| memory.user_id == user)
                    .map(|(memory, embedding)| (query.cosine(embedding), memory))
                    .collect();
                expected.sort_by(|a, b| b.0.total_cmp(&a.0));
                expected.truncate(NEIGHBOURS);
                let found = store.nearest_memories(user, &query, NEIGHBOURS).await.unwrap();
                assert_eq!(found.len(), expected.len(), "{name}");
                for (found, (score, memory)) in found.iter().zip(&expected) {
                    assert_eq!(found.memory.user_id, user, "{name}: another person's memory");
                    assert_eq!(found.memory.id, memory.id, "{name}: scores {} and {score}", found.score);
                    assert!((found.score - score).abs() < 1e-5, "{name}: scores {} and {score}", found.score);
                }
            }
        }
    }
}

#[tokio::test]
async fn asks_for_none_or_more_than_there_are() {
    for backend in backends() {
        let (store, name) = (&backend.store, backend.name);
        let user = UserId::generate();
        assert_eq!(store.nearest_memories(user, &axis(0), 3).await.unwrap(), [], "{name}: a stranger");
        for number in 0..3 {
            store.insert_memory(new(user, "A memory.", MemoryType::Fact, axis(number))).await.unwrap();
        }
        assert_eq!(store.nearest_memories(user, &axis(0), 0).await.unwrap(), [], "{name}");
        assert_eq!(store.nearest_memories(user, &axis(0), 100_000).await.unwrap().len(), 3, "{name}");
    }
}

#[tokio::test]
async fn a_zero_vector_is_kept_and_near_nothing() {
    for backend in backends() {
        let (store, name) = (&backend.store, backend.name);
        let user = UserId::generate();
        let zero = || Embedding::normalised(vec![0.0; DIMENSION]);
        let pointless = store.insert_memory(new(user, "Nowhere.", MemoryType::Fact, zero())).await.unwrap();
        let memory = store.insert_memory(new(user, "Somewhere.", MemoryType::Fact, axis(1))).await.unwrap();
        assert_eq!(store.memories(user, all()).await.unwrap().1, 2, "{name}");
        assert_eq!(store.nearest_memories(user, &zero(), 3).await.unwrap(), [], "{name}");
        let nearest = store.nearest_memories(user, &axis(1), 3).await.unwrap();
        assert_eq!(nearest.iter().map(|found| found.memory.id).collect::<Vec<_>>(), [memory.id], "{name}");
        store.delete_memory(user, pointless.id).await.unwrap();
        assert_eq!(store.memories(user, all()).await.unwrap().1, 1, "{name}");
    }
}

#[tokio::test]
async fn another_width_is_refused() {
    for backend in backends() {
        let (store, name) = (&backend.store, backend.name);
        let user = UserId::generate();
        let narrow = || Embedding::normalised(vec![1.0; 12]);
        let memory = store.insert_memory(new(user, "A memory.", MemoryType::Fact, axis(0))).await.unwrap();
        let refused = |error| matches!(error, StoreError::Dimension { expected: DIMENSION, got: 12 });
        let error = store.insert_memory(new(user, "A memory.", MemoryType::Fact, narrow())).await.unwrap_err();
        assert!(refused(error), "{name}: insert");
        assert!(refused(store.nearest_memories(user, &narrow(), 3).await.unwrap_err()), "{name}: nearest");
        let change = MemoryChange { text: "Changed.".into(), memory_type: MemoryType::Fact, embedding: narrow() };
        assert!(refused(store.change_memory(user, memory.id, change).await.unwrap_err()), "{name}: change");
        assert_eq!(store.memories(user, all()).await.unwrap(), (vec![memory], 1), "{name}: nothing changed");
    }
}

#[tokio::test]
async fn lists_newest_first_in_pages_with_the_total() {
    for backend in backends() {
        let (store, name) = (&backend.store, backend.name);
        let user = UserId::generate();
        let mut ids = Vec::new();
        for number in 0..7 {
            let memory_type = MemoryType::ALL[number % 3];
            let memory = new(user, &format!("Memory {number}."), memory_type, axis(number));
            ids.push(store.insert_memory(memory).await.unwrap().id);
        }
        ids.reverse();
        let page = |limit, offset| MemoryFilter { limit, offset, ..MemoryFilter::default() };
        let mut listed = Vec::new();
        for offset in [0, 3, 6] {
            let (memories, total) = store.memories(user, page(3, offset)).await.unwrap();
            assert_eq!(total, 7, "{name}");
            listed.extend(memories.into_iter().map(|memory| memory.id));
        }
        assert_eq!(listed, ids, "{name}");
        assert_eq!(store.memories(user, page(3, 70)).await.unwrap(), (vec![], 7), "{name}: past the end");
        let preferences = MemoryFilter { memory_type: Some(MemoryType::Preference), ..all() };
        let (memories, total) = store.memories(user, preferences).await.unwrap();
        assert_eq!(total, 2, "{name}");
        assert!(memories.iter().all(|memory| memory.memory_type == MemoryType::Preference), "{name}");
    }
}

#[tokio::test]
async fn finds_text_as_it_is_written_case_aside() {
    for backend in backends() {
        let (store, name) = (&backend.store, backend.name);
        let user = UserId::generate();
        for text in ["The person eats 100% rye bread.", "The person meets Élise_B in Łódź.", "O'Brien is a \\ friend."]
        {
            store.insert_memory(new(user, text, MemoryType::Fact, axis(0))).await.unwrap();
        }
        for (contains, expected) in [
            ("the person", 2),
            ("RYE", 1),
            ("100%", 1),
            ("100%bread", 0),
            ("%", 1),
            ("e_b", 1),
            ("_", 1),
            ("élise", 1),
            ("ŁÓDŹ", 1),
            ("o'brien", 1),
            ("\\", 1),
            ("'; DROP TABLE memories; --", 0),
            ("nobody", 0),
        ] {
            let filter = MemoryFilter { contains: Some(contains.into()), ..all() };
            let (memories, total) = store.memories(user, filter).await.unwrap();
            assert_eq!((memories.len(), total), (expected, expected), "{name}: {contains}");
        }
    }
}

#[tokio::test]
async fn a_correction_changes_what_is_found() {
    for backend in backends() {
        let (store, name) = (&backend.store, backend.name);
        let user = UserId::generate();
        let memory = store.insert_memory(new(user, "Likes tea.", MemoryType::Preference, axis(0))).await.unwrap();
        store.insert_memory(new(user, "Has a dog.", MemoryType::Fact, axis(1))).await.unwrap();
        let change =
            MemoryChange { text: "Fears coffee.".into(), memory_type: MemoryType::Emotion, embedding: axis(2) };
        let changed = store.change_memory(user, memory.id, change).await.unwrap();
        assert_eq!((changed.text.as_str(), changed.memory_type), ("Fears coffee.", MemoryType::Emotion), "{name}");
        assert_eq!((changed.id, changed.timestamp), (memory.id, memory.timestamp), "{name}");
        assert_eq!(store.memory(user, memory.id).await.unwrap(), changed, "{name}");
        let nearest = store.nearest_memories(user, &axis(2), 1).await.unwrap();
        assert_eq!(nearest[0].memory, changed, "{name}");
        assert!((nearest[0].score - 1.0).abs() < 1e-5, "{name}");
        let old = store.nearest_memories(user, &axis(0), 3).await.unwrap();
        assert!(old.iter().all(|found| found.score < 0.5), "{name}: the old vector is gone");
        let by_old_text = MemoryFilter { contains: Some("tea".into()), ..all() };
        assert_eq!(store.memories(user, by_old_text).await.unwrap(), (vec![], 0), "{name}: the old text is gone");
    }
}

#[tokio::test]
async fn nobody_touches_anothers_memory() {
    for backend in backends() {
        let (store, name) = (&backend.store, backend.name);
        let (owner, other) = (UserId::generate(), UserId::generate());
        let memory = store.insert_memory(new(owner, "The owner's.", MemoryType::Fact, axis(0))).await.unwrap();
        let missing = |error| matches!(error, StoreError::NotFound("memory"));
        assert!(missing(store.memory(other, memory.id).await.unwrap_err()), "{name}");
        let change = MemoryChange { text: "Mine now.".into(), memory_type: MemoryType::Fact, embedding: axis(1) };
        assert!(missing(store.change_memory(other, memory.id, change).await.unwrap_err()), "{name}");
        assert!(missing(store.delete_memory(other, memory.id).await.unwrap_err()), "{name}");
        assert!(missing(store.delete_memory(owner, MemoryId::generate()).await.unwrap_err()), "{name}");
        assert_eq!(store.delete_all_memories(other).await.unwrap(), 0, "{name}");
        assert_eq!(store.memories(other, all()).await.unwrap(), (vec![], 0), "{name}");
        assert_eq!(store.nearest_memories(other, &axis(0), 3).await.unwrap(), [], "{name}");
        assert_eq!(store.memory(owner, memory.id).await.unwrap(), memory, "{name}");
    }
}

#[tokio::test]
async fn all_of_one_person_go_and_no_others() {
    for backend in backends() {
        let (store, name) = (&backend.store, backend.name);
        let (owner, other) = (UserId::generate(), UserId::generate());
        for number in 0..150 {
            store.insert_memory(new(owner, "The owner's.", MemoryType::Fact, axis(number))).await.unwrap();
        }
        let kept = store.insert_memory(new(other, "The other's.", MemoryType::Fact, axis(0))).await.unwrap();
        assert_eq!(store.delete_all_memories(owner).await.unwrap(), 150, "{name}");
        assert_eq!(store.memories(owner, all()).await.unwrap(), (vec![], 0), "{name}");
        assert_eq!(store.nearest_memories(owner, &axis(0), 3).await.unwrap(), [], "{name}");
        assert_eq!(store.nearest_memories(other, &axis(0), 3).await.unwrap()[0].memory, kept, "{name}");
        let again = store.insert_memory(new(owner, "Anew.", MemoryType::Fact, axis(3))).await.unwrap();
        assert_eq!(store.nearest_memories(owner, &axis(3), 3).await.unwrap()[0].memory, again, "{name}");
    }
}
