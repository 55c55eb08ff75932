//! When each job last finished.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::params;

use super::rows::timestamp_in;
use super::{Durability, SqliteStore};
use crate::store::{JobRunStore, StoreError};

#[async_trait]
impl JobRunStore for SqliteStore {
    async fn last_run(&self, job: &str) -> Result<Option<Timestamp>, StoreError> {
        let job = job.to_owned();
        self.database()
            .read(move |connection| {
                connection
                    .prepare_cached("SELECT finished_at FROM job_runs WHERE job = ?1")?
                    .query_and_then([job], |row| timestamp_in(row, "finished_at"))?
                    .next()
                    .transpose()
            })
            .await
    }

    async fn record_run(&self, job: &str, at: Timestamp) -> Result<(), StoreError> {
        let job = job.to_owned();
        self.database()
            .write(Durability::ProcessDeath, move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO job_runs (job, finished_at) VALUES (?1, ?2)
                         ON CONFLICT (job) DO UPDATE SET finished_at = excluded.finished_at",
                    )?
                    .execute(params![job, at.as_microsecond()])?;
                Ok(())
            })
            .await
    }
}
