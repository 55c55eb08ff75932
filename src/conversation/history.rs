//! What was said, what of it was heard, and what a crash cut off.

use std::time::Duration;

use tracing::{info, warn};

use super::ConversationError;
use super::start::Conversation;
use crate::domain::ids::{SessionId, TurnId, UserId};
use crate::domain::message::{Message, Role};
use crate::graph::state::{Entry, State};
use crate::store::StoreError;

/// A sentence that ended this little before the person spoke was heard to its end.
const HEARD_TO_THE_END: Duration = Duration::from_millis(150);

impl Conversation {
    /// Everything said, oldest first. A message of the person's with none of Rose's behind it was not answered.
    ///
    /// # Errors
    /// `NotFound` where the session is not this user's.
    pub async fn history(&self, user: UserId, session: SessionId) -> Result<Vec<Message>, ConversationError> {
        self.inner.sessions.session(user, session).await?;
        let mut thread = self.inner.runner.load(user, session).await?;
        // Said, though its turn has not come far enough to write it down.
        if thread.cut_off().is_some() {
            thread.state.record_message(None);
        }
        Ok(thread.state.entries.into_iter().map(|entry| entry.message).collect())
    }

    /// What Rose said in a turn; nothing where she said nothing.
    ///
    /// # Errors
    /// `NotFound` where the session is not this user's, or has no such turn.
    pub async fn reply(&self, user: UserId, session: SessionId, turn: TurnId) -> Result<String, ConversationError> {
        let mut of_turn = self.history(user, session).await?;
        of_turn.retain(|message| message.turn_id == turn);
        if of_turn.is_empty() {
            return Err(StoreError::NotFound("turn").into());
        }
        Ok(of_turn.pop().filter(|last| last.role == Role::Assistant).map(|reply| reply.text).unwrap_or_default())
    }

    /// Tells how much of a turn's spoken reply the person heard before they interrupted. The history keeps that much, to
    /// the word as far as can be judged, and the next prompt tells the model. Waits for the turn where it still runs;
    /// a turn that is not the newest stays as it is.
    ///
    /// # Errors
    /// `NotFound` where the session is not this user's.
    pub async fn heard(
        &self,
        user: UserId,
        session: SessionId,
        turn: TurnId,
        heard: Duration,
    ) -> Result<(), ConversationError> {
        let inner = &self.inner;
        inner.sessions.session(user, session).await?;
        let entered = inner.entered.enter(session).await?;
        let mut thread = inner.runner.load(user, session).await?;
        let cut = cut_to_heard(&mut thread.state, turn, heard);
        if cut {
            inner.runner.amend(&mut thread).await?;
        }
        drop(entered);
        if cut {
            let inner = std::sync::Arc::clone(inner);
            self.inner.tasks.spawn(async move { inner.work_ahead(&thread).await });
        }
        Ok(())
    }

    /// Puts an exchange into the history that took place elsewhere: what the person said, where it is not empty, and what
    /// Rose answered. Waits for a turn that runs.
    ///
    /// # Errors
    /// `NotFound` where the session is not this user's.
    pub async fn recount(
        &self,
        user: UserId,
        session: SessionId,
        said: &str,
        answered: &str,
    ) -> Result<(), ConversationError> {
        let inner = &self.inner;
        inner.sessions.session(user, session).await?;
        let _entered = inner.entered.enter(session).await?;
        let mut thread = inner.runner.load(user, session).await?;
        inner.settle(&mut thread).await?;
        thread.state.recount(said, answered, (inner.ports.clock)().timestamp());
        Ok(inner.runner.amend(&mut thread).await?)
    }

    /// Lets the model compute what this session's next prompt begins with, while the person hasn't spoken yet. Returns
    /// at once.
    pub fn prepare(&self, user: UserId, session: SessionId) {
        let inner = std::sync::Arc::clone(&self.inner);
        self.inner.tasks.spawn(async move {
            match inner.runner.load(user, session).await {
                Ok(thread) => inner.work_ahead(&thread).await,
                Err(error) => tracing::debug!(error = %error, "the session's prompt was not prepared"),
            }
        });
    }

    /// Lets the model compute what every new session's prompt begins with, and after that, in its own time, what the
    /// judgements' do.
    pub async fn prepare_beginnings(&self) {
        let inner = &self.inner;
        if let Err(error) = inner.compute_beginning().await {
            tracing::debug!(error = %error, "the character's prompt was not prepared");
        }
        let inner = std::sync::Arc::clone(inner);
        self.inner.tasks.spawn(async move {
            inner.ports.memories.prepare().await;
            inner.ports.routes.prepare().await;
        });
    }

    /// Ends the turns that a crash cut off: where the reply was complete, what comes after it is made up for; where
    /// it was not, the turn is closed, and the person's message stays in the history without an answer. Returns how many
    /// there were.
    ///
    /// # Errors
    /// Where the store fails. A conversation that can't be read is left as it is, with a warning.
    pub async fn resume_unfinished(&self) -> Result<usize, ConversationError> {
        let inner = &self.inner;
        let mut resumed = 0;
        for session in inner.runner.unfinished().await? {
            let _entered = inner.entered.enter(session).await?;
            let settled = match inner.runner.load_any(session).await {
                Ok(Some(mut thread)) => inner.settle(&mut thread).await,
                Ok(None) => continue,
                Err(error) => Err(error.into()),
            };
            match settled {
                Ok(()) => resumed += 1,
                Err(error) => warn!(session.id = %session, error = %error, "a cut-off turn could not be ended"),
            }
        }
        if resumed > 0 {
            info!(conversation.resumed = resumed, "ended the turns that were cut off");
        }
        Ok(resumed)
    }
}

/// Whether anything changed.
fn cut_to_heard(state: &mut State, turn: TurnId, heard: Duration) -> bool {
    let Some(entry) = state.entries.last_mut() else { return false };
    let newest = entry.message.turn_id == turn && entry.message.role == Role::Assistant;
    if !newest || entry.sentences.is_empty() {
        return false;
    }
    let text = heard_text(entry, heard);
    if text.len() >= entry.message.text.len() {
        return false;
    }
    if text.is_empty() {
        state.entries.pop();
        return true;
    }
    entry.message.text = text;
    entry.message.interrupted = true;
    true
}

/// The sentences that were heard, and of the one that was cut as many words as its share of time.
fn heard_text(entry: &Entry, heard: Duration) -> String {
    let text = &entry.message.text;
    let mut start = 0;
    let mut from = Duration::ZERO;
    for sentence in &entry.sentences {
        let end = sentence.end.min(text.len());
        let until = from + sentence.duration;
        if heard + HEARD_TO_THE_END < until {
            let words: Vec<&str> = text[start..end].split_whitespace().collect();
            let share = heard.saturating_sub(from).as_secs_f64() / sentence.duration.as_secs_f64().max(0.001);
            let kept = (words.len() as f64 * share) as usize;
            let part = words[..kept.min(words.len())].join(" ");
            let before = text[..start].trim_end();
            return match (before.is_empty(), part.is_empty()) {
                (_, true) => before.to_owned(),
                (true, false) => part,
                (false, false) => format!("{before} {part}"),
            };
        }
        from = until;
        start = end;
    }
    text[..start].to_owned()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::graph::state::{Said, SpokenSentence, TurnState};

    fn state() -> (State, TurnId) {
        let turn = TurnId::generate();
        let mut state = State::new(SessionId::generate(), UserId::generate());
        state.turn = Some(TurnState::new(turn, "Hi.".into(), Vec::new(), Timestamp::UNIX_EPOCH));
        state.record_message(None);
        let sentences = vec![
            SpokenSentence { end: 16, duration: Duration::from_secs(1) },
            SpokenSentence { end: 40, duration: Duration::from_secs(2) },
        ];
        let text = "I am glad today. Tell me more about that.";
        let said = Said { text: text[..40].to_owned() + ".", interrupted: false, sentences };
        state.record_reply(said, Timestamp::UNIX_EPOCH);
        (state, turn)
    }

    fn cut(heard_ms: u64) -> Vec<String> {
        let (mut state, turn) = state();
        cut_to_heard(&mut state, turn, Duration::from_millis(heard_ms));
        state.entries.into_iter().map(|entry| entry.message.text).collect()
    }

    #[test]
    fn the_history_keeps_what_was_heard() {
        assert_eq!(cut(2000), ["Hi.", "I am glad today. Tell me"]);
        assert_eq!(cut(1050), ["Hi.", "I am glad today."]);
        assert_eq!(cut(500), ["Hi.", "I am"]);
        assert_eq!(cut(0), ["Hi."]);
    }

    #[test]
    fn another_turn_is_left_alone() {
        let (mut state, _) = state();
        assert!(!cut_to_heard(&mut state, TurnId::generate(), Duration::ZERO));
    }
}
