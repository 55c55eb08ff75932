//! Speaks the pieces of a reply, one after the other, while later ones are still being written.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Event;
use super::outbox::Outbox;
use crate::domain::stage::{EngineTiming, Stage, StageTiming};
use crate::providers::ProviderError;
use crate::providers::meter;
use crate::providers::tts::{SpeechRequest, TextToSpeech};

/// Pieces that wait to be spoken; the model waits when there are more.
const QUEUE: usize = 4;
/// The turn was let in, so a busy voice is asked again for a while.
const BUSY_FOR: Duration = Duration::from_secs(5);
const BUSY_PAUSE: Duration = Duration::from_millis(50);

/// How a reply is spoken.
#[derive(Clone)]
pub(super) struct Voice {
    pub(super) tts: Arc<dyn TextToSpeech>,
    pub(super) voice: Option<String>,
    pub(super) speed: f32,
    /// Said where the voice breaks off in the middle of a piece, by whichever voice can.
    pub(super) apology: String,
    /// When the person's input ended.
    pub(super) input_end: Instant,
}

/// A running voice.
pub(super) struct Speaker {
    pieces: mpsc::Sender<String>,
    task: JoinHandle<Spoken>,
}

/// What was spoken.
#[derive(Default)]
pub(super) struct Spoken {
    /// How long each piece sounds that was sent, in order.
    pub(super) durations: Vec<Duration>,
    /// The voice failed; what came after was not spoken.
    pub(super) failed: Option<ProviderError>,
}

impl Speaker {
    pub(super) fn start(voice: Voice, outbox: Outbox, cancel: CancellationToken) -> Self {
        let (pieces, queue) = mpsc::channel(QUEUE);
        // What it uses is the turn's.
        let meter = meter::current();
        let speaking = speak_all(voice, outbox, cancel, queue);
        Self { pieces, task: tokio::spawn(async move { meter.count(speaking).await }) }
    }

    /// Waits while the queue is full.
    pub(super) async fn say(&self, piece: String) {
        // The voice only ends early when the turn is cancelled, which the writer notices by itself.
        let _ = self.pieces.send(piece).await;
    }

    /// Waits until all is said.
    pub(super) async fn finish(self) -> Spoken {
        drop(self.pieces);
        self.task.await.unwrap_or_else(|error| Spoken {
            failed: Some(ProviderError::Failed { backend: "speaker", reason: error.to_string() }),
            ..Spoken::default()
        })
    }
}

async fn speak_all(
    voice: Voice,
    outbox: Outbox,
    cancel: CancellationToken,
    mut queue: mpsc::Receiver<String>,
) -> Spoken {
    let mut spoken = Spoken::default();
    let mut timing = EngineTiming::default();
    let mut started = None;
    loop {
        let piece = tokio::select! {
            biased;
            () = cancel.cancelled() => break,
            piece = queue.recv() => piece,
        };
        let Some(piece) = piece else { break };
        if spoken.failed.is_some() {
            // The text goes on without the voice.
            continue;
        }
        let started = *started.get_or_insert_with(Instant::now);
        let sentence = spoken.durations.len();
        let mut heard = Duration::ZERO;
        match speak(&voice, piece, sentence, &outbox, &cancel, &mut timing, &mut heard).await {
            Ok(()) if heard.is_zero() => break,
            Ok(()) => spoken.durations.push(heard),
            Err(ProviderError::Cancelled) => break,
            Err(error) => {
                tracing::warn!(error = %error, after_ms = started.elapsed().as_millis() as u64, "the voice failed");
                spoken.failed = Some(error);
                if !heard.is_zero() {
                    let apology = voice.apology.clone();
                    if let Err(error) =
                        speak(&voice, apology, sentence, &outbox, &cancel, &mut timing, &mut heard).await
                    {
                        tracing::warn!(error = %error, "no voice can say so");
                    }
                    spoken.durations.push(heard);
                }
            }
        }
    }
    if let Some(started) = started {
        outbox.stage(StageTiming::engine(Stage::TextToSpeech, timing, started.elapsed())).await;
    }
    spoken
}

/// `heard` grows by what was sent of the piece.
async fn speak(
    voice: &Voice,
    text: String,
    sentence: usize,
    outbox: &Outbox,
    cancel: &CancellationToken,
    timing: &mut EngineTiming,
    heard: &mut Duration,
) -> Result<(), ProviderError> {
    let request = SpeechRequest { text, voice: voice.voice.clone(), speed: voice.speed, cancel: cancel.clone() };
    let mut chunks = patiently(voice, request, cancel).await?;
    while let Some(chunk) = chunks.next().await {
        let chunk = match chunk {
            Err(ProviderError::Cancelled) if !heard.is_zero() => break,
            chunk => chunk?,
        };
        timing.queued += chunk.timing.queued;
        timing.inference += chunk.timing.inference;
        let length = chunk.clip.duration();
        let first = sentence == 0 && heard.is_zero();
        if cancel.is_cancelled() || !outbox.send(Event::Audio { sentence, clip: chunk.clip }).await {
            break;
        }
        *heard += length;
        if first {
            outbox.stage(StageTiming::own(Stage::FirstAudio, voice.input_end.elapsed())).await;
        }
    }
    Ok(())
}

async fn patiently(
    voice: &Voice,
    request: SpeechRequest,
    cancel: &CancellationToken,
) -> Result<crate::providers::tts::SpeechStream, ProviderError> {
    let begun = Instant::now();
    loop {
        match voice.tts.speak(request.clone()).await {
            Err(ProviderError::Busy { .. }) if begun.elapsed() < BUSY_FOR => {
                tokio::select! {
                    () = cancel.cancelled() => return Err(ProviderError::Cancelled),
                    () = tokio::time::sleep(BUSY_PAUSE) => {}
                }
            }
            answer => return answer,
        }
    }
}
