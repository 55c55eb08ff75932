//! The file itself: versions, the lock, which model made the embeddings, what an error may say.

use rose::config::DataConfig;
use rose::domain::embedding::Embedding;
use rose::domain::ids::{CheckpointId, UserId};
use rose::domain::memory::MemoryType;
use rose::store::{
    CheckpointStore, DataDirLock, MemoryFilter, MemoryStore, NewCheckpoint, NewMemory, SessionStore, SqliteStore,
    StoreError,
};
use serde_json::json;

use super::fixture;

fn memory(user: UserId, width: usize) -> NewMemory {
    NewMemory {
        user_id: user,
        session_id: None,
        text: "Has a dog.".into(),
        memory_type: MemoryType::Fact,
        embedding: Embedding::normalised(vec![1.0; width]),
    }
}

#[tokio::test]
async fn everything_is_there_after_reopening() {
    let fixture = fixture();
    let user = UserId::generate();
    fixture.store.bind_embedding_model("some-model", 384).await.unwrap();
    let session = fixture.store.create_session(user).await.unwrap();
    let memory = fixture.store.insert_memory(memory(user, 384)).await.unwrap();
    drop(fixture.store);
    let store = SqliteStore::open(&fixture.config).unwrap();
    assert_eq!(store.session(user, session.id).await.unwrap(), session);
    assert_eq!(store.memory(user, memory.id).await.unwrap(), memory);
    assert!(matches!(store.bind_embedding_model("another", 384).await, Err(StoreError::Model { .. })));
}

#[tokio::test]
async fn memories_of_one_model_are_not_mixed_with_anothers() {
    let fixture = fixture();
    let store = &fixture.store;
    let user = UserId::generate();
    store.bind_embedding_model("wide", 768).await.unwrap();
    assert!(matches!(
        store.insert_memory(memory(user, 384)).await,
        Err(StoreError::Dimension { expected: 768, got: 384 })
    ));
    store.bind_embedding_model("narrow", 384).await.unwrap();
    let kept = store.insert_memory(memory(user, 384)).await.unwrap();
    store.bind_embedding_model("narrow", 384).await.unwrap();
    let error = store.bind_embedding_model("wide", 384).await.unwrap_err();
    assert!(matches!(&error, StoreError::Model { expected, got } if expected == "narrow" && got == "wide"), "{error}");
    assert!(matches!(
        store.bind_embedding_model("narrow", 768).await,
        Err(StoreError::Dimension { expected: 384, got: 768 })
    ));
    assert_eq!(
        store.memories(user, MemoryFilter { limit: 9, ..Default::default() }).await.unwrap().0,
        std::slice::from_ref(&kept)
    );
    store.delete_memory(user, kept.id).await.unwrap();
    store.bind_embedding_model("wide", 768).await.unwrap();
    store.insert_memory(memory(user, 768)).await.unwrap();
    assert_eq!(store.nearest_memories(user, &memory(user, 768).embedding, 3).await.unwrap().len(), 1);
}

#[tokio::test]
async fn one_process_at_a_time() {
    let fixture = fixture();
    let error = SqliteStore::open(&fixture.config).err().unwrap();
    assert!(matches!(&error, StoreError::InUse { dir } if *dir == fixture.config.dir), "{error}");
    assert!(matches!(DataDirLock::acquire(&fixture.config.dir), Err(StoreError::InUse { .. })));
    drop(fixture.store);
    let lock = DataDirLock::acquire(&fixture.config.dir).unwrap();
    assert!(matches!(SqliteStore::open(&fixture.config), Err(StoreError::InUse { .. })));
    drop(lock);
    SqliteStore::open(&fixture.config).unwrap();
}

#[test]
fn a_newer_version_or_another_program_is_told_apart_from_damage() {
    let dir = tempfile::tempdir().unwrap();
    let config = DataConfig { dir: dir.path().to_owned() };
    drop(SqliteStore::open(&config).unwrap());
    let raw = rusqlite::Connection::open(config.database()).unwrap();
    raw.pragma_update(None, "user_version", 99).unwrap();
    drop(raw);
    assert!(matches!(SqliteStore::open(&config), Err(StoreError::Newer(_))));

    std::fs::remove_file(config.database()).unwrap();
    let raw = rusqlite::Connection::open(config.database()).unwrap();
    raw.execute_batch("CREATE TABLE accounts (id INTEGER PRIMARY KEY)").unwrap();
    drop(raw);
    assert!(matches!(SqliteStore::open(&config), Err(StoreError::Damaged(_))));

    std::fs::write(config.database(), b"This is a letter, not a database. ".repeat(200)).unwrap();
    assert!(matches!(SqliteStore::open(&config), Err(StoreError::Damaged(_))));
    assert!(std::fs::read(config.database()).unwrap().starts_with(b"This is a letter"), "it was not overwritten");
}

#[tokio::test]
async fn errors_do_not_quote_what_is_stored() {
    const SECRET: &str = "the person told nobody else";
    let fixture = fixture();
    let user = UserId::generate();
    let session = fixture.store.create_session(user).await.unwrap().id;
    let checkpoint = NewCheckpoint {
        thread_id: session,
        checkpoint_id: CheckpointId::generate(),
        parent_checkpoint_id: None,
        checkpoint: json!({"text": SECRET}),
        metadata: json!({"node": "respond"}),
    };
    fixture.store.save_checkpoint(checkpoint.clone()).await.unwrap();
    let twice = fixture.store.save_checkpoint(checkpoint).await.unwrap_err();
    let memory = fixture.store.insert_memory(NewMemory { text: SECRET.into(), ..memory(user, 384) }).await.unwrap();
    drop(fixture.store);

    let raw = rusqlite::Connection::open(fixture.config.database()).unwrap();
    raw.execute("UPDATE checkpoints SET checkpoint = ?1", [format!("{SECRET}, damaged")]).unwrap();
    raw.execute("UPDATE memories SET memory_type = text", []).unwrap();
    drop(raw);
    let store = SqliteStore::open(&fixture.config).unwrap();
    let state = store.latest_checkpoint(session).await.unwrap_err();
    let recalled = store.memory(user, memory.id).await.unwrap_err();
    assert!(matches!(state, StoreError::Damaged(_)), "{state}");
    assert!(matches!(recalled, StoreError::Damaged(_)), "{recalled}");
    for error in [twice, state, recalled] {
        assert!(!format!("{error} {error:?}").contains(SECRET), "{error:?}");
    }
}

#[tokio::test]
async fn what_is_deleted_is_overwritten_on_the_disk() {
    const SECRET: &[u8] = b"a secret that must not be found again";
    let fixture = fixture();
    let user = UserId::generate();
    let text = String::from_utf8(SECRET.to_vec()).unwrap();
    for _ in 0..50 {
        fixture.store.insert_memory(NewMemory { text: text.clone(), ..memory(user, 384) }).await.unwrap();
    }
    fixture.store.delete_all_memories(user).await.unwrap();
    // Closing folds the log into the file.
    drop(fixture.store);
    for entry in std::fs::read_dir(&fixture.config.dir).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(SECRET.len()).any(|window| window == SECRET), "{}", path.display());
    }
}
