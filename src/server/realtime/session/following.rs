//! What the client sends is followed, or told to be wrong.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{Cut, MOST_PENDING, Pending, Session, Wanted, Words};
use crate::server::error::ApiError;
use crate::server::realtime::client_event::{self, ClientEvent, NewContent, NewItem, ResponseRequest};
use crate::server::realtime::items::{self, Item};
use crate::server::realtime::outgoing::Gone;
use crate::server::realtime::problem::Problem;
use crate::server::realtime::reply::Cancelled;
use crate::server::realtime::server_event as event;
use crate::server::realtime::settings::LANGUAGE;

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
                        return Err(Problem::value(LANGUAGE, "No model here hears this language.").into());
                    }
                    self.listening.set_language(new.language.clone()).await;
                }
                if new.turns != self.settings.turns {
                    self.listening.set_turns(new.turns.map(|turns| turns.detection)).await;
                }
                if (&new.instructions, &new.tools) != (&self.settings.instructions, &self.settings.tools) {
                    self.listening.set_guidance(new.instructions.clone(), new.tools.clone()).await;
                }
                if new.input != self.settings.input {
                    self.half_sample.clear();
                }
                if new.delivery() != self.settings.delivery() {
                    self.listening.set_delivery(new.delivery()).await;
                }
                self.settings = new;
                let session = self.settings.to_json(self.caller.session, &self.model);
                self.outgoing.send(event::session("session.updated", &session))?;
            }
            ClientEvent::Append { audio } => {
                let clip = self.settings.input.decode(&audio, &mut self.half_sample, "audio")?;
                self.listening.hear(clip).await;
            }
            ClientEvent::Commit => {
                self.half_sample.clear();
                self.commits.push_back(event_id.map(str::to_owned));
                self.listening.commit().await;
            }
            ClientEvent::Clear => {
                self.half_sample.clear();
                self.listening.clear().await;
            }
            ClientEvent::ItemCreate { item, previous_item_id } => self.add_item(item, previous_item_id).await?,
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

    async fn add_item(&mut self, new: NewItem, previous: Option<String>) -> Result<(), Refusal> {
        let place = self.place(previous)?;
        match (new.kind.as_str(), new.role.as_deref()) {
            ("message", None | Some("user")) => self.add_users(new, place).await,
            ("message", Some("assistant")) => self.add_assistants(new, &place).await,
            ("message", Some("system")) => self.add_systems(new, &place).await,
            ("function_call_output", _) => self.add_call_output(new),
            ("message", Some(_)) => {
                Err(Problem::value("item.role", "The roles are user, assistant and system.").into())
            }
            _ => Err(Problem::value("item.type", "The types are message and function_call_output.").into()),
        }
    }

    /// Where a new item goes.
    ///
    /// # Errors
    /// Where something stands behind that place that was answered already.
    fn place(&self, previous: Option<String>) -> Result<Place, Refusal> {
        let previous = match previous {
            None => return Ok(Place::End),
            Some(root) if root == "root" => None,
            Some(id) => {
                self.items.get(&id).ok_or_else(|| Problem::value("previous_item_id", "There is no such item."))?;
                Some(id)
            }
        };
        let waits = |item: &Item| self.pending.iter().any(|pending| pending.item_id == item.id);
        if !self.items.behind(previous.as_deref()).all(waits) {
            let message = "An item can be put at the end, or among those that wait for an answer.";
            return Err(Problem::value("previous_item_id", message).into());
        }
        Ok(Place::Behind(previous))
    }

    /// A message of the person's, which waits for an answer.
    async fn add_users(&mut self, new: NewItem, place: Place) -> Result<(), Refusal> {
        if self.pending.len() >= MOST_PENDING {
            let message = "Too many messages wait for an answer: send response.create.";
            return Err(Problem::new("too_many_messages", message).into());
        }
        let mut texts = Vec::new();
        let mut clip = None;
        let mut content = Vec::new();
        for part in new.content.into_iter().flatten() {
            match (part.kind.as_str(), part.text, part.audio, part.transcript) {
                ("input_text" | "text", Some(text), ..) => {
                    content.push(items::written(&text));
                    texts.push(text);
                }
                ("input_audio", _, Some(audio), _) if clip.is_none() => {
                    clip = Some(self.settings.input.decode(&audio, &mut Vec::new(), "item.content")?);
                    content.push(items::spoken(None));
                }
                // Of a conversation that is told again: the sound is gone, its words are here.
                ("input_audio", _, None, Some(transcript)) => {
                    content.push(items::spoken(Some(&transcript)));
                    texts.push(transcript);
                }
                _ => {
                    let message = "A message's content is input_text with `text`, or one input_audio with `audio` or \
                                   `transcript`.";
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
        self.check_length(&texts)?;
        let id = self.new_id(new.id)?;
        self.add_message(&Item::message(id.clone(), "user", content), &place)?;
        let words = match clip {
            None => Some(Words::Written(texts.join("\n"))),
            Some(clip) => {
                let utterance = self.listening.hear_recording(clip).await;
                self.utterances.insert(utterance, id.clone());
                None
            }
        };
        let at = match &place {
            Place::End => self.pending.len(),
            Place::Behind(previous) => {
                let before = |id: &String| self.pending.iter().position(|pending| pending.item_id == *id);
                previous.as_ref().and_then(before).map_or(0, |at| at + 1)
            }
        };
        self.pending.insert(at, Pending { item_id: id, words });
        Ok(())
    }

    /// Something that Rose is to have said, as an answer to what waits.
    async fn add_assistants(&mut self, new: NewItem, place: &Place) -> Result<(), Refusal> {
        let text = texts_of(new.content, &["output_text", "text", "output_audio", "audio"])?;
        self.check_length(std::slice::from_ref(&text))?;
        if self.reply.is_some() {
            return Err(Problem::new("conversation_already_has_active_response", "Wait for response.done.").into());
        }
        let last = self.pending.last().map(|pending| pending.item_id.clone());
        if matches!(place, Place::Behind(previous) if last.is_some() && *previous != last) {
            let message = "An answer goes behind all that waits for one.";
            return Err(Problem::value("previous_item_id", message).into());
        }
        if self.pending.iter().any(|pending| !matches!(pending.words, Some(Words::Written(_)))) {
            let message = "What was said before is still being heard: wait for its transcript.";
            return Err(Problem::new("item_not_ready", message).into());
        }
        let id = self.new_id(new.id)?;
        let said = std::mem::take(&mut self.pending).into_iter().filter_map(|pending| match pending.words {
            Some(Words::Written(text)) => Some(text),
            _ => None,
        });
        let said = said.collect::<Vec<_>>().join("\n");
        let (user, session) = (self.caller.user, self.caller.session);
        self.app
            .conversation
            .recount(user, session, &said, &text)
            .await
            .map_err(|error| Problem::from(ApiError::from(error)))?;
        let content = vec![json!({"type": "output_text", "text": text})];
        Ok(self.add_message(&Item::message(id, "assistant", content), place)?)
    }

    /// Added to the instructions.
    async fn add_systems(&mut self, new: NewItem, place: &Place) -> Result<(), Refusal> {
        let text = texts_of(new.content, &["input_text", "text"])?;
        self.settings.add_instructions(&text)?;
        self.listening.set_guidance(self.settings.instructions.clone(), self.settings.tools.clone()).await;
        let id = self.new_id(new.id)?;
        Ok(self.add_message(&Item::message(id, "system", vec![items::written(&text)]), place)?)
    }

    fn check_length(&self, texts: &[String]) -> Result<(), Problem> {
        let most = self.app.config.conversation.max_message_chars;
        if texts.iter().map(|text| text.chars().count()).sum::<usize>() > most {
            return Err(Problem::value("item.content", format!("A message may have {most} characters.")));
        }
        Ok(())
    }

    pub(super) fn add_item_to_the_end(&mut self, item: &Item) -> Result<(), Gone> {
        self.add_message(item, &Place::End)
    }

    fn add_message(&mut self, item: &Item, place: &Place) -> Result<(), Gone> {
        let previous = match place {
            Place::End => self.items.add(item.clone()),
            Place::Behind(previous) => self.items.add_behind(previous.as_deref(), item.clone()),
        };
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

/// Where a new item goes.
enum Place {
    End,
    /// `None`: at the start.
    Behind(Option<String>),
}

/// The text of a message of the conversation that is told again.
fn texts_of(content: Option<Vec<NewContent>>, kinds: &[&str]) -> Result<String, Problem> {
    let mut texts = Vec::new();
    for part in content.into_iter().flatten() {
        match part.text.or(part.transcript) {
            Some(text) if kinds.contains(&part.kind.as_str()) => texts.push(text),
            _ => {
                let kinds = kinds.join(", ");
                let message = format!("This message's content is of the types {kinds}, with `text` or `transcript`.");
                return Err(Problem::value("item.content", message));
            }
        }
    }
    let text = texts.join("\n").trim().to_owned();
    match text.is_empty() {
        true => Err(Problem::value("item.content", "The message is empty.")),
        false => Ok(text),
    }
}

/// Why an event was not followed.
pub(super) enum Refusal {
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
