//! Answers a message of danger with prepared words that name emergency services and crisis lines.
//!
//! The model doesn't go on from there: a small one can't be trusted with the sentence that comes next, and the prepared
//! words end in a question. Nothing of such a message is kept as a memory, from where it could come up in a chat about
//! the weather.

use async_trait::async_trait;

use crate::domain::stage::{EngineTiming, Stage};
use crate::graph::GraphError;
use crate::graph::node::{Context, Node};
use crate::graph::prompt;
use crate::graph::state::State;

pub(super) const NAME: &str = "answer_danger";

pub struct AnswerDanger;

#[async_trait]
impl Node for AnswerDanger {
    fn name(&self) -> &'static str {
        NAME
    }

    fn stage(&self) -> Option<Stage> {
        Some(Stage::Respond)
    }

    async fn run(&self, state: &mut State, context: &mut Context<'_>) -> Result<EngineTiming, GraphError> {
        let patterns = &context.ports.character.danger;
        let Some(kind) = state.current_turn().danger else { return Ok(EngineTiming::default()) };
        let reply = patterns.reply(kind, prompt::replies(&state.entries).take(4));
        state.record_message(None);
        context.listener.recite(reply, &patterns.spoken(reply)).await;
        let said = context.listener.deliver().await;
        state.record_reply(said, (context.ports.clock)().timestamp());
        Ok(EngineTiming::default())
    }
}
