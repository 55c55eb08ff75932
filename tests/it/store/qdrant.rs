//! Qdrant itself: its collections, and what becomes of faults. Format: <https://api.qdrant.tech/api-reference>.

use std::time::Duration;

use rose::domain::embedding::Embedding;
use rose::domain::ids::UserId;
use rose::domain::memory::MemoryType;
use rose::store::{MemoryFilter, MemoryStore, NewMemory, QdrantMemories, StoreError};

use crate::support::qdrant::Qdrant;
use crate::support::service::{Act, Service};

fn memory(user: UserId, width: usize) -> NewMemory {
    NewMemory {
        user_id: user,
        session_id: None,
        text: "Their sister is called Ana.".into(),
        memory_type: MemoryType::Fact,
        embedding: Embedding::normalised(vec![1.0; width]),
    }
}

#[tokio::test]
async fn the_collection_is_made_with_its_size_distance_and_indexes() {
    let qdrant = Qdrant::start();
    let store = QdrantMemories::new(&qdrant.api(), "Some/Model v1.5", 12).unwrap();
    store.insert_memory(memory(UserId::generate(), 12)).await.unwrap();
    let collections = qdrant.collections.lock().unwrap();
    let names: Vec<&String> = collections.keys().collect();
    assert_eq!(names, ["rose_memories-some-model-v1-5-12"]);
    let collection = &collections[names[0]];
    assert_eq!((collection.size, collection.distance.as_str()), (12, "Cosine"));
    let indexes: Vec<_> = collection.indexes.iter().map(|(field, kind)| (field.as_str(), kind.as_str())).collect();
    assert_eq!(indexes, [("created_at", "integer"), ("memory_type", "keyword"), ("user_id", "keyword")]);
    assert_eq!(collection.points.len(), 1);
}

#[tokio::test]
async fn another_models_memories_are_another_collections() {
    let qdrant = Qdrant::start();
    let user = UserId::generate();
    let one = QdrantMemories::new(&qdrant.api(), "one", 12).unwrap();
    let other = QdrantMemories::new(&qdrant.api(), "other", 12).unwrap();
    one.insert_memory(memory(user, 12)).await.unwrap();
    let near = Embedding::normalised(vec![1.0; 12]);
    assert_eq!(one.nearest_memories(user, &near, 3).await.unwrap().len(), 1);
    assert_eq!(other.nearest_memories(user, &near, 3).await.unwrap(), []);
    let again = QdrantMemories::new(&qdrant.api(), "one", 12).unwrap();
    assert_eq!(again.nearest_memories(user, &near, 3).await.unwrap().len(), 1, "what is there stays");
}

#[tokio::test]
async fn a_collection_that_is_otherwise_is_refused() {
    let qdrant = Qdrant::start();
    QdrantMemories::new(&qdrant.api(), "one", 12).unwrap().prepare().await.unwrap();
    let change = |size, distance: &str| {
        let mut collections = qdrant.collections.lock().unwrap();
        let collection = collections.values_mut().next().unwrap();
        (collection.size, collection.distance) = (size, distance.to_owned());
    };
    let store = || QdrantMemories::new(&qdrant.api(), "one", 12).unwrap();
    change(384, "Cosine");
    assert!(matches!(store().prepare().await, Err(StoreError::Dimension { expected: 384, got: 12 })));
    change(12, "Dot");
    assert!(matches!(store().prepare().await, Err(StoreError::Model { .. })));
}

#[tokio::test]
async fn many_memories_are_listed_page_by_page() {
    let qdrant = Qdrant::start();
    let store = QdrantMemories::new(&qdrant.api(), "one", 4).unwrap();
    let user = UserId::generate();
    for _ in 0..600 {
        store.insert_memory(memory(user, 4)).await.unwrap();
    }
    let (page, total) = store.memories(user, MemoryFilter { limit: 10, ..MemoryFilter::default() }).await.unwrap();
    assert_eq!((page.len(), total), (10, 600));
}

#[tokio::test]
async fn a_fault_is_an_error_without_a_secret_in_it() {
    let ways = [Act::Status(500), Act::Status(401), Act::Limited("30"), Act::Garbage, Act::Cut, Act::Silent, Act::Hang];
    let calls = ways.map(async |act| {
        let service = Service::start_then(&[], act, |_| ("application/json", vec!["{\"result\": {}}".into()]));
        let mut api = service.api("rose_memories");
        api.timeouts.first_byte = Duration::from_millis(200);
        api.timeouts.idle = Duration::from_millis(200);
        let store = QdrantMemories::new(&api, "one", 12).unwrap();
        let error = store.insert_memory(memory(UserId::generate(), 12)).await.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(matches!(error, StoreError::Failed(_)), "{act:?}: {shown}");
        assert!(!shown.contains("secret") && !shown.contains("Ana"), "{act:?}: {shown}");
    });
    futures::future::join_all(calls).await;
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    let service = Service::start(&[Act::Status(503)], |request| {
        let exists = "{\"result\": {\"exists\": false}, \"status\": \"ok\"}";
        let body = if request.path.ends_with("/exists") { exists } else { "{\"result\": true, \"status\": \"ok\"}" };
        ("application/json", vec![body.into()])
    });
    QdrantMemories::new(&service.api("rose_memories"), "one", 12).unwrap().prepare().await.unwrap();
    let keys: Vec<_> = service.requests().iter().map(|request| request.headers["api-key"].clone()).collect();
    assert!(keys.len() >= 6 && keys.iter().all(|key| key == "a-very-secret-key"), "{keys:?}");
}
