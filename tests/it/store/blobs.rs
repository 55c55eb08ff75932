//! Recordings and pictures: each its owner's, gone at its age, no file left behind.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use rose::domain::ids::{BlobId, SessionId, UserId};
use rose::store::{BlobScope, BlobStore, FileBlobs, NewBlob, SessionStore, SqliteStore, StoreError};

use super::{Fixture, fixture, names_in};

fn recording(user: UserId, session: Option<SessionId>, bytes: &'static [u8]) -> NewBlob {
    NewBlob { user_id: user, session_id: session, media_type: "audio/wav".into(), bytes: Bytes::from_static(bytes) }
}

fn picture(user: UserId, session: Option<SessionId>) -> NewBlob {
    NewBlob { media_type: "image/png".into(), ..recording(user, session, b"\x89PNG") }
}

fn files(fixture: &Fixture) -> Vec<String> {
    names_in(&fixture.config.blobs())
}

#[tokio::test]
async fn comes_back_as_it_was_to_its_owner_alone() {
    let fixture = fixture();
    let blobs = FileBlobs::new(&fixture.store);
    let (owner, other) = (UserId::generate(), UserId::generate());
    let id = blobs.put_blob(recording(owner, None, b"RIFF\0\xff")).await.unwrap();
    let blob = blobs.blob(owner, id).await.unwrap();
    assert_eq!((blob.id, blob.media_type.as_str(), blob.bytes.as_ref()), (id, "audio/wav", &b"RIFF\0\xff"[..]));
    assert!(matches!(blobs.blob(other, id).await, Err(StoreError::NotFound(_))));
    assert!(matches!(blobs.blob(owner, BlobId::generate()).await, Err(StoreError::NotFound(_))));
    assert_eq!(files(&fixture), [id.to_string()]);
}

#[tokio::test]
async fn belongs_to_a_session_of_its_owner_or_to_none() {
    let fixture = fixture();
    let blobs = FileBlobs::new(&fixture.store);
    let (owner, other) = (UserId::generate(), UserId::generate());
    let session = fixture.store.create_session(owner).await.unwrap().id;
    let refused = blobs.put_blob(recording(other, Some(session), b"RIFF")).await;
    assert!(matches!(refused, Err(StoreError::NotFound("session"))));
    assert!(!fixture.config.blobs().exists(), "nothing was written");
    blobs.put_blob(recording(owner, Some(session), b"RIFF")).await.unwrap();
}

#[tokio::test]
async fn recordings_go_at_their_age_and_pictures_with_their_session() {
    let fixture = fixture();
    let blobs = FileBlobs::new(&fixture.store);
    let owner = UserId::generate();
    let session = fixture.store.create_session(owner).await.unwrap().id;
    let spoken = blobs.put_blob(recording(owner, Some(session), b"RIFF")).await.unwrap();
    let shown = blobs.put_blob(picture(owner, Some(session))).await.unwrap();
    let loose = blobs.put_blob(picture(owner, None)).await.unwrap();
    let (past, future) =
        (Timestamp::now() - SignedDuration::from_hours(1), Timestamp::now() + SignedDuration::from_hours(1));

    assert_eq!(blobs.delete_old_blobs(BlobScope::Audio, past).await.unwrap(), 0, "too young");
    assert_eq!(blobs.delete_old_blobs(BlobScope::Audio, future).await.unwrap(), 1);
    assert!(matches!(blobs.blob(owner, spoken).await, Err(StoreError::NotFound(_))));
    assert!(blobs.blob(owner, loose).await.is_ok());
    assert_eq!(blobs.delete_old_blobs(BlobScope::Unattached, future).await.unwrap(), 1);
    assert!(matches!(blobs.blob(owner, loose).await, Err(StoreError::NotFound(_))));
    assert!(blobs.blob(owner, shown).await.is_ok());
    assert_eq!(files(&fixture), [shown.to_string()]);
}

#[tokio::test]
async fn a_removal_that_a_crash_cut_short_is_made_up_for() {
    let fixture = fixture();
    let blobs = FileBlobs::new(&fixture.store);
    let owner = UserId::generate();
    let session = fixture.store.create_session(owner).await.unwrap().id;
    let id = blobs.put_blob(recording(owner, Some(session), b"RIFF")).await.unwrap();
    drop(blobs);
    drop(fixture.store);
    // The row goes without the file, as when the process ends between the two.
    let raw = rusqlite::Connection::open(fixture.config.database()).unwrap();
    raw.execute("DELETE FROM blobs", []).unwrap();
    drop(raw);
    let path = fixture.config.blobs().join(id.to_string());
    assert!(path.exists());
    drop(SqliteStore::open(&fixture.config).unwrap());
    assert!(!path.exists());
}

#[tokio::test]
async fn files_that_nobody_owns_go_and_others_in_the_folder_stay() {
    let fixture = fixture();
    let blobs = FileBlobs::new(&fixture.store);
    let owner = UserId::generate();
    let session = fixture.store.create_session(owner).await.unwrap().id;
    let owned = blobs.put_blob(picture(owner, Some(session))).await.unwrap().to_string();
    let unknown = BlobId::generate().to_string();
    let unfinished = format!("{}.part", BlobId::generate());
    for name in [unknown.as_str(), unfinished.as_str(), "README"] {
        std::fs::write(fixture.config.blobs().join(name), "?").unwrap();
    }
    let (past, future) =
        (Timestamp::now() - SignedDuration::from_hours(1), Timestamp::now() + SignedDuration::from_hours(1));
    assert_eq!(blobs.delete_old_blobs(BlobScope::Unattached, past).await.unwrap(), 0, "too young");
    assert_eq!(blobs.delete_old_blobs(BlobScope::Unattached, future).await.unwrap(), 2);
    let mut expected = vec!["README".to_owned(), owned];
    expected.sort();
    assert_eq!(files(&fixture), expected);
}

#[tokio::test]
async fn a_file_cut_short_is_damage() {
    let fixture = fixture();
    let blobs = FileBlobs::new(&fixture.store);
    let owner = UserId::generate();
    let id = blobs.put_blob(recording(owner, None, b"RIFF")).await.unwrap();
    std::fs::write(fixture.config.blobs().join(id.to_string()), b"RI").unwrap();
    assert!(matches!(blobs.blob(owner, id).await, Err(StoreError::Damaged(_))));
}
