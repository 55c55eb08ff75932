//! The jobs, by a clock that the test holds.

use std::sync::Arc;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use rose::domain::ids::{SessionId, UserId};
use rose::jobs::{Housekeeping, Jobs};
use rose::store::{BlobStore, FileBlobs, JobRunStore, NewBlob, SessionStore, SqliteStore, StoreError};

use super::{Fixture, fixture};

fn housekeeping(fixture: &Fixture) -> Housekeeping {
    Housekeeping {
        data: fixture.config.clone(),
        sessions: Arc::new(fixture.store.clone()),
        blobs: Arc::new(FileBlobs::new(&fixture.store)),
        runs: Arc::new(fixture.store.clone()),
    }
}

fn backups(fixture: &Fixture) -> usize {
    std::fs::read_dir(fixture.config.backups()).map_or(0, Iterator::count)
}

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

#[tokio::test]
async fn each_job_runs_when_it_is_due_and_not_before() {
    let fixture = fixture();
    let jobs = housekeeping(&fixture);
    // On a whole second, which the store keeps exactly.
    let start = Timestamp::from_second(Timestamp::now().as_second()).unwrap();
    jobs.run_due(start).await;
    assert_eq!(backups(&fixture), 1, "missed since ever, so at once");
    let cleaned = async || fixture.store.last_run("delete_old_blobs").await.unwrap().unwrap();
    assert_eq!(cleaned().await, start);
    jobs.run_due(start + SignedDuration::from_mins(59)).await;
    assert_eq!(cleaned().await, start, "not due");
    let due = start + SignedDuration::from_mins(60);
    jobs.run_due(due).await;
    assert_eq!(cleaned().await, due);
    jobs.run_due(start + hours(23)).await;
    assert_eq!(backups(&fixture), 1);
    jobs.run_due(start + hours(25)).await;
    assert_eq!(backups(&fixture), 2);
    // The clock was a year ahead once.
    fixture.store.record_run("back_up", start + hours(365 * 24)).await.unwrap();
    jobs.run_due(start + hours(50)).await;
    assert_eq!(backups(&fixture), 3);
}

#[tokio::test]
async fn what_is_old_goes_and_what_is_not_stays() {
    let fixture = fixture();
    let jobs = housekeeping(&fixture);
    let blobs = FileBlobs::new(&fixture.store);
    let owner = UserId::generate();
    let session: SessionId = fixture.store.create_session(owner).await.unwrap().id;
    let blob = |media_type: &str| NewBlob {
        user_id: owner,
        session_id: Some(session),
        media_type: media_type.into(),
        bytes: Bytes::from_static(b"bytes"),
    };
    let spoken = blobs.put_blob(blob("audio/wav")).await.unwrap();
    let shown = blobs.put_blob(blob("image/png")).await.unwrap();
    let start = Timestamp::now();

    jobs.run_due(start + hours(1)).await;
    assert!(blobs.blob(owner, spoken).await.is_ok());
    jobs.run_due(start + hours(26)).await;
    assert!(matches!(blobs.blob(owner, spoken).await, Err(StoreError::NotFound(_))), "a day old");
    assert!(blobs.blob(owner, shown).await.is_ok(), "a picture is part of the conversation");
    jobs.run_due(start + hours(6 * 24)).await;
    assert!(fixture.store.session(owner, session).await.is_ok());
    jobs.run_due(start + hours(8 * 24)).await;
    assert!(matches!(fixture.store.session(owner, session).await, Err(StoreError::NotFound(_))), "idle for a week");
    assert!(matches!(blobs.blob(owner, shown).await, Err(StoreError::NotFound(_))), "with its session");
}

#[tokio::test]
async fn one_job_that_fails_keeps_no_other_from_running_and_is_tried_again() {
    let fixture = fixture();
    let jobs = housekeeping(&fixture);
    // A file stands where the backups' folder should be.
    std::fs::write(fixture.config.backups(), "in the way").unwrap();
    let start = Timestamp::now();
    jobs.run_due(start).await;
    assert_eq!(fixture.store.last_run("back_up").await.unwrap(), None);
    assert!(fixture.store.last_run("delete_idle_sessions").await.unwrap().is_some());
    std::fs::remove_file(fixture.config.backups()).unwrap();
    jobs.run_due(start + SignedDuration::from_mins(5)).await;
    assert_eq!(backups(&fixture), 1);
}

#[tokio::test]
async fn stops_when_told_and_lets_go_of_the_folder() {
    let fixture = fixture();
    let config = rose::config::Config::defaults(&rose::config::Overrides::default()).unwrap();
    let models = std::sync::Arc::new(rose::providers::watch::ModelWatch::new(&config));
    let jobs = Jobs::start(housekeeping(&fixture), models);
    jobs.stop().await;
    drop(fixture.store);
    SqliteStore::open(&fixture.config).unwrap();
}
