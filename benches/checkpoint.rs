//! Saving a conversation's state after a node: 30 messages and a summary. In the middle of a turn, and at its end,
//! where the write is forced to the disk.

mod budget;

use criterion::{Criterion, criterion_group, criterion_main};
use rose::config::DataConfig;
use rose::domain::ids::{CheckpointId, SessionId, TurnId, UserId};
use rose::domain::message::{Message, Role};
use rose::store::{CheckpointStore, NewCheckpoint, SessionStore, SqliteStore};
use serde_json::json;

const MESSAGES: usize = 30;

fn state() -> serde_json::Value {
    let messages: Vec<_> = (0..MESSAGES)
        .map(|number| Message {
            turn_id: TurnId::generate(),
            role: if number % 2 == 0 { Role::User } else { Role::Assistant },
            text: "I have slept badly since my sister moved away, and the evenings are the worst of it. ".repeat(2),
            images: Vec::new(),
            interrupted: false,
            timestamp: jiff::Timestamp::now(),
        })
        .collect();
    json!({
        "version": 1,
        "messages": messages,
        "summary": "The person's sister moved away in spring. Evenings are hard; walks by the sea help. ".repeat(4),
    })
}

fn new(thread_id: SessionId, state: &serde_json::Value, finished: bool) -> NewCheckpoint {
    NewCheckpoint {
        thread_id,
        checkpoint_id: CheckpointId::generate(),
        parent_checkpoint_id: None,
        checkpoint: state.clone(),
        metadata: json!({"turn_id": TurnId::generate(), "node": "respond", "finished": finished}),
    }
}

fn checkpoint(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let dir = tempfile::tempdir().expect("a temporary folder");
    let store = SqliteStore::open(&DataConfig { dir: dir.path().to_owned() }).expect("a fresh store");
    let session = runtime.block_on(store.create_session(UserId::generate())).expect("a session").id;
    let state = state();
    for (name, finished) in [("save a checkpoint", false), ("save a turn's last checkpoint", true)] {
        let run =
            || runtime.block_on(store.save_checkpoint(new(session, &state, finished))).expect("a saved checkpoint");
        budget::print_share(name, run);
        criterion.bench_function(name, |bencher| bencher.iter(run));
        runtime.block_on(store.prune_checkpoints(session, 1)).expect("a pruned thread");
    }
}

criterion_group!(benches, checkpoint);
criterion_main!(benches);
