//! Fetches what this person told before that has to do with what they say now.

use async_trait::async_trait;

use crate::domain::message::Role;
use crate::domain::stage::{EngineTiming, Stage};
use crate::graph::GraphError;
use crate::graph::node::{Context, Node};
use crate::graph::state::State;

pub(super) const NAME: &str = "extract_memories";

/// Messages that are looked at, with the one that is answered.
const RECENT_MESSAGES: usize = 3;

pub struct ExtractMemories;

#[async_trait]
impl Node for ExtractMemories {
    fn name(&self) -> &'static str {
        NAME
    }

    fn stage(&self) -> Option<Stage> {
        Some(Stage::ExtractMemories)
    }

    async fn run(&self, state: &mut State, context: &mut Context<'_>) -> Result<EngineTiming, GraphError> {
        // The person's own messages: Rose's would call up what she said herself.
        let earlier = state.entries.iter().rev().filter(|entry| entry.message.role == Role::User);
        let mut recent: Vec<String> =
            earlier.take(RECENT_MESSAGES - 1).map(|entry| entry.message.text.clone()).collect();
        recent.reverse();
        recent.push(state.current_turn().text.clone());
        match context.ports.memories.recall(state.user, &recent).await {
            Ok(recalled) => {
                context.listener.memories_used(&recalled.memories).await;
                let turn = state.current_turn_mut();
                turn.memories = recalled.memories.into_iter().map(|recalled| recalled.memory).collect();
                Ok(recalled.timing)
            }
            // An answer without memories is better than none.
            Err(error) => {
                tracing::warn!(error = %error, "no memories could be recalled for this turn");
                Ok(EngineTiming::default())
            }
        }
    }
}
