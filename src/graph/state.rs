//! What a conversation remembers of itself between turns and between nodes: versioned, saved as JSON.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use unicode_segmentation::UnicodeSegmentation as _;

use crate::domain::danger::{Alarm, Kind};
use crate::domain::ids::{BlobId, SessionId, TurnId, UserId};
use crate::domain::memory::Memory;
use crate::domain::message::{Message, Role};
use crate::domain::person::Profile;
use crate::domain::route::Route;
use crate::language::en::words::content_stems;
use crate::providers::llm::{ChatMessage, ToolCall, Tools};

/// The share of a matter's words that a text has which speaks of it.
const SPEAKS_OF: f64 = 0.5;

/// One step each from version `n` to `n + 1`, the first from version 1. The order is history: only append.
const MIGRATIONS: &[Migration] = &[danger_becomes_an_alarm];

type Migration = fn(&mut Value);

/// What this build writes.
pub const VERSION: usize = MIGRATIONS.len() + 1;

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum StateError {
    #[error("the conversation's state has version {found}; this build reads up to {newest}")]
    Newer { found: u64, newest: u64 },
    /// Never carries what stood there: it may be someone's words.
    #[error("the conversation's state can't be read: {0}")]
    Damaged(String),
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub session: SessionId,
    pub user: UserId,
    /// Everything said, oldest first.
    pub entries: Vec<Entry>,
    /// Holds the first `folded` entries.
    pub summary: Option<String>,
    pub folded: usize,
    /// Entries after the folded ones that the prompt leaves out, since they don't fit. Grows in steps, so that the
    /// prompt's beginning, and with it the model's cache, stays the same for several turns.
    pub left_out: usize,
    /// What is added to the character.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// The day and its part, as the prompt last told them.
    #[serde(default)]
    pub noted_time: Option<String>,
    /// In her last reply Rose asked whether there is danger of this kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Kind>,
    /// The first so many entries were judged for danger and answered: their hints don't add to later ones.
    #[serde(default)]
    pub judged: usize,
    /// The turn that is being answered.
    pub turn: Option<TurnState>,
}

/// A message and how the prompt shows it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub message: Message,
    /// What the prompt shows in the text's place, in this turn and all later ones: the text with a note before it.
    /// A note that were left out of later prompts would make the model compute the message and its answer again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_text: Option<String>,
    /// The model is no longer shown it: the person wished it forgotten.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
    /// For a spoken reply: its sentences and how long each sounds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sentences: Vec<SpokenSentence>,
}

/// A part of a reply as it was spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpokenSentence {
    /// Where the sentence ends in the reply's text, in bytes.
    pub end: usize,
    pub duration: Duration,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct TurnState {
    pub id: TurnId,
    /// What the person said or wrote.
    pub text: String,
    pub images: Vec<BlobId>,
    pub started_at: Timestamp,
    /// The message speaks of danger.
    #[serde(default)]
    pub alarm: Option<Alarm>,
    /// As it was when the turn began, with what the message says of it.
    #[serde(default)]
    pub profile: Profile,
    /// The reply says that Rose is an AI.
    #[serde(default)]
    pub disclosed: bool,
    #[serde(default)]
    pub memories: Vec<Memory>,
    #[serde(default)]
    pub route: Route,
    /// The person's message stands in the entries.
    #[serde(default)]
    pub recorded: bool,
    /// The turn has its reply, if only the part that was said before an interruption.
    #[serde(default)]
    pub answered: bool,
    /// Never saved: whoever offered the functions asks again.
    #[serde(skip)]
    pub calling: Calling,
}

/// Functions that whoever asks for a turn offers to the model, and what became of calls.
#[derive(Clone, PartialEq, Default)]
pub struct Calling {
    pub tools: Option<Tools>,
    /// The turn's calls until now, and their results, as the prompt shows them behind the person's message.
    pub exchange: Vec<ChatMessage>,
    /// What the reply calls.
    pub calls: Vec<ToolCall>,
}

impl TurnState {
    pub fn new(id: TurnId, text: String, images: Vec<BlobId>, started_at: Timestamp) -> Self {
        Self {
            id,
            text,
            images,
            started_at,
            alarm: None,
            profile: Profile::default(),
            disclosed: false,
            memories: Vec::new(),
            route: Route::default(),
            recorded: false,
            answered: false,
            calling: Calling::default(),
        }
    }
}

impl Entry {
    pub fn shown_text(&self) -> &str {
        self.prompt_text.as_deref().unwrap_or(&self.message.text)
    }
}

impl State {
    pub fn new(session: SessionId, user: UserId) -> Self {
        Self {
            session,
            user,
            entries: Vec::new(),
            summary: None,
            folded: 0,
            left_out: 0,
            instructions: None,
            noted_time: None,
            asked: None,
            judged: 0,
            turn: None,
        }
    }

    /// For nodes, which only run within a turn.
    pub fn current_turn(&self) -> &TurnState {
        self.turn.as_ref().expect("nodes run within a turn")
    }

    pub fn current_turn_mut(&mut self) -> &mut TurnState {
        self.turn.as_mut().expect("nodes run within a turn")
    }

    /// The entries that the summary doesn't hold.
    pub fn unfolded(&self) -> &[Entry] {
        &self.entries[self.folded.min(self.entries.len())..]
    }

    /// The entries that the prompt shows.
    pub fn shown(&self) -> &[Entry] {
        let unfolded = self.unfolded();
        &unfolded[self.left_out.min(unfolded.len())..]
    }

    /// Puts the person's message into the history, once; `prompt_text` is what the prompt shows of it, where that
    /// isn't the text itself.
    pub fn record_message(&mut self, prompt_text: Option<String>) {
        let Some(turn) = self.turn.as_mut().filter(|turn| !turn.recorded) else { return };
        turn.recorded = true;
        let message = Message {
            turn_id: turn.id,
            role: Role::User,
            text: turn.text.clone(),
            images: turn.images.clone(),
            interrupted: false,
            timestamp: turn.started_at,
        };
        self.entries.push(Entry { message, prompt_text, hidden: false, sentences: Vec::new() });
    }

    /// Takes the newest message back where it is the person's and reads `text`: it got no reply, and is said again.
    pub fn take_back_unanswered(&mut self, text: &str) {
        let unanswered = |entry: &Entry| {
            entry.message.role == Role::User && entry.message.text == text && entry.message.images.is_empty()
        };
        if self.entries.last().is_some_and(unanswered) {
            self.entries.pop();
        }
    }

    /// Takes the newest turn out of the history, and gives back the person's message; nothing where `turn` isn't the newest.
    pub fn take_back(&mut self, turn: TurnId) -> Option<Message> {
        self.entries.last().filter(|newest| newest.message.turn_id == turn)?;
        let start = self.entries.iter().position(|entry| entry.message.turn_id == turn)?;
        if start < self.folded || self.entries[start].message.role != Role::User {
            return None;
        }
        self.entries.drain(start..).next().map(|entry| entry.message)
    }

    /// Puts what Rose said into the history; nothing where she said nothing.
    pub fn record_reply(&mut self, said: Said, now: Timestamp) {
        let Some(turn) = self.turn.as_mut() else { return };
        turn.answered = true;
        if said.text.is_empty() {
            return;
        }
        let message = Message {
            turn_id: turn.id,
            role: Role::Assistant,
            text: said.text,
            images: Vec::new(),
            interrupted: said.interrupted,
            timestamp: now,
        };
        self.entries.push(Entry { message, prompt_text: None, hidden: false, sentences: said.sentences });
    }

    /// Puts an exchange into the history that no turn had.
    pub fn recount(&mut self, said: &str, answered: &str, now: Timestamp) {
        let turn_id = TurnId::generate();
        for (role, text) in [(Role::User, said), (Role::Assistant, answered)] {
            if !text.is_empty() {
                let (text, images) = (text.to_owned(), Vec::new());
                let message = Message { turn_id, role, text, images, interrupted: false, timestamp: now };
                self.entries.push(Entry { message, prompt_text: None, hidden: false, sentences: Vec::new() });
            }
        }
    }

    /// Shows nothing of what was said so far to the model again.
    pub fn hide_everything(&mut self) {
        self.entries.iter_mut().for_each(|entry| entry.hidden = true);
        self.summary = None;
    }

    /// Shows nothing to the model again that speaks of any of `matters`: messages, their answers, sentences of the
    /// summary.
    pub fn hide(&mut self, matters: &[String]) {
        let matters: Vec<HashSet<String>> = matters.iter().map(|matter| content_stems(matter).collect()).collect();
        let speaks_of_it = |text: &str| {
            let said: HashSet<String> = content_stems(text).collect();
            matters.iter().any(|matter| {
                !matter.is_empty() && matter.intersection(&said).count() as f64 >= SPEAKS_OF * matter.len() as f64
            })
        };
        let mut answers_hidden = false;
        for entry in &mut self.entries {
            let hidden = speaks_of_it(&entry.message.text)
                || entry.prompt_text.as_ref().is_some_and(|text| speaks_of_it(text))
                || (answers_hidden && entry.message.role == Role::Assistant);
            answers_hidden = hidden && entry.message.role == Role::User;
            entry.hidden |= hidden;
        }
        if let Some(summary) = &self.summary {
            let kept: String = summary.split_sentence_bounds().filter(|sentence| !speaks_of_it(sentence)).collect();
            self.summary = Some(kept.trim().to_owned()).filter(|kept| !kept.is_empty());
        }
    }

    /// Shows nothing of the current turn to the model again.
    pub fn hide_current_turn(&mut self) {
        let Some(turn) = self.turn.as_ref().map(|turn| turn.id) else { return };
        self.entries.iter_mut().filter(|entry| entry.message.turn_id == turn).for_each(|entry| entry.hidden = true);
    }

    /// As JSON, with the version beside the fields.
    pub fn to_value(&self) -> Value {
        let mut value = serde_json::to_value(self).expect("the state has only string keys");
        value["version"] = VERSION.into();
        value
    }

    /// # Errors
    /// `Newer` where a newer build wrote it, `Damaged` where it is no state.
    pub fn from_value(value: Value) -> Result<Self, StateError> {
        let value = migrate(value, MIGRATIONS)?;
        let state: Self = serde_json::from_value(value).map_err(|error| {
            // serde quotes values in some messages; its category and place say enough.
            StateError::Damaged(format!("{:?} error at column {}", error.classify(), error.column()))
        })?;
        if state.folded > state.entries.len() {
            return Err(StateError::Damaged("more messages are folded than there are".into()));
        }
        Ok(state)
    }
}

/// Version 1 kept the kind alone, and it was always danger.
fn danger_becomes_an_alarm(state: &mut Value) {
    let Some(turn) = state.get_mut("turn").and_then(Value::as_object_mut) else { return };
    if let Some(Value::String(kind)) = turn.remove("danger") {
        turn.insert("alarm".into(), json!({"level": "danger", "kind": kind, "layer": "patterns"}));
    }
}

fn migrate(mut value: Value, migrations: &[Migration]) -> Result<Value, StateError> {
    let newest = migrations.len() as u64 + 1;
    let found = value
        .get("version")
        .and_then(Value::as_u64)
        .filter(|version| *version > 0)
        .ok_or_else(|| StateError::Damaged("no version".into()))?;
    if found > newest {
        return Err(StateError::Newer { found, newest });
    }
    for migration in &migrations[(found - 1) as usize..] {
        migration(&mut value);
    }
    Ok(value)
}

/// What became of a reply.
#[derive(Clone, PartialEq, Default)]
pub struct Said {
    /// What was sent, or, where it was spoken, the sentences whose sound was sent.
    pub text: String,
    pub interrupted: bool,
    /// Empty for a reply in writing.
    pub sentences: Vec<SpokenSentence>,
}

/// Shows the shape only: what was said never reaches a log.
impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "State({}, {} messages, {} folded)", self.session, self.entries.len(), self.folded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        let mut state = State::new(SessionId::generate(), UserId::generate());
        state.turn = Some(TurnState::new(TurnId::generate(), "Hello.".into(), Vec::new(), Timestamp::UNIX_EPOCH));
        state.record_message(Some("(It is evening.) Hello.".into()));
        let sentences = vec![SpokenSentence { end: 3, duration: Duration::from_millis(400) }];
        state.record_reply(Said { text: "Hi.".into(), interrupted: true, sentences }, Timestamp::UNIX_EPOCH);
        state
    }

    #[test]
    fn survives_the_round_trip() {
        let state = state();
        let value = state.to_value();
        assert_eq!(value["version"], VERSION);
        assert!(State::from_value(value).unwrap() == state);
    }

    #[test]
    fn a_newer_version_is_refused() {
        let mut value = state().to_value();
        value["version"] = json!(VERSION + 1);
        let newest = VERSION as u64;
        assert_eq!(State::from_value(value).unwrap_err(), StateError::Newer { found: newest + 1, newest });
    }

    #[test]
    fn what_is_no_state_is_damaged_and_not_quoted() {
        for value in [json!(null), json!({"version": 0}), json!({"version": 1, "entries": "I told you a secret"})] {
            match State::from_value(value).unwrap_err() {
                StateError::Damaged(why) => assert!(!why.contains("secret")),
                other => panic!("{other}"),
            }
        }
    }

    #[test]
    fn old_versions_pass_through_each_migration_from_their_own() {
        let migrations: &[Migration] = &[
            |value| value["trace"] = json!("one"),
            |value| {
                let trace = value["trace"].as_str().unwrap_or_default().to_owned();
                value["trace"] = json!(trace + " two");
            },
        ];
        assert_eq!(migrate(json!({"version": 1}), migrations).unwrap()["trace"], "one two");
        assert_eq!(migrate(json!({"version": 2}), migrations).unwrap()["trace"], " two");
        assert_eq!(migrate(json!({"version": 3}), migrations).unwrap().get("trace"), None);
        assert!(migrate(json!({"version": 4}), migrations).is_err());
    }

    #[test]
    fn a_danger_of_version_1_is_an_alarm_of_version_2() {
        let mut state = state();
        state.turn = Some(TurnState::new(TurnId::generate(), "Help.".into(), Vec::new(), Timestamp::UNIX_EPOCH));
        let mut value = state.to_value();
        value["version"] = json!(1);
        value["turn"]["danger"] = json!("medical");
        value["turn"].as_object_mut().unwrap().remove("alarm");
        let alarm = State::from_value(value).unwrap().turn.unwrap().alarm.unwrap();
        assert_eq!((alarm.kind, alarm.level), (Kind::Medical, crate::domain::danger::Level::Danger));
    }

    #[test]
    fn what_got_no_reply_and_is_said_again_stands_once() {
        let mut state = state();
        state.turn = Some(TurnState::new(TurnId::generate(), "Hello".into(), Vec::new(), Timestamp::UNIX_EPOCH));
        state.record_message(None);
        let recorded = state.entries.len();
        state.take_back_unanswered("Good evening");
        assert_eq!(state.entries.len(), recorded, "another message stays");
        state.take_back_unanswered("Hello");
        assert_eq!(state.entries.len(), recorded - 1);
        state.turn = Some(TurnState::new(TurnId::generate(), "Hello".into(), Vec::new(), Timestamp::UNIX_EPOCH));
        state.record_message(None);
        state.record_reply(Said { text: "Hello.".into(), ..Said::default() }, Timestamp::UNIX_EPOCH);
        state.take_back_unanswered("Hello");
        assert_eq!(state.entries.len(), recorded + 1, "what was answered stays");
    }

    #[test]
    fn the_newest_turn_is_taken_back_and_no_other() {
        let mut state = state();
        let first = state.entries[0].message.turn_id;
        let picture = BlobId::generate();
        let newest = TurnState::new(TurnId::generate(), "Look.".into(), vec![picture], Timestamp::UNIX_EPOCH);
        let id = newest.id;
        state.turn = Some(newest);
        state.record_message(None);
        assert!(state.take_back(first).is_none());
        assert_eq!(
            state.take_back(id).map(|message| (message.text, message.images)),
            Some(("Look.".into(), vec![picture]))
        );
        assert_eq!(state.take_back(first).map(|message| message.text), Some("Hello.".into()), "with its answer");
        assert!(state.entries.is_empty());
    }

    #[test]
    fn a_message_is_recorded_once() {
        let mut state = state();
        state.record_message(None);
        assert_eq!(state.entries.len(), 2);
    }
}
