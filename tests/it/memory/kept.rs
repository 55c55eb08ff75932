//! From what was said to what is recalled: duplicates, corrections, danger, and whose memories they are.

use std::sync::Arc;

use rose::config::{Config, Overrides};
use rose::domain::ids::{SessionId, UserId};
use rose::domain::memory::MemoryType;
use rose::memory::{Memories, MemoryError, Said};
use rose::store::{MemoryFilter, SessionStore, SqliteStore, StoreError};
use tokio_util::sync::CancellationToken;

struct Fixture {
    memories: Memories,
    store: SqliteStore,
    _folder: tempfile::TempDir,
}

fn fixture() -> Fixture {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let overrides = Overrides { data_dir: Some(folder.path().to_owned()), ..Overrides::default() };
    let config = Config::defaults(&overrides).expect("defaults are valid");
    let store = SqliteStore::open(&config.data).expect("a new store");
    let memories = Memories::new(Arc::new(store.clone()), crate::embeddings::local(), None, "Rose", config.memory);
    Fixture { memories, store, _folder: folder }
}

impl Fixture {
    async fn session(&self, user: UserId) -> SessionId {
        self.store.create_session(user).await.expect("a new session").id
    }

    /// Every message in a session of its own.
    async fn say(&self, user: UserId, messages: &[&str]) {
        for message in messages {
            let session = self.session(user).await;
            let said = Said { session: Some(session), message, at: &jiff::Zoned::now() };
            self.memories.consider(user, said, CancellationToken::new()).await.expect("a store that works");
        }
    }

    async fn texts(&self, user: UserId) -> Vec<String> {
        let all = self.memories.export(user).await.expect("a store that works");
        all.into_iter().map(|memory| memory.text).collect()
    }
}

#[tokio::test]
async fn what_was_said_in_one_session_is_recalled_in_another_and_by_no_one_else() {
    let fixture = fixture();
    let (user, stranger) = (UserId::generate(), UserId::generate());
    fixture.say(user, &["My sister is called Ana and I am afraid of thunder."]).await;
    let all = fixture.memories.export(user).await.expect("a store that works");
    let types: Vec<_> = all.iter().map(|memory| memory.memory_type).collect();
    assert_eq!(all.len(), 2);
    assert!(types.contains(&MemoryType::Fact) && types.contains(&MemoryType::Emotion));

    let asked = ["What is my sister's name?".to_owned()];
    let recalled = fixture.memories.recall(user, &asked).await.expect("a store that works");
    assert!(recalled.memories[0].memory.text.contains("Ana"));
    assert!(recalled.newest.is_some());
    let recalled = fixture.memories.recall(stranger, &asked).await.expect("a store that works");
    assert!(recalled.memories.is_empty());
}

#[tokio::test]
async fn the_message_before_tells_who_is_meant() {
    let fixture = fixture();
    let user = UserId::generate();
    fixture.say(user, &["My sister is called Ana.", "I love jazz.", "I work as a nurse."]).await;
    let messages = ["I went to see my sister.".to_owned(), "It was nice.".to_owned()];
    let recalled = fixture.memories.recall(user, &messages).await.expect("a store that works");
    assert!(recalled.memories.first().is_some_and(|first| first.memory.text.contains("Ana")));
}

#[tokio::test]
async fn nothing_said_recalls_nothing() {
    let fixture = fixture();
    let recalled = fixture.memories.recall(UserId::generate(), &[]).await.expect("a store that works");
    assert!(recalled.memories.is_empty() && recalled.newest.is_none());
}

#[tokio::test]
async fn the_same_is_not_stored_twice() {
    let fixture = fixture();
    let user = UserId::generate();
    fixture
        .say(user, &["My sister is called Ana.", "um, my sister's name is Ana", "I love jazz.", "I really love jazz"])
        .await;
    assert_eq!(fixture.texts(user).await.len(), 2, "one of the sister, one of jazz");
}

#[tokio::test]
async fn a_correction_takes_the_place_of_what_it_corrects() {
    let fixture = fixture();
    let user = UserId::generate();
    fixture.say(user, &["My sister is called Ana.", "Actually, my sister is called Anna, not Ana."]).await;
    assert_eq!(fixture.texts(user).await, ["Their sister is called Anna."]);
}

#[tokio::test]
async fn danger_is_not_noted_down() {
    let fixture = fixture();
    let user = UserId::generate();
    fixture.say(user, &["I love my garden but I want to kill myself."]).await;
    assert!(fixture.texts(user).await.is_empty());
}

#[tokio::test]
async fn owners_change_and_delete_their_own_and_no_one_elses() {
    let fixture = fixture();
    let (user, stranger) = (UserId::generate(), UserId::generate());
    fixture.say(user, &["I love jazz.", "I am allergic to peanuts."]).await;
    let all = MemoryFilter { limit: 10, ..MemoryFilter::default() };
    let (listed, count) = fixture.memories.list(user, all).await.expect("a store that works");
    assert_eq!((listed.len(), count), (2, 2));
    let id = listed[0].id;

    let of_stranger = fixture.memories.change(stranger, id, "Theirs now.", None).await;
    assert!(matches!(of_stranger, Err(MemoryError::Store(StoreError::NotFound(_)))));
    assert!(fixture.memories.delete(stranger, id).await.is_err());
    assert!(matches!(fixture.memories.change(user, id, " \n ", None).await, Err(MemoryError::Empty)));
    let long = "word ".repeat(200);
    assert!(matches!(fixture.memories.change(user, id, &long, None).await, Err(MemoryError::TooLong { .. })));

    // What is changed is found by its new meaning.
    fixture.memories.change(user, id, "They keep bees.", None).await.expect("their own memory");
    let asked = ["How is your honey and your beehive?".to_owned()];
    let recalled = fixture.memories.recall(user, &asked).await.expect("a store that works");
    assert!(recalled.memories.first().is_some_and(|first| first.memory.id == id));

    fixture.memories.delete(user, id).await.expect("their own memory");
    assert_eq!(fixture.memories.delete_all(user).await.expect("a store that works"), 1);
    assert!(fixture.texts(user).await.is_empty());
}
