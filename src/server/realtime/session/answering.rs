//! One reply after the other, each to all that waits for one; and what becomes of one that is interrupted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use uuid::Uuid;

use super::{Cut, Pending, Playing, Session, Words};
use crate::conversation::{Event, Heard, TurnInput};
use crate::graph::state::Calling;
use crate::server::rate_limit;
use crate::server::realtime::items::new_item_id;
use crate::server::realtime::outgoing::Gone;
use crate::server::realtime::playback::Playback;
use crate::server::realtime::problem::Problem;
use crate::server::realtime::reply::{Cancelled, Head, Reply};
use crate::server::realtime::server_event as event;
use crate::server::realtime::settings::Settings;
use crate::server::turn::{Asked, Manner, WatchedTurn};
use crate::telemetry;

/// After an interruption the client tells, if it does, how much was heard; until then it is judged by time.
const CLIENT_TELLS: Duration = Duration::from_millis(500);

impl Session {
    /// Rose falls silent; what was heard of her until now is what she said.
    pub(super) fn interrupt(&mut self, why: Cancelled) {
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

    pub(super) fn cut_when_due(&mut self) {
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
    pub(super) fn start_reply(&mut self) -> Result<(), Gone> {
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
        let results = self.exchange.as_ref().filter(|exchange| exchange.is_whole());
        let again = results.map(|exchange| TurnInput::Again(exchange.turn));
        let exchange = results.map(|exchange| exchange.messages.clone()).unwrap_or_default();
        let Some(input) = input(std::mem::take(&mut self.pending)).or(again) else {
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
                calling: Calling { tools: head.settings.tools.clone(), exchange, calls: Vec::new() },
            },
        };
        let turn = WatchedTurn::start(&self.server, &self.app, asked);
        // Results that come late belong to what was said last.
        if let Some(exchange) = &mut self.exchange {
            exchange.turn = turn.id();
        }
        let item_id = head.item_id.clone();
        self.playing = Some(Playing { item_id, turn: turn.id(), playback: Playback::default(), stopped: false });
        self.reply = Some(Reply::new(head, turn));
        Ok(())
    }

    pub(super) fn head(&mut self, settings: Settings, metadata: Option<Value>) -> Head {
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

    pub(super) fn take_reply(&mut self, happened: Option<Event>) -> Result<(), Gone> {
        let cancelled = self.reply.as_ref().is_none_or(Reply::is_cancelled);
        if let Some(Event::Done(outcome)) = happened.as_ref().filter(|_| !cancelled) {
            self.note_calls(outcome);
        }
        let (Some(reply), Some(playing)) = (&mut self.reply, &mut self.playing) else { return Ok(()) };
        let over = reply.forward(happened, &mut self.outgoing, &mut self.items, &mut playing.playback)?;
        if over {
            self.reply = None;
        }
        Ok(())
    }
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
