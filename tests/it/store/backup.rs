//! Backup and restore: what comes back, and what is refused.

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use rose::config::DataConfig;
use rose::domain::embedding::Embedding;
use rose::domain::ids::{CheckpointId, UserId};
use rose::domain::memory::{Memory, MemoryType};
use rose::domain::session::Session;
use rose::store::{
    CheckpointStore, MemoryStore, NewCheckpoint, NewMemory, SessionStore, SqliteStore, StoreError, back_up,
    back_up_daily, restore,
};
use serde_json::json;

use super::{Fixture, fixture, names_in};

fn embedding() -> Embedding {
    Embedding::normalised((0..384).map(|number| number as f32).collect())
}

async fn fill(store: &SqliteStore) -> (UserId, Session, Memory) {
    let user = UserId::generate();
    let session = store.create_session(user).await.unwrap();
    let checkpoint = NewCheckpoint {
        thread_id: session.id,
        checkpoint_id: CheckpointId::generate(),
        parent_checkpoint_id: None,
        checkpoint: json!({"summary": "Talked about the sea."}),
        metadata: json!({"finished": true}),
    };
    store.save_checkpoint(checkpoint).await.unwrap();
    let memory = NewMemory {
        user_id: user,
        session_id: Some(session.id),
        text: "Has a dog.".into(),
        memory_type: MemoryType::Fact,
        embedding: embedding(),
    };
    let memory = store.insert_memory(memory).await.unwrap();
    (user, session, memory)
}

fn target(fixture: &Fixture) -> PathBuf {
    fixture.config.dir.join("somewhere").join("kept.db")
}

fn beside(path: &Path) -> Vec<String> {
    names_in(path.parent().unwrap())
}

#[tokio::test]
async fn brings_everything_back_into_an_empty_folder_with_the_cookie_key() {
    let fixture = fixture();
    let (user, session, memory) = fill(&fixture.store).await;
    std::fs::write(fixture.config.cookie_key(), b"the key").unwrap();
    // The store is open and its log unfolded, as while a server runs.
    let summary = back_up(&fixture.config, &target(&fixture)).unwrap();
    assert_eq!((summary.sessions, summary.memories), (1, 1));
    assert_eq!(beside(&target(&fixture)), ["kept.db"], "one file, and nothing beside it");

    let elsewhere = tempfile::tempdir().unwrap();
    let config = DataConfig { dir: elsewhere.path().join("data") };
    let restored = restore(&config, &target(&fixture)).unwrap();
    assert_eq!((restored.restored.sessions, restored.restored.memories, restored.replaced), (1, 1, None));
    assert_eq!(std::fs::read(config.cookie_key()).unwrap(), b"the key");
    let store = SqliteStore::open(&config).unwrap();
    assert_eq!(store.session(user, session.id).await.unwrap().created_at, session.created_at);
    let state = store.latest_checkpoint(session.id).await.unwrap().unwrap();
    assert_eq!(state.checkpoint, json!({"summary": "Talked about the sea."}));
    assert_eq!(store.nearest_memories(user, &embedding(), 3).await.unwrap()[0].memory, memory);
}

#[tokio::test]
async fn the_replaced_database_is_kept_whole() {
    let fixture = fixture();
    let (user, session, _) = fill(&fixture.store).await;
    std::fs::write(fixture.config.cookie_key(), b"old key").unwrap();
    let kept = target(&fixture);
    back_up(&fixture.config, &kept).unwrap();
    let later = fixture.store.create_session(user).await.unwrap();
    std::fs::write(fixture.config.cookie_key(), b"new key").unwrap();
    drop(fixture.store);

    let replaced = restore(&fixture.config, &kept).unwrap().replaced.unwrap();

    let store = SqliteStore::open(&fixture.config).unwrap();
    assert!(store.session(user, session.id).await.is_ok());
    assert!(matches!(store.session(user, later.id).await, Err(StoreError::NotFound(_))));
    assert_eq!(std::fs::read(fixture.config.cookie_key()).unwrap(), b"old key");
    drop(store);
    let raw = rusqlite::Connection::open(&replaced).unwrap();
    let sessions: i64 = raw.query_row("SELECT count(*) FROM sessions", [], |row| row.get(0)).unwrap();
    assert_eq!(sessions, 2);
    let kept_keys = beside(&fixture.config.cookie_key());
    assert!(kept_keys.iter().any(|name| name.starts_with("cookie.key.replaced-")), "{kept_keys:?}");
}

#[tokio::test]
async fn time_in_the_drawer_is_not_idleness() {
    let fixture = fixture();
    let (user, session, _) = fill(&fixture.store).await;
    let kept = target(&fixture);
    back_up(&fixture.config, &kept).unwrap();
    drop(fixture.store);
    let raw = rusqlite::Connection::open(&kept).unwrap();
    raw.execute("UPDATE sessions SET last_active_at = last_active_at - 30 * 86400 * 1000000", []).unwrap();
    drop(raw);
    restore(&fixture.config, kept.as_path()).unwrap();
    let store = SqliteStore::open(&fixture.config).unwrap();
    let week_ago = Timestamp::now() - SignedDuration::from_hours(7 * 24);
    assert_eq!(store.delete_idle_sessions(week_ago).await.unwrap(), 0);
    assert!(store.session(user, session.id).await.is_ok());
}

#[tokio::test]
async fn is_refused_while_a_server_holds_the_folder() {
    let fixture = fixture();
    fill(&fixture.store).await;
    back_up(&fixture.config, &target(&fixture)).unwrap();
    assert!(matches!(restore(&fixture.config, &target(&fixture)), Err(StoreError::InUse { .. })));
}

#[tokio::test]
async fn what_is_no_whole_backup_changes_nothing() {
    let fixture = fixture();
    let (user, session, _) = fill(&fixture.store).await;
    let good = target(&fixture);
    back_up(&fixture.config, &good).unwrap();
    drop(fixture.store);
    let config = fixture.config;
    let before = std::fs::read(config.database()).unwrap();
    let bad = good.with_file_name("bad.db");

    let bytes = std::fs::read(&good).unwrap();
    // Cut in half; a page in the middle overwritten; not a database; another program's; from a later version.
    std::fs::write(&bad, &bytes[..bytes.len() / 2]).unwrap();
    assert!(restore(&config, &bad).is_err(), "cut in half");
    let mut damaged = bytes.clone();
    damaged[4096..4096 * 3].fill(0xa5);
    std::fs::write(&bad, damaged).unwrap();
    assert!(matches!(restore(&config, &bad), Err(StoreError::Damaged(_))), "overwritten");
    std::fs::write(&bad, "no database").unwrap();
    assert!(matches!(restore(&config, &bad), Err(StoreError::Damaged(_))), "not a database");
    std::fs::write(&bad, "").unwrap();
    assert!(matches!(restore(&config, &bad), Err(StoreError::Damaged(_))), "empty");
    std::fs::write(&bad, &bytes).unwrap();
    let raw = rusqlite::Connection::open(&bad).unwrap();
    raw.pragma_update(None, "user_version", 99).unwrap();
    drop(raw);
    assert!(matches!(restore(&config, &bad), Err(StoreError::Newer(_))), "from a later version");
    assert!(matches!(restore(&config, &bad.with_file_name("none.db")), Err(StoreError::File { .. })), "missing");

    assert_eq!(std::fs::read(config.database()).unwrap(), before);
    let names = beside(&config.database());
    assert!(names.iter().all(|name| !name.contains("replaced") && !name.contains(".rose-backup-")), "{names:?}");
    assert!(SqliteStore::open(&config).unwrap().session(user, session.id).await.is_ok());
}

#[tokio::test]
async fn nothing_is_overwritten() {
    let fixture = fixture();
    fill(&fixture.store).await;
    let taken = fixture.config.dir.join("letter.txt");
    std::fs::write(&taken, "Dear Ana").unwrap();
    assert!(matches!(back_up(&fixture.config, &taken), Err(StoreError::File { .. })));
    assert_eq!(std::fs::read(&taken).unwrap(), b"Dear Ana");
}

#[tokio::test]
async fn the_newest_seven_are_kept_and_other_files_stay() {
    let fixture = fixture();
    fill(&fixture.store).await;
    let folder = fixture.config.backups();
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("rose-by-hand.db"), "kept").unwrap();
    for day in 1..=9 {
        std::fs::write(folder.join(format!("rose-2020010{day}T030000.000Z.db")), "old").unwrap();
    }
    let made = back_up_daily(&fixture.config, 7).unwrap().path;
    let names = beside(&made);
    assert_eq!(names.len(), 8, "{names:?}");
    assert!(names.contains(&"rose-by-hand.db".to_owned()));
    assert!(names.contains(&"rose-20200104T030000.000Z.db".to_owned()), "{names:?}");
    assert!(!names.contains(&"rose-20200103T030000.000Z.db".to_owned()), "{names:?}");
    assert!(made.exists());
}
