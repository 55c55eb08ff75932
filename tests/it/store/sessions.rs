//! Sessions: each its owner's, gone when idle, gone with all that belongs to them.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use rose::domain::embedding::Embedding;
use rose::domain::ids::{CheckpointId, SessionId, UserId};
use rose::domain::memory::MemoryType;
use rose::store::{
    BlobStore, CheckpointStore, FileBlobs, MemoryStore, NewBlob, NewCheckpoint, NewMemory, SessionStore, StoreError,
};
use serde_json::json;

use super::fixture;

fn is_missing<T: std::fmt::Debug>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::NotFound("session")))
}

#[tokio::test]
async fn a_session_is_its_owners_alone() {
    let fixture = fixture();
    let store = &fixture.store;
    let (owner, other) = (UserId::generate(), UserId::generate());
    let session = store.create_session(owner).await.unwrap();
    assert_eq!(store.session(owner, session.id).await.unwrap(), session);
    assert!(is_missing(&store.session(other, session.id).await));
    assert!(is_missing(&store.rename_session(other, session.id, "Mine").await));
    assert!(is_missing(&store.delete_session(other, session.id).await));
    assert!(is_missing(&store.session(owner, SessionId::generate()).await));
    assert!(is_missing(&store.touch_session(SessionId::generate()).await));
    assert_eq!(store.sessions(other, 10, 0).await.unwrap(), []);
    let renamed = store.rename_session(owner, session.id, "Sleep 😴 & '; --").await.unwrap();
    assert_eq!(renamed.title.as_deref(), Some("Sleep 😴 & '; --"));
    assert_eq!(store.session(owner, session.id).await.unwrap(), renamed);
}

#[tokio::test]
async fn the_latest_active_comes_first() {
    let fixture = fixture();
    let store = &fixture.store;
    let owner = UserId::generate();
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(store.create_session(owner).await.unwrap().id);
    }
    store.touch_session(ids[1]).await.unwrap();
    let listed = store.sessions(owner, 10, 0).await.unwrap();
    assert_eq!(listed[0].id, ids[1]);
    assert!(listed.is_sorted_by(|a, b| a.last_active_at >= b.last_active_at));
    let mut paged = store.sessions(owner, 2, 0).await.unwrap();
    paged.extend(store.sessions(owner, 2, 2).await.unwrap());
    paged.extend(store.sessions(owner, 2, 4).await.unwrap());
    assert_eq!(paged, listed);
}

#[tokio::test]
async fn a_deleted_session_takes_its_states_and_recordings_but_not_the_memories() {
    let fixture = fixture();
    let (store, blobs) = (&fixture.store, FileBlobs::new(&fixture.store));
    let owner = UserId::generate();
    let session = store.create_session(owner).await.unwrap().id;
    let kept = store.create_session(owner).await.unwrap().id;
    let mut ids = Vec::new();
    for thread_id in [session, kept] {
        let checkpoint = NewCheckpoint {
            thread_id,
            checkpoint_id: CheckpointId::generate(),
            parent_checkpoint_id: None,
            checkpoint: json!({"messages": []}),
            metadata: json!({"finished": true}),
        };
        store.save_checkpoint(checkpoint).await.unwrap();
        let blob = NewBlob {
            user_id: owner,
            session_id: Some(thread_id),
            media_type: "audio/wav".into(),
            bytes: Bytes::from_static(b"RIFF"),
        };
        ids.push(blobs.put_blob(blob).await.unwrap());
    }
    let memory = NewMemory {
        user_id: owner,
        session_id: Some(session),
        text: "Has a dog.".into(),
        memory_type: MemoryType::Fact,
        embedding: Embedding::normalised(vec![1.0; 384]),
    };
    let memory = store.insert_memory(memory).await.unwrap();

    store.delete_session(owner, session).await.unwrap();

    assert!(is_missing(&store.session(owner, session).await));
    assert_eq!(store.latest_checkpoint(session).await.unwrap(), None);
    assert!(matches!(blobs.blob(owner, ids[0]).await, Err(StoreError::NotFound(_))));
    assert_eq!(store.memory(owner, memory.id).await.unwrap(), memory);
    assert!(store.latest_checkpoint(kept).await.unwrap().is_some());
    assert!(blobs.blob(owner, ids[1]).await.is_ok());
    let files: Vec<_> =
        std::fs::read_dir(fixture.config.blobs()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, [ids[1].to_string().as_str()], "the deleted session's recording is gone from the disk");
}

#[tokio::test]
async fn only_idle_sessions_are_cleaned() {
    let fixture = fixture();
    let store = &fixture.store;
    let owner = UserId::generate();
    let idle = store.create_session(owner).await.unwrap();
    let touched = store.create_session(owner).await.unwrap();
    let later = Timestamp::now();
    assert_eq!(store.delete_idle_sessions(idle.last_active_at).await.unwrap(), 0, "not yet idle");
    store.touch_session(touched.id).await.unwrap();
    assert_eq!(store.delete_idle_sessions(later).await.unwrap(), 1);
    assert!(is_missing(&store.session(owner, idle.id).await));
    assert!(store.session(owner, touched.id).await.is_ok());
    let tomorrow = Timestamp::now() + SignedDuration::from_hours(24);
    assert_eq!(store.delete_idle_sessions(tomorrow).await.unwrap(), 1);
}
