//! One thread owns an engine: synchronous inside, a bounded queue outside.
//!
//! A full queue answers "busy" at once. A job whose caller has gone is skipped. The caller's tracing span travels
//! with the job, so that what the engine logs stands under the turn it belongs to.

use std::pin::Pin;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use futures::Stream;
use tokio::sync::{mpsc, oneshot};
use tracing::Span;

use super::ProviderError;
use crate::domain::stage::EngineTiming;

type Task<E> = Box<dyn FnOnce(&mut E) + Send>;

/// A handle to an engine's thread. Dropping the last handle ends the thread after the queued jobs.
pub struct Worker<E> {
    backend: &'static str,
    /// `None` only while dropping.
    queue: Option<SyncSender<Task<E>>>,
    thread: Option<JoinHandle<()>>,
}

impl<E: 'static> Worker<E> {
    /// Starts a thread, makes the engine on it with `load` (which also warms it), and returns once it is ready.
    ///
    /// # Errors
    /// What `load` returns, or `Failed` where the thread can't be started or `load` panics.
    pub fn start(
        backend: &'static str,
        queue_length: usize,
        load: impl FnOnce() -> Result<E, ProviderError> + Send + 'static,
    ) -> Result<Self, ProviderError> {
        let (queue, jobs) = sync_channel::<Task<E>>(queue_length);
        let (ready, loaded) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new()
            .name(format!("engine-{backend}"))
            .spawn(move || match load() {
                Ok(mut engine) => {
                    // The receiver waits below; if it is gone, the first job's send fails too.
                    let _ = ready.send(Ok(()));
                    work(&mut engine, &jobs);
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
            })
            .map_err(|error| ProviderError::Failed { backend, reason: format!("cannot start a thread: {error}") })?;
        match loaded.recv() {
            Ok(Ok(())) => Ok(Self { backend, queue: Some(queue), thread: Some(thread) }),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(ProviderError::Failed { backend, reason: "the engine panicked while loading".into() }),
        }
    }

    /// Runs `job` on the engine's thread and returns what it returns, with how long it waited and worked.
    ///
    /// # Errors
    /// `Busy` when the queue is full; `Failed` when the engine's thread has ended or the job panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut E) -> T + Send + 'static,
    ) -> Result<(T, EngineTiming), ProviderError> {
        let (answer, answered) = oneshot::channel();
        let span = Span::current();
        let submitted = Instant::now();
        let task: Task<E> = Box::new(move |engine| {
            if answer.is_closed() {
                return;
            }
            let _entered = span.entered();
            let started = Instant::now();
            let value = job(engine);
            let timing = EngineTiming { queued: started - submitted, inference: started.elapsed() };
            // The caller may have gone in the meantime: then nobody wants the value.
            let _ = answer.send((value, timing));
        });
        self.submit(task)?;
        answered.await.map_err(|_| ProviderError::Failed {
            backend: self.backend,
            reason: "the job ended without an answer".into(),
        })
    }

    /// Runs `job` on the engine's thread; what it sends through its outlet comes as a stream, and so does the error that
    /// it ends with. The stream holds whatever is sent, so that a slow listener never holds the engine; dropping it
    /// tells the job, at its next send, that nobody listens.
    ///
    /// # Errors
    /// `Busy` when the queue is full; `Failed` when the engine's thread has ended.
    pub fn stream<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut E, &Outlet<T>) -> Result<(), ProviderError> + Send + 'static,
    ) -> Result<JobStream<T>, ProviderError> {
        let (outlet, inlet) = mpsc::unbounded_channel();
        let span = Span::current();
        let submitted = Instant::now();
        let task: Task<E> = Box::new(move |engine| {
            if outlet.is_closed() {
                return;
            }
            let _entered = span.entered();
            let outlet = Outlet { queue: outlet, queued: submitted.elapsed() };
            let end = job(engine, &outlet);
            // Whoever has dropped the stream does not want its end.
            let _ = outlet.queue.send(Sent::End(end));
        });
        self.submit(task)?;
        let backend = self.backend;
        Ok(Box::pin(futures::stream::unfold(Some(inlet), move |inlet| async move {
            let mut inlet = inlet?;
            match inlet.recv().await {
                Some(Sent::Item(item)) => Some((Ok(item), Some(inlet))),
                Some(Sent::End(Ok(()))) => None,
                Some(Sent::End(Err(error))) => Some((Err(error), None)),
                None => {
                    let reason = "the job broke off".into();
                    Some((Err(ProviderError::Failed { backend, reason }), None))
                }
            }
        })))
    }

    fn submit(&self, task: Task<E>) -> Result<(), ProviderError> {
        let queue = self.queue.as_ref().expect("the queue is there until drop");
        queue.try_send(task).map_err(|error| match error {
            TrySendError::Full(_) => ProviderError::Busy { backend: self.backend, retry_after: Duration::from_secs(1) },
            TrySendError::Disconnected(_) => {
                ProviderError::Failed { backend: self.backend, reason: "the engine's thread has ended".into() }
            }
        })
    }
}

/// What a streaming job sends.
pub type JobStream<T> = Pin<Box<dyn Stream<Item = Result<T, ProviderError>> + Send>>;

enum Sent<T> {
    Item(T),
    /// Told apart from a job that panicked, which just falls silent.
    End(Result<(), ProviderError>),
}

/// Where a streaming job sends what it makes.
pub struct Outlet<T> {
    queue: mpsc::UnboundedSender<Sent<T>>,
    /// How long the job waited for the engine.
    pub queued: Duration,
}

impl<T> Outlet<T> {
    /// # Errors
    /// `Cancelled` where nobody listens any more.
    pub fn send(&self, item: T) -> Result<(), ProviderError> {
        self.queue.send(Sent::Item(item)).map_err(|_| ProviderError::Cancelled)
    }

    pub fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }
}

fn work<E>(engine: &mut E, jobs: &Receiver<Task<E>>) {
    while let Ok(job) = jobs.recv() {
        // A job that panics fails alone: its answer channel closes, the engine serves the next one.
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| job(engine))).is_err() {
            tracing::error!("an engine job panicked");
        }
    }
}

impl<E> Drop for Worker<E> {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // A panic was reported when it happened.
            let _ = thread.join();
        }
    }
}
