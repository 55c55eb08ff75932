//! Functions that replies call: the client runs them and tells the results, and the turn goes on.

use super::{Refusal, Session};
use crate::conversation::Outcome;
use crate::domain::ids::TurnId;
use crate::domain::message::Role;
use crate::providers::llm::ChatMessage;
use crate::server::realtime::client_event::NewItem;
use crate::server::realtime::items::{Item, new_item_id};
use crate::server::realtime::problem::Problem;

/// Longer results are refused: they must fit the context of a small model.
const MOST_OUTPUT_CHARS: usize = 16_000;

/// Rounds of calls in one turn.
const MOST_MESSAGES: usize = 64;

/// A turn that waits for results.
pub(super) struct Exchange {
    pub(super) turn: TurnId,
    /// The calls until now, and their results.
    pub(super) messages: Vec<ChatMessage>,
    /// Ids of calls without a result.
    open: Vec<String>,
}

impl Exchange {
    /// Every call has its result.
    pub(super) fn is_whole(&self) -> bool {
        self.open.is_empty()
    }
}

impl Session {
    /// Keeps what a reply called.
    pub(super) fn note_calls(&mut self, outcome: &Outcome) {
        if outcome.calls.is_empty() {
            // The turn is answered; results that are not there yet are still waited for.
            self.exchange.take_if(|exchange| exchange.is_whole());
            return;
        }
        let mut messages = self.exchange.take().map(|exchange| exchange.messages).unwrap_or_default();
        let calls = outcome.calls.clone();
        let open = calls.iter().map(|call| call.id.clone()).collect();
        messages.push(ChatMessage { calls, ..ChatMessage::new(Role::Assistant, outcome.text.clone()) });
        self.exchange = Some(Exchange { turn: outcome.turn_id, messages, open });
    }

    pub(super) fn add_call_output(&mut self, new: NewItem) -> Result<(), Refusal> {
        let (Some(call_id), Some(output)) = (new.call_id, new.output) else {
            return Err(Problem::value("item", "A function_call_output has `call_id` and `output`.").into());
        };
        if output.chars().count() > MOST_OUTPUT_CHARS {
            let message = format!("A function's result may have {MOST_OUTPUT_CHARS} characters.");
            return Err(Problem::value("item.output", message).into());
        }
        let exchange = self.exchange.as_mut().filter(|exchange| exchange.open.contains(&call_id));
        let Some(exchange) = exchange else {
            return Err(Problem::value("item.call_id", "No call of this id waits for a result.").into());
        };
        if exchange.messages.len() >= MOST_MESSAGES {
            return Err(Problem::new("too_many_calls", "This turn has called functions too often.").into());
        }
        exchange.open.retain(|open| *open != call_id);
        exchange.messages.push(ChatMessage::tool_result(call_id.clone(), output.clone()));
        let id = self.new_id(new.id)?;
        Ok(self.add_item_to_the_end(&Item::call_output(id, call_id, output))?)
    }

    /// The client's id for an item, or one of Rose's.
    ///
    /// # Errors
    /// Where there is one of that id already.
    pub(super) fn new_id(&self, given: Option<String>) -> Result<String, Refusal> {
        let id = given.filter(|id| !id.is_empty() && id.len() <= 64).unwrap_or_else(new_item_id);
        match self.items.get(&id) {
            Some(_) => Err(Problem::value("item.id", "There is an item of this id already.").into()),
            None => Ok(id),
        }
    }
}
