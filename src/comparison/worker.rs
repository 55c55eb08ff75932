//! Measures: one process for each variant, so that none pays for another's memory, and each starts cold.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::protocol::{AloneMeasure, Answer, Door, Order, Service, StageMeasure, Tokens, TurnMeasure};
use crate::app::App;
use crate::audio::{DurationLimits, decode, resample};
use crate::config::{Config, Overrides, PricesConfig};
use crate::conversation::{
    CollectedTurn, Delivery, Heard, Hearing, ListenEvent, Listening, Speak, TurnInput, TurnRequest, collect,
};
use crate::domain::audio::{Clip, SampleRate};
use crate::domain::ids::{SessionId, UserId};
use crate::domain::message::Role;
use crate::graph::character::Character;
use crate::graph::node::Settings;
use crate::providers::llm::{ChatMessage, Delta, GenerationRequest};
use crate::providers::stt::TranscriptionRequest;
use crate::providers::tts::SpeechRequest;
use crate::telemetry;

/// How much sound a client sends at a time.
const PIECE: Duration = Duration::from_millis(20);
/// After the longest pause that a turn may hold, a hands-free recording must have been answered.
const SILENCE: Duration = Duration::from_secs(4);
const TOKENS: usize = 64;
const QUESTION: &str = "Describe a walk along a river in spring, in as many sentences as you like.";
const SENTENCE: &str = "The rain has stopped, and the garden smells of wet earth.";

/// Follows orders until there are no more. Each line in is an [`Order`], each line out its [`Answer`].
///
/// # Errors
/// Where the leader can't be understood or reached; what fails in a measurement is an answer.
pub fn work(orders: impl BufRead, mut answers: impl Write) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut bench: Option<Bench> = None;
    for line in orders.lines() {
        let order: Order = serde_json::from_str(&line?)?;
        let answer = runtime.block_on(async {
            match (order, &bench) {
                (Order::Load { overrides }, _) => {
                    let (loaded, answer) = Bench::load(*overrides).await?;
                    bench = Some(loaded);
                    Ok(answer)
                }
                (Order::Turns { recordings, door }, Some(bench)) => bench.turns(recordings, door).await,
                (Order::Alone { recording }, Some(bench)) => bench.alone(&recording).await,
                (Order::Turns { .. } | Order::Alone { .. }, None) => anyhow::bail!("nothing is loaded"),
            }
        });
        let answer = answer.unwrap_or_else(|error: anyhow::Error| Answer::Failed { reason: format!("{error:#}") });
        serde_json::to_writer(&mut answers, &answer)?;
        answers.write_all(b"\n")?;
        answers.flush()?;
    }
    Ok(())
}

struct Bench {
    app: App,
    character: Character,
    limits: DurationLimits,
    _data: TempDir,
}

impl Bench {
    async fn load(overrides: Overrides) -> anyhow::Result<(Self, Answer)> {
        let data = tempfile::tempdir()?;
        let overrides = Overrides { data_dir: Some(data.path().to_owned()), ..overrides };
        let config = Config::load(&overrides)?;
        // The leader's own lines are enough, but for who asks.
        if std::env::var_os("RUST_LOG").is_some() {
            telemetry::init(&config.log)?;
        }
        let limits =
            DurationLimits { least: config.conversation.min_recording, most: config.conversation.max_recording };
        let started = Instant::now();
        let app = App::build(config).await?;
        let character = {
            let conversation = &app.config.conversation;
            Character::load(conversation.character_dir.as_deref(), &conversation.language, app.ports.llm.ability())?
        };
        let seconds = started.elapsed().as_secs_f64();
        let services = app
            .describe()
            .into_iter()
            .flat_map(|(port, backends)| backends.into_iter().map(move |backend| (port, backend.description)))
            .map(|(port, description)| Service {
                port: port.to_owned(),
                backend: description.backend.to_owned(),
                model: description.model,
            })
            .collect();
        Ok((Self { app, character, limits, _data: data }, Answer::Loaded { seconds, services }))
    }

    async fn turns(&self, recordings: Vec<std::path::PathBuf>, door: Door) -> anyhow::Result<Answer> {
        let mut prepared = Vec::with_capacity(recordings.len());
        for recording in &recordings {
            let bytes = Bytes::from(std::fs::read(recording)?);
            let user = UserId::generate();
            let session = self.app.sessions.create_session(user).await?.id;
            self.app.conversation.prepare(user, session);
            prepared.push((bytes, user, session));
        }
        self.app.conversation.idle().await;
        let started = Instant::now();
        let running = prepared.into_iter().map(|(bytes, user, session)| self.turn(bytes, user, session, door));
        let turns = futures::future::join_all(running).await;
        let seconds = started.elapsed().as_secs_f64();
        self.app.conversation.idle().await;
        Ok(Answer::Turns { turns, seconds, peak_bytes: peak_bytes() })
    }

    async fn turn(&self, bytes: Bytes, user: UserId, session: SessionId, door: Door) -> TurnMeasure {
        // As in a call, the listener goes on listening while the answer is made.
        let mut listener = None;
        let input = match door {
            Door::Upload => Ok(TurnInput::Recording { bytes, language: None }),
            Door::Released | Door::HandsFree => {
                self.speak(&bytes, user, session, door).await.map(|(heard, listening)| {
                    listener = Some(listening);
                    TurnInput::Heard(heard)
                })
            }
        };
        let collected = match input {
            Ok(input) => collect(self.app.conversation.start(request(input, user, session))).await.map_err(Into::into),
            Err(error) => Err(error),
        };
        drop(listener);
        match collected {
            Ok(turn) => measure(&turn, &self.app.config.prices),
            Err(error) => TurnMeasure { failure: Some(format!("{error:#}")), ..TurnMeasure::default() },
        }
    }

    /// Plays the recording at its own pace to the listener.
    async fn speak(
        &self,
        bytes: &[u8],
        user: UserId,
        session: SessionId,
        door: Door,
    ) -> anyhow::Result<(Heard, Listening)> {
        let clip = decode(bytes, &self.limits)?;
        let hands_free = door == Door::HandsFree;
        let turns = hands_free.then_some(self.app.config.realtime.turns);
        let delivery = Delivery { voice: None, speed: 1.0 };
        let mut listening = self.app.conversation.listen(Hearing {
            user,
            session,
            turns,
            instructions: None,
            tools: None,
            language: None,
            delivery: Some(delivery),
        });
        let mut samples = clip.samples;
        if hands_free {
            samples.resize(samples.len() + clip.rate.samples_in(SILENCE), 0.0);
        }
        let mut pieces = samples.chunks(clip.rate.samples_in(PIECE).max(1));
        let mut tick = tokio::time::interval(PIECE);
        let mut all_said = false;
        loop {
            tokio::select! {
                _ = tick.tick(), if !all_said => match pieces.next() {
                    Some(piece) => listening.hear(Clip::new(piece.to_vec(), clip.rate)).await,
                    None if hands_free => anyhow::bail!("the end of speech was not found"),
                    None => {
                        listening.commit().await;
                        all_said = true;
                    }
                },
                event = listening.next() => match event {
                    // Where a pause was taken for the end, the words behind it are missing, and count as errors.
                    Some(ListenEvent::Heard { heard, .. }) => return Ok((heard?, listening)),
                    Some(ListenEvent::Refused(error)) => return Err(error.into()),
                    Some(_) => {}
                    None => anyhow::bail!("the listener ended"),
                },
            }
        }
    }

    async fn alone(&self, recording: &Path) -> anyhow::Result<Answer> {
        let bytes = std::fs::read(recording)?;
        let mut measures = AloneMeasure::default();

        let started = Instant::now();
        let clip = resample(&decode(&bytes, &self.limits)?, SampleRate::SPEECH);
        measures.decode = milliseconds(started.elapsed());

        let started = Instant::now();
        let request = TranscriptionRequest {
            language: self.app.config.stt.language.clone(),
            ..TranscriptionRequest::new(clip, CancellationToken::new())
        };
        measures.heard = self.app.ports.stt.transcribe(request).await?.text;
        measures.speech_to_text = milliseconds(started.elapsed());

        let started = Instant::now();
        self.app.ports.embedder.embed(vec![SENTENCE.to_owned()]).await?;
        measures.embedding = milliseconds(started.elapsed());

        self.write(&mut measures).await?;
        self.say(&mut measures).await?;
        Ok(Answer::Alone { measures, peak_bytes: peak_bytes() })
    }

    async fn write(&self, measures: &mut AloneMeasure) -> anyhow::Result<()> {
        let request = GenerationRequest {
            messages: vec![
                ChatMessage::new(Role::System, self.character.persona.clone()),
                ChatMessage::new(Role::User, QUESTION),
            ],
            session: Some(SessionId::generate()),
            max_tokens: TOKENS,
            sampling: Settings::new(
                &self.app.config.conversation,
                &self.app.config.llm,
                &self.app.config.care,
                self.app.ports.llm.ability(),
            )
            .sampling,
            prefix: None,
            format: None,
            tools: None,
            plain: true,
            stop: Vec::new(),
            cancel: CancellationToken::new(),
        };
        self.app.ports.llm.prepare(&request).await?;
        let started = Instant::now();
        let mut stream = self.app.ports.llm.stream(request).await?;
        let mut first = None;
        let mut written = 0;
        while let Some(delta) = stream.next().await {
            first.get_or_insert_with(|| started.elapsed());
            if let Delta::Done(usage) = delta? {
                written = usage.completion_tokens;
            }
        }
        let first = first.unwrap_or_default();
        measures.first_token = milliseconds(first);
        let rest = (started.elapsed() - first).as_secs_f64();
        measures.tokens_per_second = if rest > 0.0 { written.saturating_sub(1) as f64 / rest } else { 0.0 };
        Ok(())
    }

    async fn say(&self, measures: &mut AloneMeasure) -> anyhow::Result<()> {
        let started = Instant::now();
        let request = SpeechRequest {
            text: SENTENCE.to_owned(),
            voice: None,
            speed: self.app.config.tts.speed,
            cancel: CancellationToken::new(),
        };
        let mut stream = self.app.ports.tts.speak(request).await?;
        let mut first = None;
        let mut spoken = Duration::ZERO;
        while let Some(chunk) = stream.next().await {
            let chunk = chunk?;
            first.get_or_insert_with(|| started.elapsed());
            spoken += chunk.clip.duration();
        }
        measures.first_sound = milliseconds(first.unwrap_or_default());
        measures.speech_real_time_factor = started.elapsed().as_secs_f64() / spoken.as_secs_f64().max(0.001);
        Ok(())
    }
}

fn request(input: TurnInput, user: UserId, session: SessionId) -> TurnRequest {
    TurnRequest {
        user,
        session,
        input,
        images: Vec::new(),
        speak: Speak::Always,
        voice: None,
        speed: 1.0,
        instructions: None,
        calling: Default::default(),
        cancel: CancellationToken::new(),
    }
}

fn measure(turn: &CollectedTurn, prices: &PricesConfig) -> TurnMeasure {
    let outcome = &turn.outcome;
    let mut used = BTreeMap::new();
    for one in &outcome.used {
        *used.entry(one.unit.as_str().to_owned()).or_default() += one.amount;
    }
    let stages = outcome.stages.iter().map(|timing| {
        let measure = StageMeasure {
            total_ms: milliseconds(timing.total),
            inference_ms: milliseconds(timing.inference),
            queued_ms: milliseconds(timing.queued),
        };
        (timing.stage.as_str().to_owned(), measure)
    });
    TurnMeasure {
        heard: outcome.transcript.clone(),
        stages: stages.collect(),
        tokens: outcome.usage.map(|usage| Tokens {
            prompt: usage.prompt_tokens,
            computed: usage.computed_prompt_tokens,
            completion: usage.completion_tokens,
        }),
        cost: prices.total(&outcome.used),
        used,
        spoken_seconds: turn.audio.as_ref().map_or(0.0, |clip| clip.duration().as_secs_f64()),
        failure: outcome.voice_failed.then(|| "the voice failed".to_owned()),
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The most memory that this process has held; `None` where the system doesn't tell.
fn peak_bytes() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        let status = procfs::process::Process::myself().and_then(|process| process.status()).ok()?;
        status.vmhwm.map(|kilobytes| kilobytes * 1024)
    }
    #[cfg(not(target_os = "linux"))]
    None
}
