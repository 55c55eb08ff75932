//! What runs by the clock: old recordings and idle sessions go, the database is backed up, services are asked whether they
//! have their models.
//!
//! When a job last ran is in the store, so that one missed while the machine was off is caught up at the next start.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::config::DataConfig;
use crate::providers::watch::ModelWatch;
use crate::store::{BlobScope, BlobStore, JobRunStore, KEEP_BACKUPS, SessionStore, StoreError, back_up_daily};

/// How often the clock is looked at, and the soonest that a job which failed is tried again.
const TICK: Duration = Duration::from_secs(5 * 60);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// How long a recording or a picture can be listened to or looked at again.
const KEEP_BLOBS: SignedDuration = SignedDuration::from_hours(24);
/// How long a session may rest before it is deleted. Memories stay.
const KEEP_SESSIONS: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What the jobs work on.
#[derive(Clone)]
pub struct Housekeeping {
    pub data: DataConfig,
    pub sessions: Arc<dyn SessionStore>,
    pub blobs: Arc<dyn BlobStore>,
    pub runs: Arc<dyn JobRunStore>,
}

/// Between two looks at the services' models; and where a list could not be had, until the next try.
const LOOK: Duration = Duration::from_secs(24 * 60 * 60);
const LOOK_AGAIN: Duration = Duration::from_secs(60 * 60);

/// The jobs' clock.
pub struct Jobs {
    stop: CancellationToken,
    tasks: [JoinHandle<()>; 2],
}

impl Jobs {
    /// Starts the clock; the first look is at once, also at the models, of which nothing outlives the process.
    pub fn start(housekeeping: Housekeeping, models: Arc<ModelWatch>) -> Self {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let watching = tokio::spawn(async move {
            let look = async {
                loop {
                    let all = models.look(jiff::Zoned::now().date()).await;
                    tokio::time::sleep(if all { LOOK } else { LOOK_AGAIN }).await;
                }
            };
            // Nobody who stops waits for a service.
            let _: Option<()> = stopped.run_until_cancelled(look).await;
        });
        let stopped = stop.clone();
        let keeping = tokio::spawn(async move {
            let mut clock = tokio::time::interval(TICK);
            clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    biased;
                    () = stopped.cancelled() => return,
                    _ = clock.tick() => housekeeping.run_due(Timestamp::now()).await,
                }
            }
        });
        Self { stop, tasks: [keeping, watching] }
    }

    /// Lets the job that runs end, and stops the clock.
    pub async fn stop(self) {
        self.stop.cancel();
        for task in self.tasks {
            if task.await.is_err() {
                tracing::error!("the jobs' clock panicked");
            }
        }
    }
}

impl Housekeeping {
    /// Runs the jobs that are due at `now`. One that fails is logged and tried again at the next look.
    pub async fn run_due(&self, now: Timestamp) {
        for (job, every) in [("delete_old_blobs", HOUR), ("delete_idle_sessions", DAY), ("back_up", DAY)] {
            match self.run_if_due(job, every, now).await {
                Ok(Some(count)) => tracing::info!(job.name = job, job.count = count, "a job ran"),
                Ok(None) => {}
                Err(error) => tracing::error!(job.name = job, error = %error, "a job failed"),
            }
        }
    }

    async fn run_if_due(&self, job: &str, every: SignedDuration, now: Timestamp) -> Result<Option<usize>, StoreError> {
        let last = self.runs.last_run(job).await?;
        // A run in the future was written under a wrong clock, and must not keep the job from running till then.
        if last.is_some_and(|last| (SignedDuration::ZERO..every).contains(&now.duration_since(last))) {
            return Ok(None);
        }
        let count = match job {
            "delete_old_blobs" => {
                let audio = self.blobs.delete_old_blobs(BlobScope::Audio, now - KEEP_BLOBS).await?;
                audio + self.blobs.delete_old_blobs(BlobScope::Unattached, now - KEEP_BLOBS).await?
            }
            "delete_idle_sessions" => self.sessions.delete_idle_sessions(now - KEEP_SESSIONS).await?,
            _ => {
                let data = self.data.clone();
                tokio::task::spawn_blocking(move || back_up_daily(&data, KEEP_BACKUPS))
                    .await
                    .map_err(|error| StoreError::Failed(format!("the backup ended without an answer: {error}")))??;
                1
            }
        };
        self.runs.record_run(job, now).await?;
        Ok(Some(count))
    }
}
