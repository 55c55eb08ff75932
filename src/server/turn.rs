//! A running turn as the server sees it: its events pass through here, are counted, and leave one line in the log.

use std::time::{Duration, Instant};

use serde::Serialize;
use tokio_util::sync::{CancellationToken, DropGuard};
use utoipa::ToSchema;

use super::error::{ApiError, ErrorCode};
use super::request_id;
use super::state::Server;
use crate::app::App;
use crate::config::PricesConfig;
use crate::conversation::{ConversationError, Event, Speak, Turn, TurnInput, TurnRequest};
use crate::domain::ids::{MemoryId, SessionId, TurnId, UserId};
use crate::domain::image::Image;
use crate::domain::memory::{MemoryType, RecalledMemory};
use crate::domain::metering::{Unit, Used};
use crate::domain::stage::{Stage, StageTiming};
use crate::graph::state::Calling;
use crate::providers::ProviderError;
use crate::providers::tts::{self, SPEEDS};
use crate::telemetry;

/// What a request asks of a turn.
pub(super) struct Asked {
    pub(super) user: UserId,
    pub(super) session: SessionId,
    pub(super) input: TurnInput,
    pub(super) images: Vec<Image>,
    pub(super) speak: Speak,
    pub(super) manner: Manner,
}

/// How it is answered; the default is as the config says.
#[derive(Default)]
pub(super) struct Manner {
    pub(super) voice: Option<String>,
    pub(super) speed: Option<f32>,
    /// What is added to the character.
    pub(super) instructions: Option<String>,
    /// Functions that the model may call.
    pub(super) calling: Calling,
}

impl Manner {
    /// Spoken as a request wishes.
    ///
    /// # Errors
    /// `invalid_request` where there is no such voice, or nothing is spoken at that pace.
    pub(super) fn spoken(app: &App, voice: Option<String>, speed: Option<f32>) -> Result<Self, ApiError> {
        let voices = app.conversation.voices();
        if voice.as_ref().is_some_and(|name| !voices.iter().any(|voice| voice.name == *name)) {
            let message = format!("There is no voice of that name; the voices are {}.", tts::list(&voices));
            return Err(ApiError::new(ErrorCode::InvalidRequest, message));
        }
        if speed.is_some_and(|speed| !SPEEDS.contains(&speed)) {
            let message = format!("`speed` is a number from {} to {}.", SPEEDS.start(), SPEEDS.end());
            return Err(ApiError::new(ErrorCode::InvalidRequest, message));
        }
        Ok(Self { voice, speed, ..Self::default() })
    }
}

/// One stage of a turn, in milliseconds. `total_ms ≥ queued_ms + inference_ms`; the rest is what Rose herself adds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StageReport {
    stage: Stage,
    /// Waiting for the engine.
    queued_ms: f64,
    /// The engine at work.
    inference_ms: f64,
    total_ms: f64,
}

impl From<&StageTiming> for StageReport {
    fn from(timing: &StageTiming) -> Self {
        Self {
            stage: timing.stage,
            queued_ms: telemetry::milliseconds(timing.queued),
            inference_ms: telemetry::milliseconds(timing.inference),
            total_ms: telemetry::milliseconds(timing.total),
        }
    }
}

/// What a service was used for, and what that costs by the settings' prices.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsageReport {
    backend: &'static str,
    model: String,
    unit: Unit,
    amount: f64,
    /// In `currency`; 0 where the settings name no price.
    cost: f64,
    /// Such as `USD`.
    currency: String,
}

impl UsageReport {
    pub(super) fn all(used: &[Used], prices: &PricesConfig) -> Vec<Self> {
        let report = |used: &Used| Self {
            backend: used.backend,
            model: used.model.clone(),
            unit: used.unit,
            amount: used.amount,
            cost: prices.cost_of(used),
            currency: prices.currency.clone(),
        };
        used.iter().map(report).collect()
    }
}

/// Something remembered that went into the reply.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsedMemory {
    id: MemoryId,
    text: String,
    memory_type: MemoryType,
    /// Cosine, in [-1, 1].
    score: f32,
}

impl From<RecalledMemory> for UsedMemory {
    fn from(recalled: RecalledMemory) -> Self {
        let RecalledMemory { memory, score } = recalled;
        Self { id: memory.id, text: memory.text, memory_type: memory.memory_type, score }
    }
}

/// Dropping it cancels the turn: so a caller who goes away ends the work that was done for them.
pub(super) struct WatchedTurn {
    turn: Turn,
    session: SessionId,
    request_id: String,
    begin: Instant,
    stages: Vec<StageTiming>,
    used: Vec<Used>,
    prices: PricesConfig,
    outcome: &'static str,
    cancel: CancellationToken,
    _guard: DropGuard,
}

impl WatchedTurn {
    pub(super) fn start(server: &Server, app: &App, asked: Asked) -> Self {
        let cancel: CancellationToken = server.turns().child_token();
        let request = TurnRequest {
            user: asked.user,
            session: asked.session,
            input: asked.input,
            images: asked.images,
            speak: asked.speak,
            voice: asked.manner.voice,
            speed: asked.manner.speed.unwrap_or(app.config.tts.speed),
            instructions: asked.manner.instructions,
            calling: asked.manner.calling,
            cancel: cancel.clone(),
        };
        let begin = Instant::now();
        let turn = app.conversation.start(request);
        Self {
            turn,
            session: asked.session,
            request_id: request_id::current(),
            begin,
            stages: Vec::new(),
            used: Vec::new(),
            prices: app.config.prices.clone(),
            outcome: "abandoned",
            cancel: cancel.clone(),
            _guard: cancel.drop_guard(),
        }
    }

    pub(super) async fn next(&mut self) -> Option<Event> {
        let event = self.turn.events.recv().await?;
        match &event {
            Event::Stage(timing) => {
                telemetry::record_stage(timing);
                self.stages.push(*timing);
            }
            Event::Done(outcome) => {
                self.used.clone_from(&outcome.used);
                self.outcome = if outcome.interrupted { "interrupted" } else { "answered" };
            }
            Event::Failed(error) => self.outcome = outcome_of(error),
            _ => {}
        }
        Some(event)
    }

    pub(super) fn id(&self) -> TurnId {
        self.turn.turn_id
    }

    /// What was said until now is the reply. The events go on to their end.
    pub(super) fn cancel(&self) {
        self.cancel.cancel();
    }

    pub(super) fn request_id(&self) -> &str {
        &self.request_id
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.begin.elapsed()
    }

    /// What services were used for, once the turn is answered.
    pub(super) fn usage(&self) -> Vec<UsageReport> {
        UsageReport::all(&self.used, &self.prices)
    }

    /// `None` where no service was used in that way.
    fn amount(&self, unit: Unit) -> Option<f64> {
        let mut of_it = self.used.iter().filter(|used| used.unit == unit).peekable();
        of_it.peek()?;
        Some(of_it.map(|used| used.amount).sum())
    }

    /// Milliseconds; `None` where the turn had no such stage.
    fn spent(&self, stage: Stage) -> Option<f64> {
        let mut of_it = self.stages.iter().filter(|timing| timing.stage == stage).peekable();
        of_it.peek()?;
        Some(telemetry::milliseconds(of_it.map(|timing| timing.total).sum()))
    }
}

fn outcome_of(error: &ConversationError) -> &'static str {
    match error {
        ConversationError::Provider(ProviderError::Busy { .. }) => {
            telemetry::count_busy();
            "busy"
        }
        ConversationError::Provider(ProviderError::Cancelled) => "cancelled",
        ConversationError::Audio(_)
        | ConversationError::NoSpeech
        | ConversationError::MessageTooLong { .. }
        | ConversationError::EmptyMessage
        | ConversationError::PicturesNotSeen => "refused",
        ConversationError::Provider(_) | ConversationError::Store(_) | ConversationError::Graph(_) => "failed",
    }
}

impl Drop for WatchedTurn {
    fn drop(&mut self) {
        telemetry::count_turn(self.outcome);
        tracing::info!(
            request.id = self.request_id,
            session.id = %self.session,
            turn.id = %self.turn.turn_id,
            outcome = self.outcome,
            pause_duration_ms = self.spent(Stage::Pause),
            decode_duration_ms = self.spent(Stage::Decode),
            stt_duration_ms = self.spent(Stage::SpeechToText),
            extract_memories_duration_ms = self.spent(Stage::ExtractMemories),
            route_duration_ms = self.spent(Stage::Route),
            inject_context_duration_ms = self.spent(Stage::InjectContext),
            first_token_duration_ms = self.spent(Stage::FirstToken),
            llm_duration_ms = self.spent(Stage::Respond),
            tts_duration_ms = self.spent(Stage::TextToSpeech),
            image_duration_ms = self.spent(Stage::Image),
            checkpoint_duration_ms = self.spent(Stage::Checkpoint),
            first_audio_duration_ms = self.spent(Stage::FirstAudio),
            usage.prompt_tokens = self.amount(Unit::PromptTokens),
            usage.completion_tokens = self.amount(Unit::CompletionTokens),
            usage.characters = self.amount(Unit::Characters),
            usage.audio_seconds = self.amount(Unit::AudioSeconds),
            usage.images = self.amount(Unit::Images),
            usage.cost = (!self.used.is_empty()).then(|| self.prices.total(&self.used)),
            total_duration_ms = telemetry::milliseconds(self.begin.elapsed()),
            "turn"
        );
    }
}
