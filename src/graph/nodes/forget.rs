//! Forgets what the person wishes forgotten, and says so. Nothing of it is shown to the model again.

use async_trait::async_trait;

use crate::domain::stage::{EngineTiming, Stage};
use crate::graph::GraphError;
use crate::graph::character::Lines;
use crate::graph::node::{Context, Node};
use crate::graph::prompt;
use crate::graph::state::State;
use crate::language::en::forgetting;
use crate::memory::Forgotten;

use super::answer_danger::answered_alarm;
use super::inject_context::to_their_face;

pub(super) const NAME: &str = "forget";

/// Of several memories, so many are told.
const MOST_TOLD: usize = 3;

pub struct Forget;

#[async_trait]
impl Node for Forget {
    fn name(&self) -> &'static str {
        NAME
    }

    fn stage(&self) -> Option<Stage> {
        None
    }

    async fn run(&self, state: &mut State, context: &mut Context<'_>) -> Result<EngineTiming, GraphError> {
        let text = state.current_turn().text.clone();
        if forgetting::wish(&text).is_some() && answered_alarm(state, context).await {
            return Ok(EngineTiming::default());
        }
        let ports = context.ports;
        let Some(forgotten) = ports.memories.forget(state.user, &text, context.cancel.clone()).await? else {
            return Ok(EngineTiming::default());
        };
        let lines = &ports.character.lines;
        let said: Vec<&str> = prompt::replies(&state.entries).take(2).collect();
        let line = match &forgotten {
            Forgotten::Everything(_) => Lines::fresh(&lines.forgotten_all, &said).to_owned(),
            Forgotten::These(memories) if memories.is_empty() => {
                Lines::fresh(&lines.nothing_to_forget, &said).to_owned()
            }
            Forgotten::These(memories) => {
                let told = memories.iter().take(MOST_TOLD).map(|memory| to_their_face(&memory.text));
                let line = Lines::fresh(&lines.forgotten, &said);
                line.replace("{what}", &told.collect::<Vec<_>>().join(" "))
            }
        };
        match &forgotten {
            Forgotten::Everything(_) => state.hide_everything(),
            Forgotten::These(memories) => {
                let mut matters: Vec<String> = memories.iter().map(|memory| memory.text.clone()).collect();
                if let Some(forgetting::Wish::About(words) | forgetting::Wish::Sentence(words)) =
                    forgetting::wish(&text)
                {
                    matters.push(words);
                }
                state.hide(&matters);
            }
        }
        state.record_message(None);
        context.listener.recite(&line, &line).await;
        let said = context.listener.deliver().await;
        state.record_reply(said, (ports.clock)().timestamp());
        state.hide_current_turn();
        Ok(EngineTiming::default())
    }
}
