//! Keeps what the person's own message tells of them. Runs once they have their reply.

use async_trait::async_trait;

use crate::domain::stage::{EngineTiming, Stage};
use crate::graph::GraphError;
use crate::graph::node::{Context, Node};
use crate::graph::state::State;
use crate::memory::Said;

pub(super) const NAME: &str = "inject_memories";

pub struct InjectMemories;

#[async_trait]
impl Node for InjectMemories {
    fn name(&self) -> &'static str {
        NAME
    }

    fn stage(&self) -> Option<Stage> {
        Some(Stage::InjectMemories)
    }

    fn after_reply(&self) -> bool {
        true
    }

    async fn run(&self, state: &mut State, context: &mut Context<'_>) -> Result<EngineTiming, GraphError> {
        let ports = context.ports;
        let turn = state.current_turn();
        if turn.alarm.is_some() {
            return Ok(EngineTiming::default());
        }
        let now = (ports.clock)();
        let at = turn.started_at.to_zoned(now.time_zone().clone());
        let said = Said { session: Some(state.session), message: &turn.text, at: &at };
        ports.memories.consider(state.user, said, context.hurry.clone()).await?;
        Ok(EngineTiming::default())
    }
}
