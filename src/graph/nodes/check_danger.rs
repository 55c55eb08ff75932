//! Judges whether the message speaks of self-harm or immediate danger. First of all nodes, and without a model.

use async_trait::async_trait;

use crate::domain::stage::{EngineTiming, Stage};
use crate::graph::GraphError;
use crate::graph::node::{Context, Node};
use crate::graph::state::State;

pub(super) const NAME: &str = "check_danger";

pub struct CheckDanger;

#[async_trait]
impl Node for CheckDanger {
    fn name(&self) -> &'static str {
        NAME
    }

    fn stage(&self) -> Option<Stage> {
        None
    }

    async fn run(&self, state: &mut State, context: &mut Context<'_>) -> Result<EngineTiming, GraphError> {
        let turn = state.current_turn_mut();
        turn.danger = context.ports.character.danger.judge(&turn.text);
        Ok(EngineTiming::default())
    }
}
