//! Lets the model answer. Its words go to the listener as they come, who may say that it is enough.

use std::ops::ControlFlow;
use std::time::Instant;

use async_trait::async_trait;
use futures::StreamExt;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::care::{Alarm, Watch};
use crate::domain::image::{Image, ImageFormat};
use crate::domain::message::Role;
use crate::domain::stage::{EngineTiming, Stage, StageTiming};
use crate::graph::GraphError;
use crate::graph::character::Lines;
use crate::graph::guardrail::{Basis, Grounds, plain};
use crate::graph::node::{Context, Node, Ports, Settings};
use crate::graph::prompt;
use crate::graph::state::State;
use crate::providers::ProviderError;
use crate::providers::llm::{ChatMessage, Delta, Finish, GenerationRequest, ToolCall, Usage};

use super::answer_danger::answer;
use super::check_danger::watch;

pub(super) const NAME: &str = "respond";

/// How often the model may try when nothing of what it says can be used.
const ATTEMPTS: u32 = 3;

/// A cold model would only write the same again.
const TEMPERATURE_OF_A_RETRY: f32 = 0.8;

/// Replies whose sentences are not said again.
const RECENT_REPLIES: usize = 8;

pub struct Respond;

#[async_trait]
impl Node for Respond {
    fn name(&self) -> &'static str {
        NAME
    }

    fn stage(&self) -> Option<Stage> {
        Some(Stage::Respond)
    }

    async fn run(&self, state: &mut State, context: &mut Context<'_>) -> Result<EngineTiming, GraphError> {
        let messages = prompt_with_images(state, context.ports).await?;
        let watch = watch(state, context.ports);
        let mut spent = EngineTiming::default();
        let mut usable = false;
        for attempt in 0..ATTEMPTS {
            context.listener.begin_reply(grounds(state, context.ports));
            let tried = attempt_reply(state, context, &messages, attempt, &watch).await?;
            spent.queued += tried.timing.queued;
            spent.inference += tried.timing.inference;
            if let Some(alarm) = tried.alarm {
                answer(state, context, alarm).await;
                return Ok(spent);
            }
            usable = tried.usable;
            if !tried.calls.is_empty() {
                // The answer comes when the results are there.
                state.current_turn_mut().calling.calls = tried.calls;
                let said = context.listener.deliver().await;
                state.record_reply(said, (context.ports.clock)().timestamp());
                return Ok(spent);
            }
            if usable || context.cancel.is_cancelled() {
                break;
            }
        }
        if !context.cancel.is_cancelled() {
            complete(state, context, usable).await;
            disclose(state, context).await;
        }
        let said = context.listener.deliver().await;
        state.record_reply(said, (context.ports.clock)().timestamp());
        Ok(spent)
    }
}

/// Tells the person that they talk with an AI, where it is due.
async fn disclose(state: &mut State, context: &mut Context<'_>) {
    let ports = context.ports;
    let turn = state.current_turn();
    let minor = ports.is_minor(&turn.profile);
    let replies = prompt::replies(&state.entries).take(RECENT_REPLIES);
    if let Some(line) = ports.character.disclosure.due(&turn.profile, minor, turn.started_at, replies) {
        context.listener.recite(&line, &line).await;
        state.current_turn_mut().disclosed = true;
    }
}

/// Adds what the model left out: a word at all, or what guidance asks of the reply.
async fn complete(state: &State, context: &mut Context<'_>, usable: bool) {
    let told = tell_what_is_asked(state, context).await;
    if !told && !usable {
        let recent: Vec<&str> = prompt::replies(&state.entries).take(2).collect();
        let line = Lines::fresh(&context.ports.character.lines.listening, &recent);
        context.listener.recite(line, line).await;
    }
}

/// Says what guidance asks of an answer to the turn's message and hasn't been said; whether there was anything.
pub(super) async fn tell_what_is_asked(state: &State, context: &mut Context<'_>) -> bool {
    let character = &context.ports.character;
    let recent: Vec<&str> = prompt::replies(&state.entries).take(2).collect();
    let minor = context.ports.is_minor(&state.current_turn().profile);
    let mut missing = Vec::new();
    for topic in character.guardrail.guidance().asked(&state.current_turn().text, minor) {
        if !topic.is_met_by(context.listener.said()) {
            missing.push(fresh_line(&topic.lines, &recent));
        }
    }
    for line in &missing {
        context.listener.recite(line, line).await;
    }
    !missing.is_empty()
}

/// The first of `lines` that none of the `recent` replies holds, or else the first.
fn fresh_line<'a>(lines: &'a [String], recent: &[&str]) -> &'a str {
    let fresh = lines.iter().find(|line| !recent.iter().any(|reply| reply.contains(line.as_str())));
    fresh.or_else(|| lines.first()).map_or("", String::as_str)
}

async fn prompt_with_images(state: &State, ports: &Ports) -> Result<Vec<ChatMessage>, GraphError> {
    let mut messages = prompt::messages(state, &ports.character);
    if let Some(newest) = messages.last_mut() {
        for id in &state.current_turn().images {
            let blob = ports.blobs.blob(state.user, *id).await?;
            if let Some(format) = ImageFormat::sniff(&blob.bytes) {
                newest.images.push(Image { bytes: blob.bytes, format });
            }
        }
    }
    messages.extend(state.current_turn().calling.exchange.iter().cloned());
    Ok(messages)
}

/// What the model is asked for a reply to `messages`.
pub fn request(
    state: &State,
    settings: &Settings,
    messages: Vec<ChatMessage>,
    cancel: CancellationToken,
) -> GenerationRequest {
    GenerationRequest {
        messages,
        session: Some(state.session),
        max_tokens: settings.max_reply_tokens,
        sampling: settings.sampling,
        prefix: None,
        format: None,
        tools: state.turn.as_ref().and_then(|turn| turn.calling.tools.clone()),
        plain: true,
        stop: vec!["\nPerson:".into(), "\nUser:".into()],
        cancel,
    }
}

/// What the reply that is due is judged by.
pub fn grounds(state: &State, ports: &Ports) -> Grounds {
    let told = state.entries.iter().filter(|entry| entry.message.role == Role::User && !entry.hidden);
    let turn = state.current_turn();
    let results = turn.calling.exchange.iter().map(|message| message.text.as_str());
    let recent = if asks_to_repeat(&turn.text) { 0 } else { RECENT_REPLIES };
    ports.character.guardrail.grounds(&Basis {
        told: told.map(|entry| entry.message.text.as_str()).chain(results).collect(),
        remembered: turn.memories.iter().map(|memory| memory.text.as_str()).collect(),
        // The message that is answered stands in the entries too.
        acquainted: state.entries.len() > 1 || !turn.memories.is_empty(),
        replies: prompt::replies(&state.entries).take(recent).collect(),
        minor: ports.is_minor(&turn.profile),
    })
}

/// "Say that again", "what did you say?": then the same words are the right ones.
fn asks_to_repeat(text: &str) -> bool {
    const WORDS: [&str; 5] = ["again", "repeat", "pardon", "what did you say", "did not hear"];
    let plain = plain(text);
    WORDS.iter().any(|words| format!(" {plain} ").contains(&format!(" {words} ")))
}

/// One reply of the model's.
struct Tried {
    timing: EngineTiming,
    /// Any of it could be said.
    usable: bool,
    calls: Vec<ToolCall>,
    /// Nothing of it was said: the message speaks of danger.
    alarm: Option<Alarm>,
}

async fn attempt_reply(
    state: &State,
    context: &mut Context<'_>,
    messages: &[ChatMessage],
    attempt: u32,
    watch: &Watch,
) -> Result<Tried, GraphError> {
    // The reply may end before the turn does.
    let enough = context.cancel.child_token();
    let mut request = request(state, &context.ports.settings, messages.to_vec(), enough.clone());
    if attempt > 0 {
        request.sampling.seed = request.sampling.seed.map(|seed| seed.wrapping_add(attempt));
        request.sampling.temperature = request.sampling.temperature.max(TEMPERATURE_OF_A_RETRY);
    }
    let started = Instant::now();
    let ports = context.ports;
    let grounds = || grounds(state, ports);
    let outcome = generate(request, context, &enough, watch, started, grounds).await;
    let timing = outcome.usage.map(|usage| usage.timing).unwrap_or_default();
    if let Some(usage) = &outcome.usage {
        context.listener.generated(usage);
    }
    if outcome.alarm.is_some() {
        return Ok(Tried { timing, usable: false, calls: Vec::new(), alarm: outcome.alarm });
    }
    let usable = context.listener.end_reply(outcome.whole).await;
    let calls = outcome.calls;
    match outcome.failed {
        Some(error) if !usable => Err(error.into()),
        Some(error) => {
            warn!(error = %error, "the reply broke off; what was said of it stands");
            let line = Lines::fresh(&context.ports.character.lines.broke_off, &[]);
            context.listener.recite(line, line).await;
            Ok(Tried { timing, usable, calls: Vec::new(), alarm: None })
        }
        None => Ok(Tried { timing, usable, calls, alarm: None }),
    }
}

#[derive(Default)]
struct Outcome {
    usage: Option<Usage>,
    calls: Vec<ToolCall>,
    /// The model ended of itself.
    whole: bool,
    failed: Option<ProviderError>,
    alarm: Option<Alarm>,
}

/// The model's words go to the listener once the verdict on the message is known, and only where it is no alarm.
async fn generate(
    request: GenerationRequest,
    context: &mut Context<'_>,
    enough: &CancellationToken,
    watch: &Watch,
    started: Instant,
    grounds: impl Fn() -> Grounds + Send,
) -> Outcome {
    // Whatever becomes of the model: who is in danger is answered.
    let verdict = || async { enough.run_until_cancelled(watch.verdict()).await.flatten() };
    let mut stream = match context.ports.llm.stream(request).await {
        Ok(stream) => stream,
        Err(ProviderError::Cancelled) => return Outcome::default(),
        Err(error) => return Outcome { failed: Some(error), alarm: verdict().await, ..Outcome::default() },
    };
    let (mut first, mut calls) = (true, Vec::new());
    while let Some(delta) = stream.next().await {
        match delta {
            Ok(Delta::Text(text)) => {
                if std::mem::take(&mut first) {
                    context.listener.stage(StageTiming::own(Stage::FirstToken, started.elapsed())).await;
                    let alarm = verdict().await;
                    if alarm.is_some() {
                        enough.cancel();
                        return Outcome { alarm, ..Outcome::default() };
                    }
                }
                // After the token is cancelled, the model tells how it ended within a token's time.
                if !enough.is_cancelled() && context.listener.write(&text).await == ControlFlow::Break(()) {
                    enough.cancel();
                }
            }
            Ok(Delta::Call(call)) => {
                if std::mem::take(&mut first)
                    && let Some(alarm) = verdict().await
                {
                    enough.cancel();
                    return Outcome { alarm: Some(alarm), ..Outcome::default() };
                }
                calls.push(call);
            }
            // Nothing of it was said yet, so the next backend answers as if it had been the first.
            Ok(Delta::Again) if context.listener.said().is_empty() => {
                calls.clear();
                context.listener.begin_reply(grounds());
            }
            Ok(Delta::Again) => break,
            Ok(Delta::Done(usage)) => {
                let whole = matches!(usage.finish, Finish::Stop | Finish::Calls);
                // A reply without a word is judged too.
                let alarm = if first { verdict().await } else { None };
                return Outcome { usage: Some(usage), calls, whole, failed: None, alarm };
            }
            Err(_) if enough.is_cancelled() => return Outcome::default(),
            Err(error) => {
                let alarm = if first { verdict().await } else { None };
                return Outcome { failed: Some(error), alarm, ..Outcome::default() };
            }
        }
    }
    let alarm = if first { verdict().await } else { None };
    let backend = context.ports.llm.describe().backend;
    let failed = ProviderError::Failed { backend, reason: "the reply broke off".into() };
    Outcome { failed: (!enough.is_cancelled()).then_some(failed), alarm, ..Outcome::default() }
}
