//! Where a turn's events go. Bounded: a slow listener slows its own turn, and one that takes nothing for long, or is
//! gone, ends it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Event;
use crate::domain::stage::StageTiming;

/// Events that wait for the listener: some sentences' worth.
const CAPACITY: usize = 32;
/// A listener that takes nothing for so long is not there any more.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub(super) struct Outbox {
    events: mpsc::Sender<Event>,
    cancel: CancellationToken,
    stages: Arc<Mutex<Vec<StageTiming>>>,
}

impl Outbox {
    /// `cancel` is cancelled when the listener is gone.
    pub(super) fn new(cancel: CancellationToken) -> (Self, mpsc::Receiver<Event>) {
        let (events, received) = mpsc::channel(CAPACITY);
        (Self { events, cancel, stages: Arc::default() }, received)
    }

    /// Whether the event was taken.
    pub(super) async fn send(&self, event: Event) -> bool {
        let sent = self.events.send_timeout(event, PATIENCE).await.is_ok();
        if !sent {
            self.cancel.cancel();
        }
        sent
    }

    pub(super) async fn stage(&self, timing: StageTiming) {
        self.stages.lock().unwrap_or_else(PoisonError::into_inner).push(timing);
        self.send(Event::Stage(timing)).await;
    }

    pub(super) fn stages(&self) -> Vec<StageTiming> {
        self.stages.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns once the listener is gone.
    pub(super) async fn closed(&self) {
        self.events.closed().await;
    }
}
