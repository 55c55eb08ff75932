//! What the client sends is followed, or told to be wrong.

use std::time::{Duration, Instant};

use super::{Cut, MOST_PENDING, Pending, Session, Wanted, Words, new_item_id};
use crate::server::realtime::client_event::{self, ClientEvent, NewItem, ResponseRequest};
use crate::server::realtime::items::{self, Item};
use crate::server::realtime::outgoing::Gone;
use crate::server::realtime::problem::Problem;
use crate::server::realtime::reply::Cancelled;
use crate::server::realtime::server_event as event;

impl Session {
    pub(super) async fn take_event(&mut self, text: &str) -> Result<(), Gone> {
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
                if new.language != self.settings.language {
                    let known = new.language.as_ref().is_none_or(|code| self.app.conversation.knows_language(code));
                    if !known {
                        let field = "session.audio.input.transcription.language";
                        return Err(Problem::value(field, "No model here hears this language.").into());
                    }
                    self.listening.set_language(new.language.clone()).await;
                }
                if new.turns != self.settings.turns {
                    self.listening.set_turns(new.turns.map(|turns| turns.detection)).await;
                }
                if new.instructions != self.settings.instructions {
                    self.listening.set_instructions(new.instructions.clone()).await;
                }
                if new.delivery() != self.settings.delivery() {
                    self.listening.set_delivery(new.delivery()).await;
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

    pub(super) fn add_message(&mut self, item: &Item) -> Result<(), Gone> {
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
