//! What the listener hears becomes messages.

use std::time::Duration;

use super::{MOST_PENDING, Pending, Session, Wanted, Words};
use crate::conversation::{ConversationError, Heard, ListenError, ListenEvent, Utterance};
use crate::server::error::ApiError;
use crate::server::realtime::items::{self, Item, new_item_id};
use crate::server::realtime::outgoing::Gone;
use crate::server::realtime::problem::Problem;
use crate::server::realtime::reply::Cancelled;
use crate::server::realtime::server_event as event;

impl Session {
    pub(super) fn take_heard(&mut self, heard: ListenEvent) -> Result<(), Gone> {
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
                let item = Item::message(item_id.clone(), "user", vec![items::spoken(None)]);
                let previous = self.items.last().map(|item| item.id.clone());
                self.outgoing.send(event::committed(&item_id, previous.as_deref()))?;
                self.add_item_to_the_end(&item)?;
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
}
