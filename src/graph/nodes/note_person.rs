//! Keeps what the turn showed of the person beyond the conversation: when they talked, where they are, that they were told
//! what Rose is. Runs once they have their reply.

use async_trait::async_trait;

use crate::domain::stage::{EngineTiming, Stage};
use crate::graph::GraphError;
use crate::graph::node::{Context, Node};
use crate::graph::state::State;

pub(super) const NAME: &str = "note_person";

pub struct NotePerson;

#[async_trait]
impl Node for NotePerson {
    fn name(&self) -> &'static str {
        NAME
    }

    fn stage(&self) -> Option<Stage> {
        None
    }

    fn after_reply(&self) -> bool {
        true
    }

    async fn run(&self, state: &mut State, context: &mut Context<'_>) -> Result<EngineTiming, GraphError> {
        let turn = state.current_turn();
        let (at, disclosed) = (turn.started_at, turn.disclosed);
        let (country, minor) = (turn.profile.country.clone(), turn.profile.minor);
        let change = Box::new(move |profile: &mut crate::domain::person::Profile| {
            profile.note_turn(at);
            profile.country = country;
            profile.minor |= minor;
            if disclosed {
                profile.disclosed_at = Some(at);
            }
        });
        context.ports.people.change_profile(state.user, change).await?;
        Ok(EngineTiming::default())
    }
}
