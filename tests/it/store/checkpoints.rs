//! A conversation's states, in the order of saving.

use rose::domain::ids::{CheckpointId, SessionId, UserId};
use rose::store::{Checkpoint, CheckpointStore, NewCheckpoint, SessionStore, SqliteStore, StoreError};
use serde_json::json;

use super::fixture;

fn new(thread_id: SessionId, number: usize, finished: bool) -> NewCheckpoint {
    NewCheckpoint {
        thread_id,
        checkpoint_id: CheckpointId::generate(),
        parent_checkpoint_id: None,
        checkpoint: json!({"version": 1, "number": number, "text": "naïve “quotes” \u{0} 😴"}),
        metadata: json!({"node": "respond", "finished": finished}),
    }
}

async fn session(store: &SqliteStore) -> SessionId {
    store.create_session(UserId::generate()).await.expect("a session").id
}

#[tokio::test]
async fn comes_back_as_it_was_saved() {
    let fixture = fixture();
    let thread = session(&fixture.store).await;
    assert_eq!(fixture.store.latest_checkpoint(thread).await.unwrap(), None);
    let first = new(thread, 1, false);
    let second = NewCheckpoint { parent_checkpoint_id: Some(first.checkpoint_id), ..new(thread, 2, true) };
    fixture.store.save_checkpoint(first).await.unwrap();
    fixture.store.save_checkpoint(second.clone()).await.unwrap();
    let expected = Checkpoint {
        thread_id: thread,
        checkpoint_id: second.checkpoint_id,
        parent_checkpoint_id: second.parent_checkpoint_id,
        checkpoint: second.checkpoint,
        metadata: second.metadata,
    };
    assert_eq!(fixture.store.latest_checkpoint(thread).await.unwrap(), Some(expected));
}

#[tokio::test]
async fn the_last_saved_is_the_newest_even_where_the_clock_was_set_back() {
    let fixture = fixture();
    let thread = session(&fixture.store).await;
    let (earlier, later) = (new(thread, 1, true), new(thread, 2, true));
    assert!(earlier.checkpoint_id < later.checkpoint_id);
    for checkpoint in [later, earlier.clone()] {
        fixture.store.save_checkpoint(checkpoint).await.unwrap();
    }
    let newest = fixture.store.latest_checkpoint(thread).await.unwrap().unwrap();
    assert_eq!(newest.checkpoint_id, earlier.checkpoint_id);
}

#[tokio::test]
async fn keeps_the_newest_when_pruned() {
    let fixture = fixture();
    let (thread, other) = (session(&fixture.store).await, session(&fixture.store).await);
    let mut ids = Vec::new();
    for number in 0..6 {
        let checkpoint = new(thread, number, true);
        ids.push(checkpoint.checkpoint_id);
        fixture.store.save_checkpoint(checkpoint).await.unwrap();
        fixture.store.save_checkpoint(new(other, number, true)).await.unwrap();
    }
    ids.reverse();
    let listed = |limit| {
        let store = fixture.store.clone();
        async move {
            let found = store.checkpoints(thread, limit).await.unwrap();
            found.into_iter().map(|checkpoint| checkpoint.checkpoint_id).collect::<Vec<_>>()
        }
    };
    assert_eq!(listed(100).await, ids);
    assert_eq!(listed(2).await, ids[..2]);
    assert_eq!(fixture.store.prune_checkpoints(thread, 2).await.unwrap(), 4);
    assert_eq!(fixture.store.prune_checkpoints(thread, 2).await.unwrap(), 0);
    assert_eq!(listed(100).await, ids[..2]);
    assert_eq!(fixture.store.checkpoints(other, 100).await.unwrap().len(), 6, "another thread keeps its own");
}

#[tokio::test]
async fn tells_which_threads_were_cut_off() {
    let fixture = fixture();
    let store = &fixture.store;
    let (cut_off, done, _empty) = (session(store).await, session(store).await, session(store).await);
    store.save_checkpoint(new(cut_off, 1, true)).await.unwrap();
    store.save_checkpoint(new(cut_off, 2, false)).await.unwrap();
    store.save_checkpoint(new(done, 1, false)).await.unwrap();
    store.save_checkpoint(new(done, 2, true)).await.unwrap();
    assert_eq!(store.unfinished_threads().await.unwrap(), [cut_off]);
    store.save_checkpoint(new(cut_off, 3, true)).await.unwrap();
    assert_eq!(store.unfinished_threads().await.unwrap(), []);
}

#[tokio::test]
async fn needs_a_session() {
    let fixture = fixture();
    let error = fixture.store.save_checkpoint(new(SessionId::generate(), 1, true)).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound("session")), "{error}");
}

#[tokio::test]
async fn many_at_once_are_all_there() {
    let fixture = fixture();
    let mut threads = Vec::new();
    for _ in 0..20 {
        threads.push(session(&fixture.store).await);
    }
    let saves = threads.iter().flat_map(|thread| (0..20).map(move |number| new(*thread, number, number % 5 == 4)));
    let results = futures::future::join_all(saves.map(|new| fixture.store.save_checkpoint(new))).await;
    assert!(results.iter().all(Result::is_ok));
    for thread in threads {
        assert_eq!(fixture.store.checkpoints(thread, 100).await.unwrap().len(), 20);
    }
}
