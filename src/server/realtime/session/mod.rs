//! A connection's session: takes what the client sends and what its listener hears, and lets one reply after the other
//! answer it.

mod answering;
mod calls;
mod following;
mod hearing;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::ws::{Message, WebSocket};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::SplitStream;
use serde_json::Value;

use self::calls::Exchange;
use self::following::Refusal;
use super::Caller;
use super::items::Items;
use super::outgoing::{Gone, Outgoing};
use super::playback::Playback;
use super::problem::Problem;
use super::reply::Reply;
use super::server_event as event;
use super::settings::{Offered, Settings};
use crate::app::App;
use crate::conversation::{ConversationError, Event, Heard, Hearing, ListenEvent, Listening, Utterance};
use crate::domain::ids::TurnId;
use crate::server::state::Server;

/// Messages that may wait to be answered together.
const MOST_PENDING: usize = 32;
const NORMAL: u16 = 1000;
const GOING_AWAY: u16 = 1001;

/// What a connection came to.
pub(super) struct Summary {
    pub(super) ended: &'static str,
    pub(super) turns: u64,
    pub(super) interruptions: u64,
}

pub(super) struct Session {
    server: Server,
    app: Arc<App>,
    caller: Caller,
    model: String,
    offered: Offered,
    settings: Settings,
    outgoing: Outgoing,
    listening: Listening,
    items: Items,
    /// The messages of what was said, or is being said.
    utterances: HashMap<Utterance, String>,
    /// The person is in the middle of saying something.
    person_speaks: bool,
    /// Commits that the listener has not followed yet, by the ids of their events.
    commits: VecDeque<Option<String>>,
    pending: Vec<Pending>,
    /// What an append left of a sample.
    half_sample: Vec<u8>,
    /// Calls of the newest turn.
    exchange: Option<Exchange>,
    wanted: Option<Wanted>,
    reply: Option<Reply>,
    /// The newest reply, while it is sent and after.
    playing: Option<Playing>,
    cut: Option<Cut>,
    /// The history is being cut to what was heard.
    amending: Option<BoxFuture<'static, Result<(), ConversationError>>>,
    last_event: Instant,
    summary: Summary,
}

/// A message that the next reply answers.
struct Pending {
    item_id: String,
    /// `None` while its words are being found out.
    words: Option<Words>,
}

enum Words {
    Written(String),
    Heard(Heard),
}

/// A reply that is to come.
struct Wanted {
    settings: Settings,
    metadata: Option<Value>,
    /// Nobody asked for it but the person's silence.
    detected: bool,
    event_id: Option<String>,
}

struct Playing {
    item_id: String,
    turn: TurnId,
    playback: Playback,
    /// Interrupted: what was sent is not played to its end.
    stopped: bool,
}

/// A reply of which only a part was heard.
struct Cut {
    item_id: String,
    turn: TurnId,
    heard: Duration,
    due: Instant,
}

/// What happened next.
enum Happened {
    Said(Option<Result<Message, axum::Error>>),
    Listened(Option<ListenEvent>),
    Replied(Option<Event>),
    Amended(Result<(), ConversationError>),
    Due,
    Stopping,
    ClientGone,
}

impl Session {
    pub(super) fn new(server: Server, app: Arc<App>, caller: Caller, outgoing: Outgoing) -> Self {
        let conversation = &app.conversation;
        let offered = Offered {
            turns: app.config.realtime.turns,
            detects_turns: conversation.detects_turns(),
            voices: conversation.voices().into_iter().map(|voice| voice.name).collect(),
            speed: app.config.tts.speed,
        };
        let settings = Settings::new(&offered);
        let listening = conversation.listen(Hearing {
            user: caller.user,
            session: caller.session,
            turns: settings.turns.map(|turns| turns.detection),
            instructions: None,
            tools: None,
            language: None,
            delivery: settings.delivery(),
        });
        let model = caller.model.clone().unwrap_or_else(|| "rose".into());
        Self {
            server,
            app,
            caller,
            model,
            offered,
            settings,
            outgoing,
            listening,
            items: Items::default(),
            utterances: HashMap::new(),
            person_speaks: false,
            commits: VecDeque::new(),
            pending: Vec::new(),
            half_sample: Vec::new(),
            exchange: None,
            wanted: None,
            reply: None,
            playing: None,
            cut: None,
            amending: None,
            last_event: Instant::now(),
            summary: Summary { ended: "client_left", turns: 0, interruptions: 0 },
        }
    }

    pub(super) async fn run(mut self, mut stream: SplitStream<WebSocket>) -> Summary {
        self.app.conversation.prepare(self.caller.user, self.caller.session);
        if self.go_on(&mut stream).await == Err(Gone) {
            self.summary.ended = if self.outgoing.is_closed() { "client_left" } else { "client_too_slow" };
            // Nobody reads what waits.
            self.outgoing.abandon();
        }
        let heard_in_part = self.cut.take().map(|cut| (cut.turn, cut.heard)).or_else(|| self.heard_in_part());
        let Self { app, caller, outgoing, listening, reply, amending, summary, .. } = self;
        // The client hears of the end at once, and what was done for it stops.
        drop((outgoing, listening, reply));
        if let Some(amending) = amending
            && let Err(error) = amending.await
        {
            tracing::warn!(error = %error, "a reply could not be cut to what was heard");
        }
        if let Some((turn, heard)) = heard_in_part
            && let Err(error) = app.conversation.heard(caller.user, caller.session, turn, heard).await
        {
            tracing::warn!(error = %error, "a reply could not be cut to what was heard");
        }
        summary
    }

    /// The newest reply, where it is still being said.
    fn heard_in_part(&self) -> Option<(TurnId, Duration)> {
        let playing = self.playing.as_ref().filter(|playing| !playing.stopped)?;
        let now = Instant::now();
        let audible = playing.playback.ends(now).is_some() || self.reply.is_some();
        audible.then(|| (playing.turn, playing.playback.heard(now)))
    }

    async fn go_on(&mut self, stream: &mut SplitStream<WebSocket>) -> Result<(), Gone> {
        let session = self.settings.to_json(self.caller.session, &self.model);
        self.outgoing.send(event::session("session.created", &session))?;
        loop {
            match self.next(stream).await {
                Happened::Said(Some(Ok(Message::Text(text)))) => {
                    self.last_event = Instant::now();
                    self.take_event(&text).await?;
                }
                Happened::Said(Some(Ok(Message::Binary(_)))) => {
                    let problem = Problem::new("invalid_event", "Events are sent as text: sound as base64 in them.");
                    self.outgoing.send(event::error(&problem, None))?;
                }
                Happened::Said(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => {}
                Happened::Said(None | Some(Ok(Message::Close(_)) | Err(_))) | Happened::ClientGone => return Ok(()),
                Happened::Listened(Some(heard)) => self.take_heard(heard)?,
                Happened::Listened(None) => {
                    self.summary.ended = "failed";
                    return Ok(());
                }
                Happened::Replied(happened) => self.take_reply(happened)?,
                Happened::Amended(outcome) => {
                    self.amending = None;
                    if let Err(error) = outcome {
                        tracing::warn!(error = %error, "a reply could not be cut to what was heard");
                    }
                }
                Happened::Due if self.is_idle() => {
                    self.summary.ended = "idle";
                    self.outgoing.close(NORMAL, "idle for too long");
                    return Ok(());
                }
                Happened::Due => self.cut_when_due(),
                Happened::Stopping => {}
            }
            if self.server.stopping().is_cancelled() && self.reply.is_none() {
                self.summary.ended = "server_stopped";
                self.outgoing.close(GOING_AWAY, "the server stops");
                return Ok(());
            }
            self.start_reply()?;
            let speaks = self.reply.is_some() || self.playing_ends().is_some();
            self.listening.rose_speaks(speaks);
        }
    }

    async fn next(&mut self, stream: &mut SplitStream<WebSocket>) -> Happened {
        let stopping = self.server.stopping().clone();
        let stopped = stopping.is_cancelled();
        let due = self.due();
        tokio::select! {
            said = stream.next() => Happened::Said(said),
            heard = self.listening.next() => Happened::Listened(heard),
            happened = reply_of(&mut self.reply, &self.outgoing) => Happened::Replied(happened),
            outcome = amended(&mut self.amending) => Happened::Amended(outcome),
            () = tokio::time::sleep_until(due.into()) => Happened::Due,
            () = stopping.cancelled(), if !stopped => Happened::Stopping,
            () = self.outgoing.ended() => Happened::ClientGone,
        }
    }

    /// When something is to be done though nothing happens.
    fn due(&self) -> Instant {
        let idle = self.last_event + self.app.config.realtime.idle;
        let cut = self.cut.as_ref().filter(|_| self.amending.is_none()).map(|cut| cut.due);
        [cut, self.playing_ends()].into_iter().flatten().fold(idle, Instant::min)
    }

    fn playing_ends(&self) -> Option<Instant> {
        self.playing.as_ref().filter(|playing| !playing.stopped)?.playback.ends(Instant::now())
    }

    fn is_idle(&self) -> bool {
        self.last_event.elapsed() >= self.app.config.realtime.idle
    }
}

/// The reply's next event, once there is room for what comes of it. Pending while there is no reply.
async fn reply_of(reply: &mut Option<Reply>, outgoing: &Outgoing) -> Option<Event> {
    match reply {
        Some(reply) => {
            outgoing.room().await;
            reply.next().await
        }
        None => std::future::pending().await,
    }
}

async fn amended(
    amending: &mut Option<BoxFuture<'static, Result<(), ConversationError>>>,
) -> Result<(), ConversationError> {
    match amending {
        Some(amending) => amending.await,
        None => std::future::pending().await,
    }
}
