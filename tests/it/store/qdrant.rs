//! Qdrant itself: its collections, and what becomes of faults.

use std::io::{Read, Write};
use std::time::Duration;

use qdrant_client::qdrant::{Distance, FieldType};

use rose::domain::embedding::Embedding;
use rose::domain::ids::UserId;
use rose::domain::memory::MemoryType;
use rose::providers::breaker::{BreakerState, FAILURES};
use rose::store::{MemoryFilter, MemoryStore, NewMemory, QdrantMemories, StoreError};
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use crate::support::qdrant::{Collection, Qdrant};
use crate::support::service::{Act, Service, api};

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
    let collections = qdrant.collections();
    let names: Vec<&String> = collections.keys().collect();
    assert_eq!(names, ["rose_memories-some-model-v1-5-12"]);
    let collection = &collections[names[0]];
    assert_eq!((collection.size, collection.distance), (12, Distance::Cosine));
    let indexes: Vec<_> = collection.indexes.iter().map(|(field, kind)| (field.as_str(), *kind)).collect();
    let (keyword, integer) = (FieldType::Keyword, FieldType::Integer);
    assert_eq!(indexes, [("created_at", integer), ("memory_type", keyword), ("user_id", keyword)]);
    assert_eq!(collection.points.len(), 1);
}

#[tokio::test]
async fn memories_of_one_model_are_not_mixed_with_anothers() {
    let qdrant = Qdrant::start();
    let user = UserId::generate();
    let one = QdrantMemories::new(&qdrant.api(), "one", 12).unwrap();
    one.insert_memory(memory(user, 12)).await.unwrap();
    // With the alias that says whose they are, and, as of an earlier time, without.
    for _ in 0..2 {
        let other = QdrantMemories::new(&qdrant.api(), "other", 12).unwrap();
        let error = other.prepare().await.unwrap_err();
        assert!(
            matches!(&error, StoreError::Model { expected, got } if expected == "one" && got == "other"),
            "{error}"
        );
        assert!(error.to_string().contains("rose memories reembed"), "{error}");
        let wider = QdrantMemories::new(&qdrant.api(), "one", 24).unwrap().prepare().await;
        assert!(matches!(wider, Err(StoreError::Dimension { expected: 12, got: 24 })), "{wider:?}");
        assert_eq!(qdrant.collections().len(), 1, "nothing was made for it");
        qdrant.aliases().clear();
    }
    let near = Embedding::normalised(vec![1.0; 12]);
    let again = QdrantMemories::new(&qdrant.api(), "one", 12).unwrap();
    assert_eq!(again.nearest_memories(user, &near, 3).await.unwrap().len(), 1, "what is there stays");
    assert_eq!(qdrant.aliases()["rose_memories-current"], "rose_memories-one-12");
}

#[tokio::test]
async fn which_of_several_collections_holds_the_memories_is_not_guessed() {
    let qdrant = Qdrant::start();
    QdrantMemories::new(&qdrant.api(), "one", 12).unwrap().insert_memory(memory(UserId::generate(), 12)).await.unwrap();
    qdrant.aliases().clear();
    let points = qdrant.collections()["rose_memories-one-12"].points.clone();
    let (size, distance, indexes) = (12, Distance::Cosine, Default::default());
    qdrant.collections().insert("rose_memories-other-12".into(), Collection { size, distance, indexes, points });
    let third = QdrantMemories::new(&qdrant.api(), "third", 12).unwrap();
    let error = third.prepare().await.unwrap_err();
    assert!(matches!(error, StoreError::Collection(_)), "{error}");
}

#[tokio::test]
async fn a_collection_that_is_otherwise_is_refused() {
    let qdrant = Qdrant::start();
    QdrantMemories::new(&qdrant.api(), "one", 12).unwrap().prepare().await.unwrap();
    let change = |size, distance| {
        let mut collections = qdrant.collections();
        let collection = collections.values_mut().next().unwrap();
        (collection.size, collection.distance) = (size, distance);
    };
    let store = || QdrantMemories::new(&qdrant.api(), "one", 12).unwrap();
    change(384, Distance::Cosine);
    assert!(matches!(store().prepare().await, Err(StoreError::Dimension { expected: 384, got: 12 })));
    change(12, Distance::Dot);
    assert!(matches!(store().prepare().await, Err(StoreError::Collection(_))));
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

/// What comes of a call where nothing else answers at `url`, in words.
async fn error_at(url: &str) -> String {
    let mut api = api(url, "rose_memories");
    api.timeouts.first_byte = Duration::from_millis(200);
    api.timeouts.idle = Duration::from_millis(200);
    let store = QdrantMemories::new(&api, "one", 12).unwrap();
    let error = store.insert_memory(memory(UserId::generate(), 12)).await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(matches!(error, StoreError::Failed(_)), "{shown}");
    assert!(!shown.contains("secret") && !shown.contains("Ana"), "{shown}");
    shown
}

#[tokio::test]
async fn a_fault_is_an_error_without_a_secret_in_it() {
    let ways = [Act::Status(500), Act::Status(401), Act::Limited("30"), Act::Garbage, Act::Cut, Act::Silent, Act::Hang];
    let calls = ways.map(async |act| {
        let service = Service::start_then(&[], act, |_| ("application/grpc", vec!["no message".into()]));
        error_at(&service.url).await
    });
    futures::future::join_all(calls).await;
    let codes = [
        Code::Internal,
        Code::Unavailable,
        Code::PermissionDenied,
        Code::InvalidArgument,
        Code::NotFound,
        Code::Aborted,
    ];
    let calls = codes.map(async |code| {
        let quoted = Status::new(code, "Wrong input: Their sister is called Ana. a-very-secret-key");
        let qdrant = Qdrant::start_failing(std::iter::repeat_n(quoted, 12));
        error_at(&qdrant.url).await
    });
    futures::future::join_all(calls).await;
}

#[tokio::test]
async fn an_address_that_speaks_no_grpc_is_told_apart() {
    let rest = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", rest.local_addr().unwrap());
    // Ends with the process: it holds nothing but its socket.
    std::thread::spawn(move || {
        for stream in rest.incoming() {
            let mut stream = stream.unwrap();
            // A client that hangs up has had enough.
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    let shown = error_at(&url).await;
    assert!(shown.contains("6334"), "{shown}");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let shown = error_at(&format!("http://{nobody}")).await;
    assert!(shown.contains("can't be reached"), "{shown}");
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    let mut soon = MetadataMap::new();
    soon.insert("retry-after", "0".parse().unwrap());
    let limited = Status::with_metadata(Code::ResourceExhausted, "Rate limiting exceeded", soon);
    let qdrant = Qdrant::start_failing([limited]);
    QdrantMemories::new(&qdrant.api(), "one", 12).unwrap().prepare().await.unwrap();
    assert_eq!(qdrant.calls(), 9, "one for each call of the preparation, and one more");

    let mut late = MetadataMap::new();
    late.insert("retry-after", "3600".parse().unwrap());
    let qdrant =
        Qdrant::start_failing([Status::with_metadata(Code::ResourceExhausted, "Rate limiting exceeded", late)]);
    let error = QdrantMemories::new(&qdrant.api(), "one", 12).unwrap().prepare().await.unwrap_err();
    assert!(error.to_string().contains("3600 s"), "{error}");
    assert_eq!(qdrant.calls(), 1);
}

/// Where the first connection leads nowhere, and each later one to `url`.
async fn dead_at_first(url: &str) -> String {
    let to = url.trim_start_matches("http://").to_owned();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (_dead, _) = listener.accept().await.unwrap();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut there = tokio::net::TcpStream::connect(&to).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut stream, &mut there).await });
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn a_connection_that_died_is_not_asked_again() {
    let qdrant = Qdrant::start();
    let mut api = api(&dead_at_first(&qdrant.url).await, "rose_memories");
    api.timeouts.first_byte = Duration::from_millis(200);
    let store = QdrantMemories::new(&api, "one", 12).unwrap();
    store.prepare().await.unwrap();
    assert_eq!(store.status().breaker, Some(BreakerState::Closed));
}

#[tokio::test]
async fn one_that_keeps_failing_is_left_alone() {
    let refused = Status::permission_denied("Forbidden");
    let qdrant = Qdrant::start_failing(std::iter::repeat_n(refused, 100));
    let store = QdrantMemories::new(&qdrant.api(), "one", 12).unwrap();
    for _ in 0..FAILURES {
        store.prepare().await.unwrap_err();
    }
    assert_eq!(store.status().breaker, Some(BreakerState::Open));
    let asked = qdrant.calls();
    assert_eq!(asked, FAILURES as usize, "what a second request can't mend is asked once");
    let error = store.prepare().await.unwrap_err();
    assert!(error.to_string().contains("busy"), "{error}");
    assert_eq!(qdrant.calls(), asked);
}

#[tokio::test]
async fn a_wrong_key_is_refused_and_an_unusable_one_never_sent() {
    let qdrant = Qdrant::start();
    let wrong = rose::config::ApiConfig { key: Some("another-key".into()), ..qdrant.api() };
    let error = QdrantMemories::new(&wrong, "one", 12).unwrap().prepare().await.unwrap_err().to_string();
    assert!(error.contains("refuses the key") && !error.contains("another-key"), "{error}");
    let unusable = rose::config::ApiConfig { key: Some("a\nkey".into()), ..qdrant.api() };
    let error = QdrantMemories::new(&unusable, "one", 12).err().unwrap().to_string();
    assert!(error.contains("characters that no key has"), "{error}");
    assert_eq!(qdrant.calls(), 0);
}
