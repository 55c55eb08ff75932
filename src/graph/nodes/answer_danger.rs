//! Answers a message of danger with prepared words that say whom to call.
//!
//! The model doesn't go on from there: a small one can't be trusted with the sentence that comes next, and the prepared
//! words end in a question. Nothing of such a message is kept as a memory, from where it could come up in a chat about
//! the weather.

use async_trait::async_trait;
use tracing::warn;

use crate::care::{Alarm, Level};
use crate::domain::stage::{EngineTiming, Stage};
use crate::graph::GraphError;
use crate::graph::node::{Context, Node, Ports};
use crate::graph::prompt;
use crate::graph::state::State;

use super::check_danger::watch;
use super::respond::tell_what_is_asked;

pub(super) const NAME: &str = "answer_danger";

/// Replies in which an answer isn't given again.
const RECENT_REPLIES: usize = 6;

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
        if let Some(alarm) = state.current_turn().alarm {
            answer(state, context, alarm).await;
        }
        Ok(EngineTiming::default())
    }
}

/// Waits for the verdict on the turn's message, for whoever is about to answer it; answers where it is an alarm, and
/// says so.
pub(super) async fn answered_alarm(state: &mut State, context: &mut Context<'_>) -> bool {
    let verdict = context.cancel.run_until_cancelled(watch(state, context.ports).verdict()).await;
    let Some(alarm) = verdict.flatten() else { return false };
    answer(state, context, alarm).await;
    true
}

/// As a metric, and by the day, with nobody's words.
pub async fn count_alarm(ports: &Ports, alarm: Alarm) {
    metrics::counter!(
        "rose_care_alarms_total",
        "kind" => alarm.kind.as_str(), "level" => alarm.level.as_str(), "layer" => alarm.layer.as_str()
    )
    .increment(1);
    let day = (ports.clock)().timestamp().to_zoned(jiff::tz::TimeZone::UTC).date();
    if let Err(error) = ports.counts.count_alarm(day, alarm).await {
        warn!(error = %error, "an alarm could not be counted");
    }
}

/// Says the prepared words, and counts the alarm.
pub(super) async fn answer(state: &mut State, context: &mut Context<'_>, alarm: Alarm) {
    let ports = context.ports;
    let now = (ports.clock)().timestamp();
    count_alarm(ports, alarm).await;
    state.current_turn_mut().alarm = Some(alarm);
    let replies = prompt::replies(&state.entries).take(RECENT_REPLIES);
    let words = ports.answer(alarm, &state.current_turn().profile, replies);
    state.record_message(None);
    state.asked = (alarm.level == Level::Concern).then_some(alarm.kind);
    state.judged = state.entries.len();
    context.listener.recite(&words.written, &words.spoken).await;
    // Whoever asks whether she is a person is told, and where it is only a concern, it may have been all they meant.
    if alarm.level == Level::Concern {
        tell_what_is_asked(state, context).await;
    }
    let said = context.listener.deliver().await;
    state.record_reply(said, now);
}
