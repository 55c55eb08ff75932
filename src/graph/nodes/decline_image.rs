//! Answers the wish for a picture where no image backend is there to make one.

use async_trait::async_trait;

use crate::domain::stage::{EngineTiming, Stage};
use crate::graph::GraphError;
use crate::graph::character::Lines;
use crate::graph::node::{Context, Node};
use crate::graph::prompt;
use crate::graph::state::State;

pub(super) const NAME: &str = "decline_image";

pub struct DeclineImage;

#[async_trait]
impl Node for DeclineImage {
    fn name(&self) -> &'static str {
        NAME
    }

    fn stage(&self) -> Option<Stage> {
        Some(Stage::Image)
    }

    async fn run(&self, state: &mut State, context: &mut Context<'_>) -> Result<EngineTiming, GraphError> {
        let said: Vec<&str> = prompt::replies(&state.entries).take(2).collect();
        let line = Lines::fresh(&context.ports.character.lines.no_image, &said);
        context.listener.recite(line, line).await;
        state.record_message(None);
        let said = context.listener.deliver().await;
        state.record_reply(said, (context.ports.clock)().timestamp());
        Ok(EngineTiming::default())
    }
}
