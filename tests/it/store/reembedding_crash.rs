//! `kill -9` of `rose memories reembed` at ten moments that nobody chose loses no memory and doubles none.

use std::collections::HashSet;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use axum::body::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rose::config::DataConfig;
use rose::domain::ids::UserId;
use rose::providers::embeddings::{Embedder, FakeEmbedder};
use rose::store::{MemoryStore, QdrantMemories, SqliteStore};
use serde_json::{Value, json};

use super::reembedding::{Letters, all_texts, new, recalls_as_afresh, text};
use crate::support::child::{Engines, ServeProcess};
use crate::support::qdrant::{KEY, Qdrant};
use crate::support::service::Service;

const MEMORIES: usize = 3_000;
const WIDTH: usize = 96;
const KILLS: usize = 10;
/// Of the command's.
const BATCH: usize = 32;
/// Far beyond what a batch takes; a command that hangs ends the test.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the new model was asked.
#[derive(Default)]
struct Asked {
    texts: AtomicUsize,
    different: Mutex<HashSet<String>>,
}

impl Asked {
    fn all(&self) -> bool {
        self.different.lock().unwrap().len() == MEMORIES
    }
}

/// The new model, as a service; each call is told of before it is answered.
fn letters() -> (Service, mpsc::Receiver<()>, Arc<Asked>) {
    let (tell, told) = mpsc::channel();
    let asked_so_far = Arc::new(Asked::default());
    let noted = Arc::clone(&asked_so_far);
    let service = Service::start(&[], move |request| {
        let asked: Value = serde_json::from_slice(&request.body).expect("JSON");
        let input = asked["input"].as_array().expect("texts");
        noted.texts.fetch_add(input.len(), Ordering::Relaxed);
        noted.different.lock().unwrap().extend(input.iter().filter_map(|text| text.as_str().map(str::to_owned)));
        let one = |(index, text): (usize, &Value)| {
            let embedding = Letters::of(text.as_str().expect("a text"), WIDTH);
            json!({"object": "embedding", "index": index, "embedding": embedding.as_slice()})
        };
        let data: Vec<Value> = input.iter().enumerate().map(one).collect();
        // The test may have heard enough.
        let _ = tell.send(());
        let answer = json!({"object": "list", "data": data, "usage": {"prompt_tokens": 1, "total_tokens": 1}});
        ("application/json", vec![Bytes::from(answer.to_string())])
    });
    (service, told, asked_so_far)
}

struct Reembed<'a> {
    data: &'a Path,
    service: &'a str,
    qdrant: Option<&'a str>,
}

impl Reembed<'_> {
    fn start(&self) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rose"));
        command.args(["memories", "reembed", "--data-dir"]).arg(self.data);
        command.env("ROSE__EMBEDDINGS__BACKENDS", "openai").env("ROSE__EMBEDDINGS__OPENAI__BASE_URL", self.service);
        command.env("ROSE__EMBEDDINGS__OPENAI__MODEL", Letters::MODEL);
        command.env("ROSE__EMBEDDINGS__OPENAI__DIMENSION", WIDTH.to_string());
        if let Some(url) = self.qdrant {
            command.env("ROSE__MEMORY__BACKEND", "qdrant").env("QDRANT_URL", url).env("QDRANT_API_KEY", KEY);
        }
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts")
    }
}

async fn fill(store: &dyn MemoryStore, user: UserId) {
    let texts: Vec<String> = (0..MEMORIES).map(text).collect();
    let embedded = FakeEmbedder.embed(texts.clone()).await.unwrap().embeddings;
    stream::iter(texts.into_iter().zip(embedded))
        .map(|(text, embedding)| store.insert_memory(new(user, text, embedding)))
        .buffer_unordered(64)
        .try_collect::<Vec<_>>()
        .await
        .unwrap();
}

/// Kills the command ten times at moments between its batches and within them, and then lets it end.
fn kill_and_finish(reembed: &Reembed<'_>, told: &mpsc::Receiver<()>, asked: &Asked, seed: u64) -> Output {
    let mut chance = StdRng::seed_from_u64(seed);
    let mut killed = 0;
    for kill in 0..KILLS {
        let mut child = reembed.start();
        // The last three fall behind the last batch, around the switch.
        let calls = if kill < KILLS - 3 { chance.random_range(1..5) } else { usize::MAX };
        for _ in 0..calls {
            if asked.all() {
                break;
            }
            told.recv_timeout(PATIENCE).expect("it asks for more");
        }
        let within = if kill < KILLS - 3 { 8_000 } else { 60_000 };
        std::thread::sleep(Duration::from_micros(chance.random_range(0..within)));
        child.kill().expect("it is ours");
        killed += usize::from(!child.wait().expect("it was started").success());
        while told.try_recv().is_ok() {}
    }
    assert!(killed >= KILLS - 3, "only {killed} were killed before their end");
    reembed.start().wait_with_output().expect("it ends")
}

async fn survives(qdrant: Option<Qdrant>, seed: u64) {
    let dir = tempfile::tempdir().unwrap();
    let config = DataConfig { dir: dir.path().join("data") };
    let user = UserId::generate();
    let store = SqliteStore::open(&config).unwrap();
    match &qdrant {
        None => {
            store.bind_embedding_model("hashed-words", 384).await.unwrap();
            fill(&store, user).await;
        }
        Some(qdrant) => fill(&QdrantMemories::new(&qdrant.api(), "hashed-words", 384).unwrap(), user).await,
    }
    drop(store);
    let (service, told, asked) = letters();
    let (data, url, heard) = (config.dir.clone(), service.url.clone(), Arc::clone(&asked));
    let qdrant_url = qdrant.as_ref().map(|qdrant| qdrant.url.clone());
    let finish = move || {
        let reembed = Reembed { data: &data, service: &url, qdrant: qdrant_url.as_deref() };
        kill_and_finish(&reembed, &told, &heard, seed)
    };
    let output = tokio::task::spawn_blocking(finish).await.unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");

    let embedded = asked.texts.load(Ordering::Relaxed);
    println!("{embedded} texts were embedded for {MEMORIES} memories; at the end: {said}");
    assert!(embedded <= MEMORIES + KILLS * BATCH, "{embedded} were embedded: what was done is done again");
    let store: Box<dyn MemoryStore> = match &qdrant {
        None => {
            let store = SqliteStore::open(&config).unwrap();
            store.bind_embedding_model(Letters::MODEL, WIDTH).await.unwrap();
            Box::new(store)
        }
        Some(qdrant) => Box::new(QdrantMemories::new(&qdrant.api(), Letters::MODEL, WIDTH).unwrap()),
    };
    let mut expected: Vec<String> = (0..MEMORIES).map(text).collect();
    expected.sort_unstable();
    assert!(all_texts(store.as_ref(), user).await == expected, "a memory is lost or there twice");
    recalls_as_afresh(store.as_ref(), user, WIDTH).await;
    if let Some(qdrant) = &qdrant {
        assert_eq!(qdrant.collections().len(), 1, "the old place is gone");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_lose_and_double_nothing_in_sqlite() {
    survives(None, 23).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_lose_and_double_nothing_in_qdrant() {
    survives(Some(Qdrant::start()), 24).await;
}

/// The binary itself at a start with another model than the memories'.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_with_another_model_is_refused_or_has_it_take_over() {
    let dir = tempfile::tempdir().unwrap();
    let config = DataConfig { dir: dir.path().join("data") };
    let user = UserId::generate();
    let store = SqliteStore::open(&config).unwrap();
    store.bind_embedding_model(Letters::MODEL, WIDTH).await.unwrap();
    for number in 0..40 {
        let text = text(number);
        let embedding = Letters::of(&text, WIDTH);
        store.insert_memory(new(user, text, embedding)).await.unwrap();
    }
    drop(store);
    let refused = ServeProcess::try_start(&config.dir, Engines::Fake, &[]).err().expect("it does not start");
    for said in [Letters::MODEL, "hashed-words", "rose memories reembed", "reembed_at_start"] {
        assert!(refused.contains(said), "{said}: {refused}");
    }
    let mut rose = ServeProcess::start(&config.dir, Engines::Fake, &[("ROSE__MEMORY__REEMBED_AT_START", "true")]);
    rose.terminate();
    assert!(rose.wait().success());
    assert!(!rose.log().contains("lighthouse"), "no memory reaches the log");
    let store = SqliteStore::open(&config).unwrap();
    store.bind_embedding_model("hashed-words", 384).await.expect("they are the new model's");
    assert_eq!(all_texts(&store, user).await.len(), 40);
    let question = FakeEmbedder.embed(vec![text(17)]).await.unwrap().embeddings.remove(0);
    assert_eq!(store.nearest_memories(user, &question, 1).await.unwrap()[0].memory.text, text(17));
}
