//! Judges whether the message speaks of danger. First of all nodes. What is said plainly is known at once; what stands
//! between the lines is begun here, and waited for by whoever answers.

use async_trait::async_trait;

use crate::care::{Alarm, Layer, Level, Watch};
use crate::domain::message::Role;
use crate::domain::stage::{EngineTiming, Stage};
use crate::graph::GraphError;
use crate::graph::node::{Context, Node, Ports};
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
        let ports = context.ports;
        let mut profile = ports.people.profile(state.user).await?;
        let patterns = &ports.character.danger;
        let text = state.current_turn().text.as_str();
        if let Some(country) = ports.character.helplines.by_words(text) {
            profile.country = Some(country.code.clone());
        }
        profile.minor |= patterns.says_under_age(text);
        let alarm = plainly(state, ports);
        let turn = state.current_turn_mut();
        turn.alarm = alarm;
        turn.profile = profile;
        if alarm.is_none() {
            drop(watch(state, ports));
        }
        Ok(EngineTiming::default())
    }
}

/// What the patterns hear in the turn's message, or a yes to what Rose asked.
pub fn plainly(state: &State, ports: &Ports) -> Option<Alarm> {
    let patterns = &ports.character.danger;
    let text = &state.current_turn().text;
    let alarm = |kind, layer| Alarm { level: Level::Danger, kind, layer };
    let asked = state.asked.filter(|_| patterns.says_yes(text)).map(|kind| alarm(kind, Layer::Answer));
    patterns.judge(text).map(|kind| alarm(kind, Layer::Patterns)).or(asked)
}

/// The verdict on the turn's message, on its way. The person's last messages are judged together, since hints add up;
/// those that Rose has asked about already are not.
pub fn watch(state: &State, ports: &Ports) -> Watch {
    let turn = state.current_turn();
    let earlier = state
        .entries
        .iter()
        .skip(state.judged)
        .filter(|entry| entry.message.role == Role::User && !entry.hidden && entry.message.turn_id != turn.id);
    let mut said: Vec<&str> = earlier.map(|entry| entry.message.text.as_str()).collect();
    said.push(&turn.text);
    ports.care.watch(&said)
}
