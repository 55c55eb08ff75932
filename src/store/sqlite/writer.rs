//! The thread that owns the one connection that writes.
//!
//! What has queued up while it was busy is committed together, each job in its own savepoint: under load many turns
//! share one forced write, and alone nobody waits for company.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::store::StoreError;

/// Past this many waiting jobs, callers wait for a place.
const QUEUE: usize = 1024;

/// Jobs in one transaction, at most.
const BATCH: usize = 64;

/// What an acknowledged write outlives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::store) enum Durability {
    /// The end of the process, in whatever way. A power cut may take it.
    ProcessDeath,
    /// A power cut too, with everything written before it.
    PowerLoss,
}

pub(super) struct Writer {
    /// `None` only while dropping.
    queue: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> Result<Self, StoreError> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || write_all(&connection, jobs))
            .map_err(|error| StoreError::Failed(format!("cannot start a thread: {error}")))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        durability: Durability,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job = WriteJob { durability, work: Some(work), outcome: None, answer };
        let queue = self.queue.as_ref().expect("the queue is there until drop");
        queue.send(Box::new(job)).await.map_err(|_| StoreError::Failed("the writer has ended".into()))?;
        answered.await.map_err(|_| StoreError::Failed("the writer has ended".into()))?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // Jobs that panic are caught one by one; the thread itself has nothing to tell.
            let _ = thread.join();
        }
    }
}

trait Job: Send {
    fn durability(&self) -> Durability;
    /// Returns whether to keep what it wrote.
    fn run(&mut self, connection: &Connection) -> bool;
    /// `failure` is why nothing of the batch was kept, where that is so.
    fn answer(self: Box<Self>, failure: Option<&str>);
}

struct WriteJob<T, F> {
    durability: Durability,
    work: Option<F>,
    outcome: Option<Result<T, StoreError>>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for WriteJob<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, StoreError> + Send,
{
    fn durability(&self) -> Durability {
        self.durability
    }

    fn run(&mut self, connection: &Connection) -> bool {
        let work = self.work.take().expect("a job runs once");
        let outcome = catch_unwind(AssertUnwindSafe(|| work(connection)))
            .unwrap_or_else(|_| Err(StoreError::Failed("a write panicked".into())));
        self.outcome.insert(outcome).is_ok()
    }

    fn answer(self: Box<Self>, failure: Option<&str>) {
        let outcome = match (self.outcome, failure) {
            (Some(Err(own)), _) => Err(own),
            (Some(Ok(value)), None) => Ok(value),
            (_, failure) => Err(StoreError::Failed(failure.unwrap_or("the write never ran").to_owned())),
        };
        // The caller may have gone: what was written stays.
        let _ = self.answer.send(outcome);
    }
}

fn write_all(connection: &Connection, mut jobs: mpsc::Receiver<Box<dyn Job>>) {
    let mut forced = None;
    let mut batch = Vec::new();
    while jobs.blocking_recv_many(&mut batch, BATCH) > 0 {
        let durability =
            batch.iter().map(|job| job.durability()).max().expect("a batch has at least the job that started it");
        let result = set_durability(connection, durability, &mut forced).and_then(|()| commit(connection, &mut batch));
        let failure = result.err().map(|error| error.to_string());
        if let Some(failure) = &failure {
            tracing::error!(store.jobs = batch.len(), error = %failure, "a transaction failed");
        }
        for job in batch.drain(..) {
            job.answer(failure.as_deref());
        }
    }
}

fn set_durability(
    connection: &Connection,
    durability: Durability,
    forced: &mut Option<Durability>,
) -> Result<(), StoreError> {
    if *forced != Some(durability) {
        let level = match durability {
            Durability::ProcessDeath => "NORMAL",
            Durability::PowerLoss => "FULL",
        };
        connection.pragma_update(None, "synchronous", level)?;
        *forced = Some(durability);
    }
    Ok(())
}

fn commit(connection: &Connection, batch: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let result = run_batch(connection, batch)
        .and_then(|()| connection.prepare_cached("COMMIT")?.execute([]).map(drop).map_err(StoreError::from));
    if result.is_err() && !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?;
    }
    result
}

fn run_batch(connection: &Connection, batch: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
    for job in batch {
        connection.prepare_cached("SAVEPOINT job")?.execute([])?;
        let keep = job.run(connection);
        if connection.is_autocommit() {
            // A full disk and its like undo the whole transaction, whatever the job made of the error.
            return Err(StoreError::Failed("the transaction was rolled back by SQLite".into()));
        }
        if !keep {
            connection.prepare_cached("ROLLBACK TO job")?.execute([])?;
        }
        connection.prepare_cached("RELEASE job")?.execute([])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer() -> (tempfile::TempDir, std::path::PathBuf, Writer) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("test.db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE numbers (number INTEGER NOT NULL)").unwrap();
        let writer = Writer::start(connection).unwrap();
        (dir, path, writer)
    }

    fn insert(number: i64) -> impl FnOnce(&Connection) -> Result<i64, StoreError> + Send {
        move |connection| {
            connection.execute("INSERT INTO numbers VALUES (?1)", [number])?;
            Ok(number)
        }
    }

    fn numbers(path: &std::path::Path) -> Vec<i64> {
        let connection = Connection::open(path).unwrap();
        let mut statement = connection.prepare("SELECT number FROM numbers ORDER BY number").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[tokio::test]
    async fn a_failing_or_panicking_job_undoes_only_itself() {
        let (_dir, path, writer) = writer();
        let (release, wait) = std::sync::mpsc::channel::<()>();
        // Holds the thread, so that the others stand in one batch behind it.
        let first = writer.run(Durability::ProcessDeath, move |connection| {
            wait.recv().unwrap();
            insert(1)(connection)
        });
        let failing = writer.run(Durability::PowerLoss, |connection| {
            insert(2)(connection)?;
            Err::<(), _>(StoreError::NotFound("number"))
        });
        let panicking = writer.run(Durability::ProcessDeath, |connection| -> Result<(), StoreError> {
            insert(3)(connection)?;
            panic!("on purpose");
        });
        let last = writer.run(Durability::ProcessDeath, insert(4));
        let released = async { release.send(()).unwrap() };
        let (first, failing, panicking, last, ()) = tokio::join!(first, failing, panicking, last, released);
        assert_eq!(first.unwrap(), 1);
        assert!(matches!(failing, Err(StoreError::NotFound("number"))));
        assert!(matches!(panicking, Err(StoreError::Failed(_))));
        assert_eq!(last.unwrap(), 4);
        assert_eq!(numbers(&path), [1, 4]);
    }

    #[tokio::test]
    async fn a_transaction_that_ends_early_fails_the_whole_batch() {
        let (_dir, path, writer) = writer();
        let result = writer
            .run(Durability::PowerLoss, |connection| {
                insert(1)(connection)?;
                // Stands for SQLite's own rollback when the disk is full.
                connection.execute_batch("ROLLBACK")?;
                Ok(())
            })
            .await;
        assert!(matches!(result, Err(StoreError::Failed(_))), "{result:?}");
        assert_eq!(writer.run(Durability::PowerLoss, insert(2)).await.unwrap(), 2);
        assert_eq!(numbers(&path), [2]);
    }

    #[tokio::test]
    async fn what_is_queued_is_written_before_the_writer_goes() {
        let (_dir, path, writer) = writer();
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let mut jobs: Vec<std::pin::Pin<Box<dyn Future<Output = _> + '_>>> = Vec::new();
        jobs.push(Box::pin(writer.run(Durability::ProcessDeath, move |connection| {
            wait.recv().unwrap();
            insert(0)(connection)
        })));
        for number in 1..20 {
            jobs.push(Box::pin(writer.run(Durability::ProcessDeath, insert(number))));
        }
        // Each is polled once, which queues it; nobody waits for the answers.
        for job in &mut jobs {
            assert!(futures::poll!(job).is_pending());
        }
        drop(jobs);
        release.send(()).unwrap();
        drop(writer);
        assert_eq!(numbers(&path), (0..20).collect::<Vec<_>>());
    }
}
