//! Decides which way the turn is answered.

use async_trait::async_trait;

use crate::domain::stage::{EngineTiming, Stage};
use crate::graph::GraphError;
use crate::graph::node::{Context, Node};
use crate::graph::state::State;

pub(super) const NAME: &str = "route";

pub struct Route;

#[async_trait]
impl Node for Route {
    fn name(&self) -> &'static str {
        NAME
    }

    fn stage(&self) -> Option<Stage> {
        Some(Stage::Route)
    }

    async fn run(&self, state: &mut State, context: &mut Context<'_>) -> Result<EngineTiming, GraphError> {
        let turn = state.current_turn_mut();
        let route = context.ports.routes.route(&turn.text, context.cancel.clone()).await;
        turn.route = route;
        context.listener.routed(route).await;
        Ok(EngineTiming::default())
    }
}
