//! `kill -9` loses nothing that was acknowledged: this binary is started again as a writer, and killed at moments that
//! its own output chooses.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rose::config::DataConfig;
use rose::domain::embedding::Embedding;
use rose::domain::ids::{BlobId, CheckpointId, MemoryId, SessionId, UserId};
use rose::domain::memory::MemoryType;
use rose::store::{
    BlobStore, CheckpointStore, FileBlobs, MemoryStore, NewBlob, NewCheckpoint, NewMemory, SessionStore, SqliteStore,
};
use serde_json::json;

/// Names the writer's data folder; without it the writer's test has nothing to do.
const FOLDER: &str = "ROSE_TEST_CRASH_FOLDER";
const WRITER: &str = "store::crash::writes_until_killed";
const KILLS: usize = 12;

/// What the writer says on a line, once it is acknowledged: `saved KIND USER ID`.
struct Saved {
    kind: String,
    user: UserId,
    id: String,
}

impl Saved {
    fn read(line: &str) -> Option<Self> {
        // The test runner's own words may stand before it on the line.
        let (_, rest) = line.split_once("saved ")?;
        // A line that the kill cut short acknowledges nothing.
        let [kind, user, id, "."] = rest.split(' ').collect::<Vec<_>>()[..] else { return None };
        Some(Self { kind: kind.into(), user: user.parse().ok()?, id: id.into() })
    }
}

/// Not a test of its own: what [`nothing_acknowledged_is_lost`] starts and kills.
#[tokio::test]
async fn writes_until_killed() {
    let Some(dir) = std::env::var_os(FOLDER) else { return };
    let store = SqliteStore::open(&DataConfig { dir: PathBuf::from(dir) }).unwrap();
    let blobs = FileBlobs::new(&store);
    let user = UserId::generate();
    let say = |kind: &str, id: String| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "saved {kind} {user} {id} .").unwrap();
        out.flush().unwrap();
    };
    let session = store.create_session(user).await.unwrap().id;
    say("session", session.to_string());
    for number in 0_usize.. {
        let checkpoint_id = CheckpointId::generate();
        let checkpoint = NewCheckpoint {
            thread_id: session,
            checkpoint_id,
            parent_checkpoint_id: None,
            // Some a few pages long, so that a kill may fall between the pages of one.
            checkpoint: json!({"number": number, "text": "word ".repeat(number % 7 * 1000)}),
            metadata: json!({"finished": number % 7 == 6}),
        };
        store.save_checkpoint(checkpoint).await.unwrap();
        say("checkpoint", format!("{session}/{checkpoint_id}"));
        match number % 7 {
            2 => {
                let bytes = Bytes::from(vec![0x5a; 20_000]);
                let media_type = "audio/wav".into();
                let blob = NewBlob { user_id: user, session_id: Some(session), media_type, bytes };
                say("blob", blobs.put_blob(blob).await.unwrap().to_string());
            }
            4 => {
                let mut values = vec![0.0; 384];
                values[number % 384] = 1.0;
                let memory = NewMemory {
                    user_id: user,
                    session_id: Some(session),
                    text: format!("Memory {number}."),
                    memory_type: MemoryType::Fact,
                    embedding: Embedding::normalised(values),
                };
                say("memory", store.insert_memory(memory).await.unwrap().id.to_string());
            }
            // The log is folded into the file now and then, so that a kill may fall into that too.
            6 => assert!(store.prune_checkpoints(session, 100).await.unwrap() < 8),
            _ => {}
        }
    }
}

/// Starts the writer, kills it once it has said `lines` lines, and returns all that it said.
fn write_and_kill(dir: &Path, lines: usize) -> Vec<Saved> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([WRITER, "--exact", "--nocapture", "--test-threads=1"])
        .env(FOLDER, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut saved = Vec::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while output.read_line(&mut line).unwrap() > 0 {
        if let Some(said) = Saved::read(line.trim_end_matches('\n')) {
            saved.push(said);
            if saved.len() == lines {
                // It goes on writing until the signal arrives: what it says meanwhile counts too.
                child.kill().unwrap();
            }
        }
        line.clear();
    }
    assert!(!child.wait().unwrap().success(), "the writer was killed, it didn't end");
    assert!(saved.len() >= lines, "the writer failed before it was killed, after {} lines", saved.len());
    saved
}

async fn check(store: &SqliteStore, saved: &[Saved]) {
    let blobs = FileBlobs::new(store);
    for Saved { kind, user, id } in saved {
        match kind.as_str() {
            "session" => assert!(store.session(*user, id.parse().unwrap()).await.is_ok(), "a session is lost"),
            "blob" => {
                let blob = blobs.blob(*user, id.parse::<BlobId>().unwrap()).await.unwrap();
                assert_eq!(blob.bytes.len(), 20_000);
            }
            "memory" => {
                let memory = store.memory(*user, id.parse::<MemoryId>().unwrap()).await.unwrap();
                let number: usize = memory.text["Memory ".len()..memory.text.len() - 1].parse().unwrap();
                let mut values = vec![0.0; 384];
                values[number % 384] = 1.0;
                let near = store.nearest_memories(*user, &Embedding::normalised(values), 100).await.unwrap();
                assert!(near.iter().any(|found| found.memory == memory), "a memory's vector is lost");
            }
            "checkpoint" => {}
            other => panic!("the writer said {other}"),
        }
    }
    // Older ones are pruned on purpose; the last that was acknowledged must be among the newest.
    let last = saved.iter().rev().find(|saved| saved.kind == "checkpoint").expect("it saved checkpoints");
    let (session, checkpoint) = last.id.split_once('/').unwrap();
    let newest = store.checkpoints(session.parse::<SessionId>().unwrap(), 1000).await.unwrap();
    let place = newest.iter().position(|found| found.checkpoint_id.to_string() == checkpoint);
    // One more may have been written without having been told of.
    assert!(place.is_some_and(|place| place <= 1), "the last acknowledged checkpoint is at {place:?}");
    let numbers: Vec<_> = newest.iter().map(|found| found.checkpoint["number"].as_u64().unwrap()).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] == pair[1] + 1), "a checkpoint is missing between two others");
}

#[tokio::test]
async fn nothing_acknowledged_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let config = DataConfig { dir: dir.path().join("data") };
    let mut generator = StdRng::seed_from_u64(11);
    let mut all = Vec::new();
    for kill in 0..KILLS {
        // Late enough in some rounds for the log to have been folded into the file.
        let lines = if kill % 3 == 2 { generator.random_range(300..600) } else { generator.random_range(2..60) };
        let saved = write_and_kill(&config.dir, lines);
        let raw = rusqlite::Connection::open(config.database()).unwrap();
        let verdict: String = raw.pragma_query_value(None, "integrity_check", |row| row.get(0)).unwrap();
        assert_eq!(verdict, "ok", "after kill {kill}");
        drop(raw);
        let store = SqliteStore::open(&config).unwrap();
        check(&store, &saved).await;
        all.push(saved);
    }
    let store = SqliteStore::open(&config).unwrap();
    for saved in &all {
        check(&store, saved).await;
    }
}
