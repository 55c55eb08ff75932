//! Plays scripts to a Rose of her own, in this process, at the scripts' own time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{Span, Zoned};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::check::{Check, checks};
use super::judge::Scores;
use super::script::{Part, Script};
use crate::app::App;
use crate::comparison::ComparisonError;
use crate::comparison::variant::Variant;
use crate::config::{Config, Overrides, SttBackend, TtsBackend, VadBackend};
use crate::conversation::{Speak, TurnInput, TurnRequest, collect};
use crate::domain::ids::UserId;

/// From one turn to the next.
const A_TURN: Duration = Duration::from_secs(45);
/// From one session to the next.
const A_WHILE: Duration = Duration::from_secs(2 * 3600);

/// A conversation as it went.
#[derive(Debug, Serialize)]
pub struct Played {
    pub name: String,
    pub part: Part,
    pub turns: Vec<PlayedTurn>,
    /// Where a judge was asked.
    pub scores: Option<Scores>,
}

#[derive(Debug, Serialize)]
pub struct PlayedTurn {
    pub said: String,
    pub reply: String,
    /// Until the reply was whole, in writing.
    pub seconds: f64,
    pub checks: Vec<Check>,
    /// After the turn, newest first.
    pub memories: Vec<String>,
}

/// Rose as a variant has her.
pub struct Stage {
    app: App,
    now: Arc<Mutex<Zoned>>,
    _data: tempfile::TempDir,
}

impl Stage {
    /// Loads what the variant names. Nobody speaks or listens: those ports are fakes.
    ///
    /// # Errors
    /// Where the settings are wrong or a model can't be loaded.
    pub async fn set(variant: &Variant, overrides: &Overrides, seed: u32) -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let mut settings = vec![("llm.seed".to_owned(), seed.to_string())];
        settings.extend(overrides.settings.iter().cloned());
        settings.extend(variant.settings.iter().cloned());
        let mut overrides = Overrides { data_dir: Some(data.path().to_owned()), settings, ..overrides.clone() };
        // A set is chosen by an option, which would outrank a variant's.
        if let Some((_, set)) = variant.settings.iter().find(|(key, _)| key == "models.set") {
            overrides.model_set = Some(set.clone());
        }
        let mut config = Config::load(&overrides)?;
        config.stt.backends = vec![SttBackend::Fake];
        config.tts.backends = vec![TtsBackend::Fake];
        config.vad.backends = vec![VadBackend::Fake];
        let now = Arc::new(Mutex::new(Zoned::now()));
        let clock = Arc::clone(&now);
        let clock = Arc::new(move || clock.lock().unwrap_or_else(PoisonError::into_inner).clone());
        Ok(Self { app: App::build_with(config, clock).await?, now, _data: data })
    }

    /// The language model's backend and name.
    pub fn model(&self) -> String {
        let described = self.app.ports.llm.describe();
        format!("{} {}", described.backend, described.model)
    }

    /// By a person whom she has never met.
    ///
    /// # Errors
    /// Where the store fails. A turn that fails counts as one without an answer.
    pub async fn play(&self, script: &Script) -> Result<Played, ComparisonError> {
        let failed = |error: &dyn std::fmt::Display| ComparisonError::Played {
            script: script.name.clone(),
            what: error.to_string(),
        };
        let user = UserId::generate();
        self.set_time(script.at.clone());
        let mut session = self.app.sessions.create_session(user).await.map_err(|error| failed(&error))?.id;
        let mut turns: Vec<PlayedTurn> = Vec::new();
        for (at, turn) in script.turns.iter().enumerate() {
            if turn.new_session && at > 0 {
                session = self.app.sessions.create_session(user).await.map_err(|error| failed(&error))?.id;
                self.advance(A_WHILE);
            }
            let request = TurnRequest {
                user,
                session,
                input: TurnInput::Text(turn.say.clone()),
                images: Vec::new(),
                speak: Speak::Never,
                voice: None,
                speed: 1.0,
                instructions: None,
                calling: Default::default(),
                cancel: CancellationToken::new(),
            };
            let started = Instant::now();
            let reply = match collect(self.app.conversation.start(request)).await {
                Ok(answered) => answered.outcome.text,
                Err(error) => {
                    tracing::warn!(error = %error, "a turn of the script failed");
                    String::new()
                }
            };
            let seconds = started.elapsed().as_secs_f64();
            // The person listens, and thinks.
            self.app.conversation.idle().await;
            self.advance(A_TURN);
            let memories = self.app.memories.export(user).await.map_err(|error| failed(&error))?;
            let memories: Vec<String> = memories.into_iter().map(|memory| memory.text).collect();
            let earlier: Vec<String> = turns.iter().map(|turn| turn.reply.clone()).collect();
            let checks = checks(turn, &reply, &earlier, &memories);
            turns.push(PlayedTurn { said: turn.say.clone(), reply, seconds, checks, memories });
        }
        Ok(Played { name: script.name.clone(), part: script.part, turns, scores: None })
    }

    fn set_time(&self, to: Zoned) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = to;
    }

    fn advance(&self, by: Duration) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = i64::try_from(by.as_secs()).unwrap_or(0);
        if let Ok(later) = now.checked_add(Span::new().seconds(seconds)) {
            *now = later;
        }
    }
}
