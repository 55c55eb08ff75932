//! A connection's session: takes what the client sends and what its listener hears, and lets one reply after the other
//! answer it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::ws::{Message, WebSocket};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::SplitStream;
use serde_json::Value;
use uuid::Uuid;

use super::Caller;
use super::client_event::{self, ClientEvent, NewItem, ResponseRequest};
use super::items::{self, Item, Items};
use super::outgoing::{Gone, Outgoing};
use super::playback::Playback;
use super::problem::Problem;
use super::reply::{Cancelled, Head, Reply};
use super::server_event as event;
use super::settings::{Offered, Settings};
use crate::app::App;
use crate::conversation::{
    ConversationError, Event, Heard, Hearing, ListenError, ListenEvent, Listening, TurnInput, Utterance,
};
use crate::domain::ids::TurnId;
use crate::server::error::ApiError;
use crate::server::rate_limit;
use crate::server::state::Server;
use crate::server::turn::{Asked, Manner, WatchedTurn};
use crate::telemetry;

/// After an interruption the client tells, if it does, how much was heard; until then it is judged by time.
const CLIENT_TELLS: Duration = Duration::from_millis(500);
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
            voices: conversation.voices(),
            speed: app.config.tts.speed,
        };
        let settings = Settings::new(&offered);
        let listening = conversation.listen(Hearing {
            user: caller.user,
            session: caller.session,
            turns: settings.turns.map(|turns| turns.detection),
            instructions: None,
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

    // What the client sends.

    async fn take_event(&mut self, text: &str) -> Result<(), Gone> {
        let (event_id, parsed) = client_event::parse(text);
        let outcome = match parsed {
            Ok(taken) => self.follow(taken, event_id.as_deref()).await,
            Err(problem) => Err(Refusal::Problem(problem)),
        };
        match outcome {
            Ok(()) => Ok(()),
            Err(Refusal::Problem(problem)) => self.outgoing.send(event::error(&problem, event_id.as_deref())),
            Err(Refusal::Gone) => Err(Gone),
        }
    }

    async fn follow(&mut self, taken: ClientEvent, event_id: Option<&str>) -> Result<(), Refusal> {
        match taken {
            ClientEvent::SessionUpdate { session } => {
                let new = self.settings.updated(session, &self.offered)?;
                if new.turns != self.settings.turns {
                    self.listening.set_turns(new.turns.map(|turns| turns.detection)).await;
                }
                if new.instructions != self.settings.instructions {
                    self.listening.set_instructions(new.instructions.clone()).await;
                }
                self.settings = new;
                let session = self.settings.to_json(self.caller.session, &self.model);
                self.outgoing.send(event::session("session.updated", &session))?;
            }
            ClientEvent::Append { audio } => {
                let clip = self.settings.input.decode(&audio, "audio")?;
                self.listening.hear(clip).await;
            }
            ClientEvent::Commit => {
                self.commits.push_back(event_id.map(str::to_owned));
                self.listening.commit().await;
            }
            ClientEvent::Clear => self.listening.clear().await,
            ClientEvent::ItemCreate { item } => self.add_item(item).await?,
            ClientEvent::ItemTruncate { item_id, audio_end_ms } => {
                self.truncate(&item_id, Duration::from_millis(audio_end_ms))?;
            }
            ClientEvent::ItemRetrieve { item_id } => {
                let item = self.items.get(&item_id).ok_or_else(no_such_item)?;
                self.outgoing.send(event::item_retrieved(item))?;
            }
            ClientEvent::ItemDelete { item_id } => self.delete_item(&item_id)?,
            ClientEvent::ResponseCreate { response } => self.want_response(response.unwrap_or_default(), event_id)?,
            ClientEvent::ResponseCancel { response_id } => {
                let running = self.reply.as_ref().filter(|reply| !reply.is_cancelled());
                let running = running.filter(|reply| response_id.as_ref().is_none_or(|id| *id == reply.head.id));
                if running.is_none() {
                    let message = "There is no response to cancel.";
                    return Err(Problem::new("response_cancel_not_active", message).into());
                }
                self.interrupt(Cancelled::ByClient);
            }
        }
        Ok(())
    }

    async fn add_item(&mut self, new: NewItem) -> Result<(), Refusal> {
        if new.kind != "message" || new.role.as_deref().is_some_and(|role| role != "user") {
            return Err(Problem::value("item.role", "Only the person's own messages can be added: role user.").into());
        }
        if self.pending.len() >= MOST_PENDING {
            let message = "Too many messages wait for an answer: send response.create.";
            return Err(Problem::new("too_many_messages", message).into());
        }
        let mut texts = Vec::new();
        let mut clip = None;
        let mut content = Vec::new();
        for part in new.content {
            match (part.kind.as_str(), part.text, part.audio) {
                ("input_text" | "text", Some(text), _) => {
                    content.push(items::written(&text));
                    texts.push(text);
                }
                ("input_audio", _, Some(audio)) if clip.is_none() => {
                    clip = Some(self.settings.input.decode(&audio, "item.content")?);
                    content.push(items::spoken(None));
                }
                _ => {
                    let message = "A message's content is input_text with `text`, or one input_audio with `audio`.";
                    return Err(Problem::value("item.content", message).into());
                }
            }
        }
        if content.is_empty() {
            return Err(Problem::value("item.content", "The message is empty.").into());
        }
        if clip.is_some() && !texts.is_empty() {
            return Err(Problem::value("item.content", "A message is either written or spoken.").into());
        }
        let most = self.app.config.conversation.max_message_chars;
        if texts.iter().map(|text| text.chars().count()).sum::<usize>() > most {
            return Err(Problem::value("item.content", format!("A message may have {most} characters.")).into());
        }
        let id = new.id.filter(|id| !id.is_empty() && id.len() <= 64).unwrap_or_else(new_item_id);
        if self.items.get(&id).is_some() {
            return Err(Problem::value("item.id", "There is an item of this id already.").into());
        }
        self.add_message(&Item::user(id.clone(), content))?;
        let words = match clip {
            None => Some(Words::Written(texts.join("\n"))),
            Some(clip) => {
                let utterance = self.listening.hear_recording(clip).await;
                self.utterances.insert(utterance, id.clone());
                None
            }
        };
        self.pending.push(Pending { item_id: id, words });
        Ok(())
    }

    fn add_message(&mut self, item: &Item) -> Result<(), Gone> {
        let previous = self.items.add(item.clone());
        for name in ["conversation.item.added", "conversation.item.created", "conversation.item.done"] {
            self.outgoing.send(event::item(name, item, previous.as_deref()))?;
        }
        Ok(())
    }

    fn delete_item(&mut self, item_id: &str) -> Result<(), Refusal> {
        self.items.get(item_id).ok_or_else(no_such_item)?;
        let before = self.pending.len();
        self.pending.retain(|pending| pending.item_id != item_id);
        if self.pending.len() == before {
            let message = "The item is part of the conversation already; DELETE /api/sessions/{id} deletes that.";
            return Err(Problem::new("item_not_deletable", message).into());
        }
        self.items.remove(item_id);
        Ok(self.outgoing.send(event::item_deleted(item_id))?)
    }

    /// The client knows best how much of a reply was heard.
    fn truncate(&mut self, item_id: &str, audio_end: Duration) -> Result<(), Refusal> {
        self.items.get(item_id).ok_or_else(no_such_item)?;
        let Some(playing) = self.playing.as_mut().filter(|playing| playing.item_id == item_id) else {
            return Err(Problem::value("item_id", "Only Rose's newest reply can be truncated.").into());
        };
        let heard = audio_end.min(playing.playback.sent());
        playing.stopped = true;
        self.cut = Some(Cut { item_id: item_id.to_owned(), turn: playing.turn, heard, due: Instant::now() });
        if let Some(reply) = self.reply.as_mut().filter(|reply| reply.head.item_id == item_id) {
            reply.cancel(Cancelled::ByClient);
            self.outgoing.silence(reply.head.number);
        }
        self.cut_when_due();
        Ok(self.outgoing.send(event::item_truncated(item_id, audio_end))?)
    }

    fn want_response(&mut self, mut request: ResponseRequest, event_id: Option<&str>) -> Result<(), Refusal> {
        if self.reply.as_ref().is_some_and(|reply| !reply.is_cancelled()) {
            let message = "There is a response already; wait for response.done, or send response.cancel.";
            return Err(Problem::new("conversation_already_has_active_response", message).into());
        }
        let metadata = request.metadata.take();
        let settings = self.settings.for_response(request, &self.offered)?;
        let event_id = event_id.map(str::to_owned);
        self.wanted = Some(Wanted { settings, metadata, detected: false, event_id });
        Ok(())
    }

    // What the listener hears.

    fn take_heard(&mut self, heard: ListenEvent) -> Result<(), Gone> {
        match heard {
            ListenEvent::SpeechStarted { utterance, at } => {
                self.person_speaks = true;
                let item_id = self.item_of(utterance);
                self.outgoing.send(event::speech_started(&item_id, at))?;
                if self.settings.turns.is_some_and(|turns| turns.interrupt_response) {
                    self.interrupt(Cancelled::TurnDetected);
                }
            }
            ListenEvent::SpeechStopped { utterance, at } => {
                let item_id = self.item_of(utterance);
                self.outgoing.send(event::speech_stopped(&item_id, at))?;
            }
            ListenEvent::Words { utterance, text } => {
                let item_id = self.item_of(utterance);
                self.outgoing.send(event::transcription_delta(&item_id, &text))?;
            }
            ListenEvent::Committed { utterance, detected } => {
                self.person_speaks = false;
                if !detected {
                    self.commits.pop_front();
                }
                let item_id = self.item_of(utterance);
                let item = Item::user(item_id.clone(), vec![items::spoken(None)]);
                let previous = self.items.last().map(|item| item.id.clone());
                self.outgoing.send(event::committed(&item_id, previous.as_deref()))?;
                self.add_message(&item)?;
                if self.pending.len() == MOST_PENDING {
                    // Nobody asks for answers.
                    self.pending.remove(0);
                }
                self.pending.push(Pending { item_id, words: None });
                if detected && self.settings.turns.is_some_and(|turns| turns.create_response) {
                    let settings = self.settings.clone();
                    self.wanted.get_or_insert(Wanted { settings, metadata: None, detected: true, event_id: None });
                }
            }
            ListenEvent::Heard { utterance, heard } => self.take_words(utterance, heard)?,
            ListenEvent::Cleared => {
                self.person_speaks = false;
                self.utterances.retain(|_, item_id| self.pending.iter().any(|pending| pending.item_id == *item_id));
                self.outgoing.send(event::cleared())?;
            }
            ListenEvent::Refused(error) => {
                let refused_commit = matches!(error, ListenError::TooLittle { .. });
                let event_id = if refused_commit { self.commits.pop_front().flatten() } else { None };
                self.outgoing.send(event::error(&error.into(), event_id.as_deref()))?;
            }
        }
        Ok(())
    }

    fn item_of(&mut self, utterance: Utterance) -> String {
        self.utterances.entry(utterance).or_insert_with(new_item_id).clone()
    }

    fn take_words(&mut self, utterance: Utterance, heard: Result<Heard, ConversationError>) -> Result<(), Gone> {
        let item_id = self.item_of(utterance);
        self.utterances.remove(&utterance);
        match heard {
            Ok(heard) => {
                self.items.set_transcript(&item_id, &heard.text);
                self.outgoing.send(event::transcription_completed(&item_id, &heard.text, heard.sound))?;
                if let Some(pending) = self.pending.iter_mut().find(|pending| pending.item_id == item_id) {
                    pending.words = Some(Words::Heard(heard));
                }
            }
            Err(error) => {
                self.pending.retain(|pending| pending.item_id != item_id);
                let nothing = matches!(error, ConversationError::NoSpeech);
                let problem = Problem::from(ApiError::from(error));
                let told = match nothing {
                    true => event::transcription_completed(&item_id, "", Duration::ZERO),
                    false => event::transcription_failed(&item_id, &problem),
                };
                self.outgoing.send(told)?;
                self.give_up_response(&problem)?;
            }
        }
        Ok(())
    }

    /// Nothing was said that could be answered. Silence asked for nothing; who asked is told.
    fn give_up_response(&mut self, problem: &Problem) -> Result<(), Gone> {
        if !self.pending.is_empty() {
            return Ok(());
        }
        let Some(wanted) = self.wanted.take().filter(|wanted| !wanted.detected) else { return Ok(()) };
        let head = self.head(wanted.settings, wanted.metadata);
        self.outgoing.send(head.created())?;
        self.outgoing.send(head.failed(problem))
    }

    // Replies.

    /// Rose falls silent; what was heard of her until now is what she said.
    fn interrupt(&mut self, why: Cancelled) {
        let Some((turn, heard)) = self.heard_in_part() else { return };
        if let Some(reply) = self.reply.as_mut().filter(|reply| !reply.is_cancelled()) {
            reply.cancel(why);
            self.outgoing.silence(reply.head.number);
        }
        if why == Cancelled::TurnDetected {
            telemetry::count_interruption();
            self.summary.interruptions += 1;
        }
        if let Some(playing) = &mut self.playing {
            playing.stopped = true;
            let item_id = playing.item_id.clone();
            self.cut.get_or_insert(Cut { item_id, turn, heard, due: Instant::now() + CLIENT_TELLS });
        }
    }

    fn cut_when_due(&mut self) {
        let now = Instant::now();
        if self.amending.is_none() && self.cut.as_ref().is_some_and(|cut| cut.due <= now) {
            self.cut_now();
        }
    }

    fn cut_now(&mut self) {
        let Some(Cut { item_id, turn, heard, .. }) = self.cut.take() else { return };
        self.items.truncate(&item_id);
        let conversation = Arc::clone(&self.app.conversation);
        let (user, session) = (self.caller.user, self.caller.session);
        self.amending = Some(Box::pin(async move { conversation.heard(user, session, turn, heard).await }));
    }

    /// Starts the reply that is wanted, once all that it answers is known, and what was said before is settled.
    fn start_reply(&mut self) -> Result<(), Gone> {
        let Some(wanted) = &self.wanted else { return Ok(()) };
        let known = self.pending.iter().all(|pending| pending.words.is_some());
        let speaks_on = wanted.detected && self.person_speaks;
        // A commit that this answers may be on its way.
        if self.reply.is_some()
            || !known
            || speaks_on
            || !self.commits.is_empty()
            || self.server.stopping().is_cancelled()
        {
            return Ok(());
        }
        if self.cut.is_some() && self.amending.is_none() {
            self.cut_now();
        }
        if self.amending.is_some() {
            return Ok(());
        }
        let Some(wanted) = self.wanted.take() else { return Ok(()) };
        let Some(input) = input(std::mem::take(&mut self.pending)) else {
            let problem = Problem::new("nothing_to_answer", "There is nothing to answer: add a message first.");
            return self.outgoing.send(event::error(&problem, wanted.event_id.as_deref()));
        };
        let head = self.head(wanted.settings, wanted.metadata);
        self.outgoing.send(head.created())?;
        if let Some(address) = self.caller.counted
            && let Err(refused) = rate_limit::count(&self.server, address)
        {
            return self.outgoing.send(head.failed(&refused.into()));
        }
        let asked = Asked {
            user: self.caller.user,
            session: self.caller.session,
            input,
            images: Vec::new(),
            speak: head.settings.speak,
            manner: Manner {
                voice: head.settings.own_voice.clone(),
                speed: Some(head.settings.speed),
                instructions: head.settings.instructions.clone(),
            },
        };
        let turn = WatchedTurn::start(&self.server, &self.app, asked);
        let item_id = head.item_id.clone();
        self.playing = Some(Playing { item_id, turn: turn.id(), playback: Playback::default(), stopped: false });
        self.reply = Some(Reply::new(head, turn));
        Ok(())
    }

    fn head(&mut self, settings: Settings, metadata: Option<Value>) -> Head {
        self.summary.turns += 1;
        Head {
            id: format!("resp_{}", Uuid::new_v4().simple()),
            item_id: new_item_id(),
            conversation_id: format!("conv_{}", self.caller.session.0.simple()),
            number: self.summary.turns,
            settings,
            metadata,
        }
    }

    fn take_reply(&mut self, happened: Option<Event>) -> Result<(), Gone> {
        let (Some(reply), Some(playing)) = (&mut self.reply, &mut self.playing) else { return Ok(()) };
        let over = reply.forward(happened, &mut self.outgoing, &mut self.items, &mut playing.playback)?;
        if over {
            self.reply = None;
        }
        Ok(())
    }
}

/// Why an event was not followed.
enum Refusal {
    Problem(Problem),
    Gone,
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Refusal::Problem(problem)
    }
}

impl From<Gone> for Refusal {
    fn from(_: Gone) -> Self {
        Refusal::Gone
    }
}

fn no_such_item() -> Problem {
    Problem::value("item_id", "There is no such item.")
}

fn new_item_id() -> String {
    format!("item_{}", Uuid::new_v4().simple())
}

/// All that waits is answered together. `None` where nothing does.
fn input(pending: Vec<Pending>) -> Option<TurnInput> {
    let mut words: Vec<Words> = pending.into_iter().filter_map(|pending| pending.words).collect();
    let last = words.pop()?;
    let before: Vec<String> = words
        .into_iter()
        .map(|words| match words {
            Words::Written(text) => text,
            Words::Heard(heard) => heard.text,
        })
        .collect();
    let joined = |last: String| before.iter().map(String::as_str).chain([last.as_str()]).collect::<Vec<_>>().join("\n");
    Some(match last {
        Words::Written(text) => TurnInput::Text(joined(text)),
        Words::Heard(heard) => {
            let text = joined(heard.text.clone());
            TurnInput::Heard(Heard { text, ..heard })
        }
    })
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
