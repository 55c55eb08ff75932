//! One turn, from the person's input to what comes after the reply.

use std::sync::Arc;
use std::time::Instant;

use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info, info_span, warn};

use super::outbox::Outbox;
use super::reply::Reply;
use super::sessions::Entered;
use super::speaker::Voice;
use super::start::Inner;
use super::{ConversationError, Event, Outcome, Speak, TurnInput, TurnRequest};
use crate::audio::{self, AudioError};
use crate::domain::audio::{Clip, SampleRate};
use crate::domain::ids::{BlobId, SessionId, TurnId, UserId};
use crate::domain::image::Image;
use crate::domain::message::Role;
use crate::domain::stage::{Stage, StageTiming};
use crate::graph::character::Lines;
use crate::graph::node::{Context, Listener};
use crate::graph::runner::{Thread, Until};
use crate::graph::state::TurnState;
use crate::providers::ProviderError;
use crate::providers::meter::{self, Meter};
use crate::providers::stt::TranscriptionRequest;
use crate::store::{NewBlob, StoreError};

/// Who speaks, in which turn.
#[derive(Clone, Copy)]
struct Who {
    user: UserId,
    session: SessionId,
    turn: TurnId,
}

enum Understood {
    /// The person's.
    Words(String),
    /// The newest turn's.
    Again(TurnId),
}

impl Inner {
    pub(super) async fn turn(
        self: Arc<Self>,
        request: TurnRequest,
        turn: TurnId,
        input_end: Instant,
        outbox: Outbox,
        cancel: CancellationToken,
    ) {
        let who = Who { user: request.user, session: request.session, turn };
        let span = info_span!("turn", turn.id = %turn, session.id = %who.session);
        async {
            let answered = {
                let meter = Meter::default();
                let answer = meter.count(self.answer(request, who, input_end, &outbox, &cancel));
                tokio::pin!(answer);
                tokio::select! {
                    answered = &mut answer => answered,
                    // The listener is gone: cancelling lets the turn end in order, and save what was said.
                    () = outbox.closed() => {
                        cancel.cancel();
                        answer.await
                    }
                }
            };
            match answered {
                Ok((outcome, entered, thread)) => {
                    outbox.send(Event::Done(outcome)).await;
                    drop(outbox);
                    self.after_reply(who, entered, thread).await;
                }
                Err(error) => {
                    outbox.send(Event::Failed(error)).await;
                }
            }
        }
        .instrument(span)
        .await;
    }

    /// Up to the reply's end, saved.
    async fn answer(
        &self,
        request: TurnRequest,
        who: Who,
        input_end: Instant,
        outbox: &Outbox,
        cancel: &CancellationToken,
    ) -> Result<(Outcome, Entered, Thread), ConversationError> {
        self.sessions.session(who.user, who.session).await?;
        if !request.images.is_empty() && !self.ports.llm.sees_pictures() {
            return Err(ConversationError::PicturesNotSeen);
        }
        let transcript = async |text: &String| outbox.send(Event::Transcript { text: text.clone(), last: true }).await;
        let (entered, mut thread, text) = match self.understand(who.session, request.input, outbox, cancel).await? {
            Understood::Words(text) => {
                transcript(&text).await;
                let (entered, mut thread) = self.enter(who).await?;
                self.begin(&mut thread, who, &text, request.images).await?;
                (entered, thread, text)
            }
            Understood::Again(turn) => {
                let (entered, mut thread) = self.enter(who).await?;
                let text = self.begin_again(&mut thread, who, turn).await?;
                transcript(&text).await;
                (entered, thread, text)
            }
        };
        thread.state.instructions = request.instructions;
        if let Some(turn) = &mut thread.state.turn {
            turn.calling = request.calling;
        }

        let voice = Voice {
            tts: Arc::clone(&self.tts),
            voice: request.voice,
            speed: request.speed,
            apology: Lines::fresh(&self.ports.character.lines.broke_off, &[]).to_owned(),
            input_end,
        };
        let mut reply = Reply::new(&self.ports.character, outbox.clone(), cancel.clone(), request.speak, voice);
        let mut context = Context {
            ports: &self.ports,
            listener: &mut reply,
            cancel: cancel.clone(),
            hurry: CancellationToken::new(),
        };
        if let Err(error) = self.runner.run(&mut thread, &mut context, Until::Reply).await {
            let error = ConversationError::from(error);
            self.apologise(&mut reply, &error, request.speak).await;
            return Err(error);
        }
        let said = thread.state.entries.last().map(|entry| &entry.message);
        let said = said.filter(|message| message.role == Role::Assistant && message.turn_id == who.turn);
        let (text_said, interrupted) = said.map_or((String::new(), true), |m| (m.text.clone(), m.interrupted));
        let calls = thread.state.turn.as_ref().map(|turn| turn.calling.calls.clone()).unwrap_or_default();
        outbox.stage(StageTiming::own(Stage::Total, input_end.elapsed())).await;
        let outcome = Outcome {
            turn_id: who.turn,
            transcript: text,
            text: text_said,
            interrupted: interrupted && calls.is_empty(),
            calls,
            voice_failed: reply.voice_failed(),
            stages: outbox.stages(),
            usage: reply.usage(),
            used: meter::current().used(),
        };
        Ok((outcome, entered, thread))
    }

    /// Waits for the turns before.
    async fn enter(&self, who: Who) -> Result<(Entered, Thread), ConversationError> {
        let entered = self.entered.enter(who.session).await?;
        Ok((entered, self.runner.load(who.user, who.session).await?))
    }

    async fn understand(
        &self,
        session: SessionId,
        input: TurnInput,
        outbox: &Outbox,
        cancel: &CancellationToken,
    ) -> Result<Understood, ConversationError> {
        let text = match input {
            TurnInput::Again(turn) => return Ok(Understood::Again(turn)),
            TurnInput::Text(text) => text,
            TurnInput::Heard(heard) => {
                if let Some(pause) = heard.pause {
                    outbox.stage(StageTiming::own(Stage::Pause, pause)).await;
                }
                outbox.stage(StageTiming::engine(Stage::SpeechToText, heard.timing, heard.waited)).await;
                heard.text
            }
            TurnInput::Recording { bytes, language } => {
                let limits = self.config.recording;
                let decoding = Instant::now();
                let clip = blocking(move || {
                    let clip = audio::decode(&bytes, &limits)?;
                    Ok::<_, AudioError>(at_speech_rate(clip))
                })
                .await??;
                outbox.stage(StageTiming::own(Stage::Decode, decoding.elapsed())).await;
                self.transcribe(session, clip, language, outbox, cancel).await?
            }
        };
        let text = text.trim();
        if text.is_empty() {
            return Err(ConversationError::EmptyMessage);
        }
        let length = text.chars().count();
        if length > self.config.max_message_chars {
            return Err(ConversationError::MessageTooLong { length, limit: self.config.max_message_chars });
        }
        Ok(Understood::Words(text.to_owned()))
    }

    async fn transcribe(
        &self,
        session: SessionId,
        clip: Clip,
        language: Option<String>,
        outbox: &Outbox,
        cancel: &CancellationToken,
    ) -> Result<String, ConversationError> {
        let listening = Instant::now();
        let request = TranscriptionRequest {
            language: language.or_else(|| self.config.language.clone()),
            likely: self.languages.last(session),
            ..TranscriptionRequest::new(clip, cancel.clone())
        };
        let heard = self.stt.transcribe(request).await?;
        self.languages.note(session, &heard);
        outbox.stage(StageTiming::engine(Stage::SpeechToText, heard.timing, listening.elapsed())).await;
        with_words(heard.text)
    }

    /// Puts the turn at the graph's start; or, where the same words failed before, back where they failed.
    async fn begin(
        &self,
        thread: &mut Thread,
        who: Who,
        text: &str,
        images: Vec<Image>,
    ) -> Result<(), ConversationError> {
        let same = |cut_off: &TurnState| cut_off.text == text && cut_off.images.is_empty() && images.is_empty();
        if thread.cut_off().is_some_and(same) {
            thread.go_on_as(who.turn);
            return Ok(());
        }
        self.settle(thread).await?;
        if images.is_empty() {
            thread.state.take_back_unanswered(text);
        }
        let mut kept: Vec<BlobId> = Vec::with_capacity(images.len());
        for image in images {
            let blob = NewBlob {
                user_id: who.user,
                session_id: Some(who.session),
                media_type: image.format.media_type().to_owned(),
                bytes: image.bytes,
            };
            kept.push(self.ports.blobs.put_blob(blob).await?);
        }
        self.runner.begin(thread, TurnState::new(who.turn, text.to_owned(), kept, (self.ports.clock)().timestamp()));
        Ok(())
    }

    /// Puts the newest turn back where it failed; or, where it had ended, at the graph's start, what Rose answered taken
    /// back. Returns the person's words.
    async fn begin_again(&self, thread: &mut Thread, who: Who, turn: TurnId) -> Result<String, ConversationError> {
        if let Some(cut_off) = thread.cut_off().filter(|cut_off| cut_off.id == turn) {
            let text = cut_off.text.clone();
            thread.go_on_as(who.turn);
            return Ok(text);
        }
        self.settle(thread).await?;
        let message = thread.state.take_back(turn).ok_or(StoreError::NotFound("newest turn"))?;
        let again = TurnState::new(who.turn, message.text.clone(), message.images, (self.ports.clock)().timestamp());
        self.runner.begin(thread, again);
        Ok(message.text)
    }

    /// Ends what a turn before left undone: what comes after a reply is made up for; a turn without a reply is closed.
    pub(super) async fn settle(&self, thread: &mut Thread) -> Result<(), ConversationError> {
        if thread.unfinished() && thread.answered() {
            let mut quiet = Quiet::default();
            // A person waits, or Rose for being ready.
            let hurry = CancellationToken::new();
            hurry.cancel();
            if let Err(error) = self.run_rest(thread, &mut quiet, hurry).await {
                warn!(error = %error, "what comes after a reply failed twice and is left out");
            }
        }
        if thread.unfinished() {
            self.runner.close(thread).await?;
        }
        Ok(())
    }

    async fn run_rest(
        &self,
        thread: &mut Thread,
        quiet: &mut Quiet,
        hurry: CancellationToken,
    ) -> Result<(), ConversationError> {
        // Nothing of it is the caller's to cancel: the next turn counts on it.
        let mut context = Context { ports: &self.ports, listener: quiet, cancel: CancellationToken::new(), hurry };
        Ok(self.runner.run(thread, &mut context, Until::End).await?)
    }

    /// What the person doesn't wait for.
    async fn after_reply(&self, who: Who, entered: Entered, mut thread: Thread) {
        let mut quiet = Quiet::default();
        let hurry = entered.hurry();
        let outcome = {
            let mut rest = std::pin::pin!(self.run_rest(&mut thread, &mut quiet, hurry.clone()));
            tokio::select! {
                outcome = &mut rest => outcome,
                () = self.leaving.cancelled() => {
                    hurry.cancel();
                    rest.await
                }
            }
        };
        if let Err(error) = outcome {
            warn!(error = %error, "what comes after the reply failed; the next turn makes up for it");
        }
        if let Err(error) = self.sessions.touch_session(who.session).await {
            warn!(error = %error, "the session's activity could not be noted");
        }
        info!(
            inject_memories_duration_ms = quiet.milliseconds(Stage::InjectMemories),
            summarize_duration_ms = quiet.milliseconds(Stage::Summarize),
            checkpoint_duration_ms = quiet.milliseconds(Stage::Checkpoint),
            conversation.messages = thread.state.entries.len(),
            "after the reply"
        );
        drop(entered);
        self.work_ahead(&thread).await;
    }

    /// Lets the model compute what the next prompt begins with.
    pub(super) async fn work_ahead(&self, thread: &Thread) {
        if let Err(error) = self.compute_prompt(&thread.state, self.leaving.child_token()).await {
            tracing::debug!(error = %error, "the next prompt was not prepared");
        }
    }

    /// Where the reply is spoken, a failure is told aloud as well.
    async fn apologise(&self, reply: &mut Reply<'_>, error: &ConversationError, speak: Speak) {
        let lines = &self.ports.character.lines;
        let line = match error {
            ConversationError::Provider(ProviderError::Cancelled | ProviderError::InvalidInput { .. }) => return,
            ConversationError::Provider(ProviderError::Busy { .. }) => Lines::fresh(&lines.busy, &[]),
            ConversationError::Provider(_) | ConversationError::Store(_) | ConversationError::Graph(_) => {
                Lines::fresh(&lines.failed, &[])
            }
            _ => return,
        };
        if speak == Speak::Always {
            reply.recite(line, line).await;
            reply.deliver().await;
        }
    }
}

/// # Errors
/// `NoSpeech` where the transcript has no word in it.
pub(super) fn with_words(transcript: String) -> Result<String, ConversationError> {
    transcript.contains(char::is_alphanumeric).then_some(transcript).ok_or(ConversationError::NoSpeech)
}

pub(super) fn at_speech_rate(clip: Clip) -> Clip {
    if clip.rate == SampleRate::SPEECH { clip } else { audio::resample(&clip, SampleRate::SPEECH) }
}

/// Runs what takes the processor for milliseconds or more.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ConversationError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| ConversationError::Graph(format!("a recording could not be read: {error}")))
}

/// Hears how long things took, and nothing else: for what runs after the reply.
#[derive(Default)]
pub(super) struct Quiet {
    stages: Vec<StageTiming>,
}

impl Quiet {
    fn milliseconds(&self, stage: Stage) -> Option<f64> {
        let found = self.stages.iter().find(|timing| timing.stage == stage)?;
        Some(found.total.as_secs_f64() * 1000.0)
    }
}

#[async_trait::async_trait]
impl Listener for Quiet {
    async fn memories_used(&mut self, _: &[crate::domain::memory::RecalledMemory]) {}
    async fn routed(&mut self, _: crate::domain::route::Route) {}
    async fn stage(&mut self, timing: StageTiming) {
        self.stages.push(timing);
    }
    fn generated(&mut self, _: &crate::providers::llm::Usage) {}
    fn begin_reply(&mut self, _: crate::graph::guardrail::Grounds) {}
    async fn write(&mut self, _: &str) -> std::ops::ControlFlow<()> {
        std::ops::ControlFlow::Break(())
    }
    fn said(&self) -> &str {
        ""
    }
    async fn end_reply(&mut self, _: bool) -> bool {
        false
    }
    async fn image_progress(&mut self, _: crate::providers::image::Step) {}
    async fn image(&mut self, _: BlobId, _: &str) {}
    async fn recite(&mut self, _: &str, _: &str) {}
    async fn deliver(&mut self) -> crate::graph::state::Said {
        crate::graph::state::Said::default()
    }
}
