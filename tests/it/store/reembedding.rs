//! What every place must do in which another model embeds the memories anew, run over every backend.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use rose::domain::embedding::Embedding;
use rose::domain::ids::{MemoryId, UserId};
use rose::domain::memory::MemoryType;
use rose::domain::stage::EngineTiming;
use rose::memory::embed_anew;
use rose::providers::embeddings::{Embedded, Embedder, FakeEmbedder};
use rose::providers::{Description, ProviderError};
use rose::store::{
    MemoryChange, MemoryFilter, MemoryStore, NewMemory, QdrantMemories, QdrantReembedding, Reembedding,
    SqliteReembedding, SqliteStore, StoreError,
};

use super::{Fixture, fixture};
use crate::support::qdrant::Qdrant;

/// The model that answers at first.
const OLD: &str = "hashed-words";
const OLD_WIDTH: usize = 384;

/// The model that takes over: counts letters, and what it was asked.
pub(super) struct Letters {
    pub(super) width: usize,
    asked: AtomicUsize,
}

impl Letters {
    pub(super) const MODEL: &'static str = "letters";

    pub(super) fn new(width: usize) -> Self {
        Self { width, asked: AtomicUsize::new(0) }
    }

    pub(super) fn of(text: &str, width: usize) -> Embedding {
        let mut values = vec![0.0; width];
        for pair in text.as_bytes().windows(2) {
            values[(usize::from(pair[0]) * 7 + usize::from(pair[1])) % width] += 1.0;
        }
        Embedding::normalised(values)
    }
}

#[async_trait]
impl Embedder for Letters {
    fn describe(&self) -> Description {
        Description { backend: "letters", model: Self::MODEL.into() }
    }

    fn dimension(&self) -> usize {
        self.width
    }

    async fn embed(&self, texts: Vec<String>) -> Result<Embedded, ProviderError> {
        self.asked.fetch_add(texts.len(), Ordering::Relaxed);
        let embeddings = texts.iter().map(|text| Self::of(text, self.width)).collect();
        Ok(Embedded { embeddings, timing: EngineTiming::default() })
    }
}

enum Place {
    Sqlite(Fixture),
    Qdrant(Qdrant),
}

impl Place {
    async fn all() -> [Self; 2] {
        let sqlite = fixture();
        sqlite.store.bind_embedding_model(OLD, OLD_WIDTH).await.unwrap();
        [Self::Sqlite(sqlite), Self::Qdrant(Qdrant::start())]
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Qdrant(_) => "qdrant",
        }
    }

    /// As a start with this model gets it.
    async fn store(&self, model: &str, width: usize) -> Result<Box<dyn MemoryStore>, StoreError> {
        Ok(match self {
            Self::Sqlite(fixture) => {
                fixture.store.bind_embedding_model(model, width).await?;
                Box::new(fixture.store.clone())
            }
            Self::Qdrant(qdrant) => {
                let store = QdrantMemories::new(&qdrant.api(), model, width)?;
                store.prepare().await?;
                Box::new(store)
            }
        })
    }

    async fn old(&self) -> Box<dyn MemoryStore> {
        self.store(OLD, OLD_WIDTH).await.unwrap()
    }

    async fn begin(&self, model: &str, width: usize) -> Result<Option<Box<dyn Reembedding>>, StoreError> {
        fn boxed<R: Reembedding + 'static>(place: R) -> Box<dyn Reembedding> {
            Box::new(place)
        }
        Ok(match self {
            Self::Sqlite(fixture) => SqliteReembedding::begin(&fixture.store, model, width).await?.map(boxed),
            Self::Qdrant(qdrant) => QdrantReembedding::begin(&qdrant.api(), model, width).await?.map(boxed),
        })
    }

    async fn begin_letters(&self, width: usize) -> Box<dyn Reembedding> {
        self.begin(Letters::MODEL, width).await.unwrap().expect("they are another model's")
    }

    /// That nothing is left beside the place that answers.
    fn is_tidy(&self, current: &str) {
        match self {
            Self::Sqlite(fixture) => {
                let raw = rusqlite::Connection::open(fixture.config.database()).unwrap();
                let left: i64 =
                    raw.query_row("SELECT count(*) FROM memory_reembeddings", [], |row| row.get(0)).unwrap();
                let marks = "SELECT count(*) FROM meta WHERE key LIKE 'reembedding%'";
                assert_eq!((left, raw.query_row(marks, [], |row| row.get(0)).unwrap()), (0, 0_i64));
            }
            Self::Qdrant(qdrant) => {
                assert_eq!(qdrant.collections().keys().collect::<Vec<_>>(), [current]);
                let aliases = qdrant.aliases().clone().into_iter().collect::<Vec<_>>();
                assert_eq!(aliases, [("rose_memories-current".to_owned(), current.to_owned())]);
            }
        }
    }
}

pub(super) const TOPICS: [&str; 8] =
    ["the garden", "an old lighthouse", "her sister Ana", "rye bread", "thunder", "a sailing boat", "chess", "Lisbon"];

pub(super) fn text(number: usize) -> String {
    let topic = TOPICS[number % TOPICS.len()];
    format!("The person spoke of {topic}, for the {number}th time, and of {}.", TOPICS[(number / 8) % TOPICS.len()])
}

pub(super) fn new(user: UserId, text: String, embedding: Embedding) -> NewMemory {
    NewMemory { user_id: user, session_id: None, text, memory_type: MemoryType::Fact, embedding }
}

async fn hashed(text: &str) -> Embedding {
    FakeEmbedder.embed(vec![text.to_owned()]).await.unwrap().embeddings.remove(0)
}

async fn fill(store: &dyn MemoryStore, user: UserId, count: usize) -> Vec<MemoryId> {
    let mut ids = Vec::new();
    for number in 0..count {
        let text = text(number);
        let embedding = hashed(&text).await;
        ids.push(store.insert_memory(new(user, text, embedding)).await.unwrap().id);
    }
    ids
}

/// What is near to a question, with the nearness.
pub(super) async fn near(store: &dyn MemoryStore, user: UserId, question: &Embedding) -> Vec<(String, f32)> {
    let near = store.nearest_memories(user, question, 10).await.unwrap();
    near.into_iter().map(|one| (one.memory.text, one.score)).collect()
}

pub(super) async fn all_texts(store: &dyn MemoryStore, user: UserId) -> Vec<String> {
    let filter = MemoryFilter { limit: 100_000, ..MemoryFilter::default() };
    let (memories, total) = store.memories(user, filter).await.unwrap();
    assert_eq!(memories.len(), total);
    let mut texts: Vec<String> = memories.into_iter().map(|memory| memory.text).collect();
    texts.sort_unstable();
    texts
}

/// That the new model finds in `store` what it would have found had it embedded all from the beginning.
pub(super) async fn recalls_as_afresh(store: &dyn MemoryStore, user: UserId, width: usize) {
    let texts = all_texts(store, user).await;
    for topic in TOPICS {
        let question = Letters::of(topic, width);
        let mut afresh: Vec<(f32, &String)> =
            texts.iter().map(|text| (question.cosine(&Letters::of(text, width)), text)).collect();
        afresh.sort_by(|a, b| b.0.total_cmp(&a.0));
        let found = near(store, user, &question).await;
        assert_eq!(found.len(), afresh.len().min(10), "{topic}");
        for ((text, score), (expected, _)) in found.iter().zip(&afresh) {
            assert!((score - expected).abs() < 1e-5, "{topic}: {score} and {expected}");
            let own = question.cosine(&Letters::of(text, width));
            assert!((own - score).abs() < 1e-5, "{topic}: a vector that is not of its text");
        }
    }
}

#[tokio::test]
async fn the_old_model_answers_until_the_switch_and_the_new_one_after_it() {
    for place in Place::all().await {
        let (name, width) = (place.name(), 96);
        let old = place.old().await;
        let users = [UserId::generate(), UserId::generate()];
        for user in users {
            fill(old.as_ref(), user, 150).await;
        }
        let question = hashed("an old lighthouse").await;
        let before = near(old.as_ref(), users[0], &question).await;
        let refused = place.store(Letters::MODEL, width).await.err().expect("they are another model's").to_string();
        for said in [OLD, Letters::MODEL, "rose memories reembed"] {
            assert!(refused.contains(said), "{name}: {refused}");
        }

        let letters = Letters::new(width);
        let making = place.begin_letters(width).await;
        assert_eq!((making.from().model.as_str(), making.from().dimension, making.from().memories), (OLD, 384, 300));
        assert_eq!(embed_anew(making.as_ref(), &letters, &|_| ()).await.unwrap(), 300, "{name}");
        assert_eq!(near(old.as_ref(), users[0], &question).await, before, "{name}: the old model answers");
        assert_eq!(making.switch().await.unwrap(), 300, "{name}");

        let store = place.store(Letters::MODEL, width).await.unwrap();
        for user in users {
            assert_eq!(all_texts(store.as_ref(), user).await.len(), 150, "{name}");
            recalls_as_afresh(store.as_ref(), user, width).await;
        }
        place.is_tidy("rose_memories-letters-96");
        assert!(place.begin(Letters::MODEL, width).await.unwrap().is_none(), "{name}: nothing is left to do");
        let refused = place.store(OLD, OLD_WIDTH).await.err().expect("the old one is the other now");
        assert!(matches!(refused, StoreError::Model { .. }), "{name}: {refused}");
    }
}

#[tokio::test]
async fn what_is_embedded_is_not_embedded_again() {
    for place in Place::all().await {
        let name = place.name();
        fill(place.old().await.as_ref(), UserId::generate(), 100).await;
        let letters = Letters::new(96);
        let making = place.begin_letters(96).await;
        let some = making.unembedded(40).await.unwrap();
        assert_eq!(some.len(), 40, "{name}");
        let embedded: Vec<_> = some.into_iter().map(|one| (one.clone(), Letters::of(&one.text, 96))).collect();
        making.keep(embedded).await.unwrap();
        drop(making);
        let making = place.begin_letters(96).await;
        assert_eq!(making.embedded().await.unwrap(), 40, "{name}");
        let incomplete = making.switch().await.unwrap_err();
        assert!(matches!(incomplete, StoreError::Incomplete { embedded: 40, memories: 100 }), "{name}: {incomplete}");
        assert_eq!(embed_anew(making.as_ref(), &letters, &|_| ()).await.unwrap(), 60, "{name}");
        assert_eq!(letters.asked.load(Ordering::Relaxed), 60, "{name}");
        assert_eq!(making.switch().await.unwrap(), 100, "{name}");
    }
}

#[tokio::test]
async fn what_is_written_meanwhile_is_there_too() {
    for place in Place::all().await {
        let (name, width) = (place.name(), 96);
        let old = place.old().await;
        let (user, other) = (UserId::generate(), UserId::generate());
        let ids = fill(old.as_ref(), user, 70).await;
        fill(old.as_ref(), other, 30).await;
        let letters = Letters::new(width);
        let making = place.begin_letters(width).await;
        embed_anew(making.as_ref(), &letters, &|_| ()).await.unwrap();

        let embedding = hashed("Told meanwhile.").await;
        old.insert_memory(new(user, "Told meanwhile.".into(), embedding.clone())).await.unwrap();
        let change = MemoryChange { text: "Corrected meanwhile.".into(), memory_type: MemoryType::Emotion, embedding };
        old.change_memory(user, ids[3], change).await.unwrap();
        old.delete_memory(user, ids[5]).await.unwrap();
        old.delete_all_memories(other).await.unwrap();
        assert_eq!(making.embedded().await.unwrap(), 68, "{name}: what is gone or changed is gone beside too");

        assert_eq!(embed_anew(making.as_ref(), &letters, &|_| ()).await.unwrap(), 2, "{name}");
        assert_eq!(making.switch().await.unwrap(), 70, "{name}");
        let store = place.store(Letters::MODEL, width).await.unwrap();
        let texts = all_texts(store.as_ref(), user).await;
        assert_eq!(texts.len(), 70, "{name}");
        assert!(texts.contains(&"Told meanwhile.".to_owned()), "{name}");
        assert_eq!(store.memory(user, ids[3]).await.unwrap().text, "Corrected meanwhile.", "{name}");
        assert!(store.memory(user, ids[5]).await.is_err(), "{name}");
        assert!(all_texts(store.as_ref(), other).await.is_empty(), "{name}");
        recalls_as_afresh(store.as_ref(), user, width).await;
    }
}

/// A batch was read, and before its embeddings came the person changed one of its memories and deleted another.
#[tokio::test]
async fn an_embedding_of_what_is_gone_is_dropped() {
    for place in Place::all().await {
        let (name, user) = (place.name(), UserId::generate());
        let old = place.old().await;
        let ids = fill(old.as_ref(), user, 3).await;
        let making = place.begin_letters(96).await;
        let batch = making.unembedded(3).await.unwrap();
        let embedding = hashed("Another text.").await;
        let change = MemoryChange { text: "Another text.".into(), memory_type: MemoryType::Fact, embedding };
        old.change_memory(user, ids[0], change).await.unwrap();
        old.delete_memory(user, ids[1]).await.unwrap();
        let embedded = batch.into_iter().map(|one| (one.clone(), Letters::of(&one.text, 96))).collect();
        making.keep(embedded).await.unwrap();
        assert_eq!(making.embedded().await.unwrap(), 1, "{name}");
        assert_eq!(embed_anew(making.as_ref(), &Letters::new(96), &|_| ()).await.unwrap(), 1, "{name}");
        assert_eq!(making.switch().await.unwrap(), 2, "{name}");
        recalls_as_afresh(place.store(Letters::MODEL, 96).await.unwrap().as_ref(), user, 96).await;
    }
}

#[tokio::test]
async fn another_model_begins_anew() {
    for place in Place::all().await {
        let (name, user) = (place.name(), UserId::generate());
        fill(place.old().await.as_ref(), user, 20).await;
        let narrow = place.begin_letters(48).await;
        embed_anew(narrow.as_ref(), &Letters::new(48), &|_| ()).await.unwrap();
        // The settings are changed once more, and then back.
        let wide = place.begin_letters(96).await;
        assert_eq!(wide.embedded().await.unwrap(), 0, "{name}");
        let refused = wide.keep(vec![(wide.unembedded(1).await.unwrap().remove(0), Letters::of("ab", 48))]).await;
        assert!(matches!(refused, Err(StoreError::Dimension { expected: 96, got: 48 })), "{name}: {refused:?}");
        assert_eq!(embed_anew(wide.as_ref(), &Letters::new(96), &|_| ()).await.unwrap(), 20, "{name}");
        assert_eq!(wide.switch().await.unwrap(), 20, "{name}");
        recalls_as_afresh(place.store(Letters::MODEL, 96).await.unwrap().as_ref(), user, 96).await;
        place.is_tidy("rose_memories-letters-96");
    }
}

#[tokio::test]
async fn a_text_that_the_new_model_makes_nothing_of_stays() {
    for place in Place::all().await {
        let (name, user) = (place.name(), UserId::generate());
        let old = place.old().await;
        // One letter makes no pair of letters.
        old.insert_memory(new(user, "A".into(), hashed("A").await)).await.unwrap();
        fill(old.as_ref(), user, 5).await;
        let making = place.begin_letters(96).await;
        assert_eq!(embed_anew(making.as_ref(), &Letters::new(96), &|_| ()).await.unwrap(), 6, "{name}");
        assert_eq!(making.switch().await.unwrap(), 6, "{name}");
        let store = place.store(Letters::MODEL, 96).await.unwrap();
        assert_eq!(all_texts(store.as_ref(), user).await.len(), 6, "{name}");
        assert_eq!(near(store.as_ref(), user, &Letters::of("chess", 96)).await.len(), 5, "{name}");
    }
}

#[tokio::test]
async fn without_memories_there_is_nothing_to_do() {
    for place in Place::all().await {
        if matches!(place, Place::Sqlite(_)) {
            assert!(place.begin(Letters::MODEL, 96).await.unwrap().is_none());
        }
        assert!(place.begin(OLD, OLD_WIDTH).await.unwrap().is_none(), "{}", place.name());
    }
}

/// The process ended after the alias was set: what is left to delete is deleted at the next start.
#[tokio::test]
async fn a_switch_that_was_cut_off_is_finished_at_the_next_start() {
    let qdrant = Qdrant::start();
    let user = UserId::generate();
    let old = QdrantMemories::new(&qdrant.api(), OLD, OLD_WIDTH).unwrap();
    fill(&old, user, 10).await;
    let making = QdrantReembedding::begin(&qdrant.api(), Letters::MODEL, 96).await.unwrap().unwrap();
    embed_anew(&making, &Letters::new(96), &|_| ()).await.unwrap();
    let (was, is) = ("rose_memories-hashed-words-384", "rose_memories-letters-96");
    // Before the switch: the mark alone changes nothing.
    qdrant.aliases().insert("rose_memories-replaced".into(), was.into());
    assert_eq!(all_texts(&QdrantMemories::new(&qdrant.api(), OLD, OLD_WIDTH).unwrap(), user).await.len(), 10);
    assert!(qdrant.collections().contains_key(was), "what answers is never deleted");
    // After it.
    qdrant.aliases().insert("rose_memories-replaced".into(), was.into());
    qdrant.aliases().insert("rose_memories-current".into(), is.into());
    let store = QdrantMemories::new(&qdrant.api(), Letters::MODEL, 96).unwrap();
    assert_eq!(all_texts(&store, user).await.len(), 10);
    Place::Qdrant(qdrant).is_tidy(is);
}

#[tokio::test]
async fn what_no_alias_calls_ours_is_not_deleted() {
    let qdrant = Qdrant::start();
    let user = UserId::generate();
    fill(&QdrantMemories::new(&qdrant.api(), OLD, OLD_WIDTH).unwrap(), user, 10).await;
    qdrant.aliases().clear();
    let making = QdrantReembedding::begin(&qdrant.api(), Letters::MODEL, 96).await.unwrap().unwrap();
    embed_anew(&making, &Letters::new(96), &|_| ()).await.unwrap();
    assert_eq!(making.switch().await.unwrap(), 10);
    assert_eq!(qdrant.collections()["rose_memories-hashed-words-384"].points.len(), 10);
    assert_eq!(all_texts(&QdrantMemories::new(&qdrant.api(), Letters::MODEL, 96).unwrap(), user).await.len(), 10);
}

#[tokio::test]
async fn beside_a_server_everything_but_the_switch_is_done() {
    let fixture = fixture();
    let store = &fixture.store;
    store.bind_embedding_model(OLD, OLD_WIDTH).await.unwrap();
    let user = UserId::generate();
    fill(store, user, 60).await;
    let beside = SqliteReembedding::begin_beside(&fixture.config, Letters::MODEL, 96).await.unwrap().unwrap();
    assert_eq!(embed_anew(&beside, &Letters::new(96), &|_| ()).await.unwrap(), 60);
    let refused = beside.switch().await.unwrap_err();
    assert!(matches!(refused, StoreError::InUse { .. }), "{refused}");
    drop(beside);
    // The server goes on, and is stopped.
    store.insert_memory(new(user, "Told meanwhile.".into(), hashed("Told meanwhile.").await)).await.unwrap();
    drop(fixture.store);
    let store = SqliteStore::open(&fixture.config).unwrap();
    let making = SqliteReembedding::begin(&store, Letters::MODEL, 96).await.unwrap().unwrap();
    assert_eq!(embed_anew(&making, &Letters::new(96), &|_| ()).await.unwrap(), 1);
    assert_eq!(making.switch().await.unwrap(), 61);
    recalls_as_afresh(&store, user, 96).await;
}
