//! What goes to the client: a bounded queue and its writer. A client that doesn't read fills its own queue and is then
//! given up; sound of a reply that was interrupted meanwhile is not sent any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures::SinkExt;
use futures::stream::SplitSink;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_util::sync::CancellationToken;

/// Events that wait to be sent; of sound, up to 50 s.
const QUEUE: usize = 256;
/// Room that a reply leaves for everything else, and for all that comes of one of its events.
const ROOM: usize = 128;
/// A client that takes nothing for so long is not there any more.
const PATIENCE: Duration = Duration::from_secs(30);
const PING_EVERY: Duration = Duration::from_secs(20);

/// The client is gone, or does not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gone;

pub(super) struct Outgoing {
    queue: mpsc::Sender<Queued>,
    silenced: Arc<AtomicU64>,
    abandoned: CancellationToken,
    sent: u64,
}

pub(super) struct Writer {
    queue: mpsc::Receiver<Queued>,
    silenced: Arc<AtomicU64>,
    abandoned: CancellationToken,
}

enum Queued {
    Event(String),
    /// Of the reply of that number, counted from 1.
    Sound {
        reply: u64,
        event: String,
    },
    Close {
        code: u16,
        reason: &'static str,
    },
}

impl Outgoing {
    pub(super) fn new() -> (Self, Writer) {
        let (queue, queued) = mpsc::channel(QUEUE);
        let silenced = Arc::new(AtomicU64::new(0));
        let abandoned = CancellationToken::new();
        let writer = Writer { queue: queued, silenced: Arc::clone(&silenced), abandoned: abandoned.clone() };
        (Self { queue, silenced, abandoned, sent: 0 }, writer)
    }

    /// # Errors
    /// [`Gone`] also where the queue is full.
    pub(super) fn send(&mut self, event: Value) -> Result<(), Gone> {
        let event = self.numbered(event);
        self.queue.try_send(Queued::Event(event)).map_err(|_| Gone)
    }

    pub(super) fn send_sound(&mut self, reply: u64, event: Value) -> Result<(), Gone> {
        let event = self.numbered(event);
        self.queue.try_send(Queued::Sound { reply, event }).map_err(|_| Gone)
    }

    fn numbered(&mut self, mut event: Value) -> String {
        self.sent += 1;
        event["event_id"] = format!("event_{}", self.sent).into();
        event.to_string()
    }

    /// Sound of this reply and those before that was not sent yet never is.
    pub(super) fn silence(&self, reply: u64) {
        self.silenced.store(reply, Ordering::Relaxed);
    }

    /// Sends nothing more, not even what waits.
    pub(super) fn abandon(&self) {
        self.abandoned.cancel();
    }

    pub(super) fn close(&self, code: u16, reason: &'static str) {
        // Where there is no room the client doesn't read: it won't read this either.
        let _ = self.queue.try_send(Queued::Close { code, reason });
    }

    /// Waits until there is room for what comes of one event of a reply.
    pub(super) async fn room(&self) {
        // Where the writer has ended, the session notices by `ended`.
        let _ = self.queue.reserve_many(ROOM).await;
    }

    pub(super) fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }

    /// Waits until the client is gone.
    pub(super) async fn ended(&self) {
        self.queue.closed().await;
    }
}

impl Writer {
    /// Until the session or the client is gone.
    pub(super) async fn run(self, sink: SplitSink<WebSocket, Message>) {
        let abandoned = self.abandoned.clone();
        // `None`: abandoned.
        let _ = abandoned.run_until_cancelled_owned(self.write(sink)).await;
    }

    async fn write(mut self, mut sink: SplitSink<WebSocket, Message>) {
        let mut ping = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let message = tokio::select! {
                queued = self.queue.recv() => match queued {
                    None => break,
                    Some(Queued::Event(event)) => Message::Text(event.into()),
                    Some(Queued::Sound { reply, .. }) if reply <= self.silenced.load(Ordering::Relaxed) => continue,
                    Some(Queued::Sound { event, .. }) => Message::Text(event.into()),
                    Some(Queued::Close { code, reason }) => {
                        Message::Close(Some(CloseFrame { code, reason: reason.into() }))
                    }
                },
                _ = ping.tick() => Message::Ping(Vec::new().into()),
            };
            let last = matches!(message, Message::Close(_));
            if !matches!(timeout(PATIENCE, sink.send(message)).await, Ok(Ok(()))) || last {
                break;
            }
        }
    }
}
