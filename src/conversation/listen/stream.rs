//! The listener's task: sound in, events out. Keeps at most one transcript of what was said so far in the making.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use futures::stream::{FuturesOrdered, StreamExt};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Hearing, Input, ListenError, ListenEvent, Utterance};
use crate::audio;
use crate::config::TurnDetectionConfig;
use crate::conversation::ahead::Likely;
use crate::conversation::endpoint::{Endpointer, Position, time_of};
use crate::conversation::finished::{Finished, finished};
use crate::conversation::recent::Recent;
use crate::conversation::start::Inner;
use crate::conversation::turn::{at_speech_rate, with_words};
use crate::conversation::words::CertainWords;
use crate::conversation::{ConversationError, Heard};
use crate::domain::audio::{Clip, SampleRate};
use crate::domain::stage::EngineTiming;
use crate::providers::ProviderError;
use crate::providers::stt::{Transcription, TranscriptionRequest};
use crate::providers::vad::VoiceActivityStream;

/// While the person speaks on, what they said is transcribed anew when there is so much more of it.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// A pause in which what was said so far is transcribed, in place of a transcript that was begun before it where another
/// one is known.
const SHORT_PAUSE: Duration = Duration::from_millis(64);
/// A pause that may be the end: any transcript that was begun before it is given up for one of all that was said, and
/// the reply may be begun.
const LONG_PAUSE: Duration = Duration::from_millis(160);
/// Behind such a pause, what was said before it isn't heard again: the words of one sentence don't run across it.
const PART_PAUSE: Duration = Duration::from_millis(224);
/// Less speech than this is better heard together with what was said before.
const LEAST_PART: Duration = Duration::from_millis(1200);
/// What is kept of the silence behind the last word.
const TAIL: Duration = Duration::from_millis(300);
/// Less sound than this can't be a message.
const LEAST_MESSAGE: Duration = Duration::from_millis(100);
/// What ends a turn must be heard, so a busy engine is asked again for a while.
const BUSY_FOR: Duration = Duration::from_secs(5);
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// What ties the task to its [`Listening`](super::Listening).
pub(super) struct Link {
    pub(super) outlet: mpsc::UnboundedSender<ListenEvent>,
    pub(super) rose_speaks: Arc<AtomicBool>,
    pub(super) next: Arc<AtomicU64>,
    /// Cancelled when nobody listens to the listener any more.
    pub(super) cancel: CancellationToken,
}

/// A transcript of a part of the message, on its way.
struct Partial {
    /// It holds all that was said up to here, but for `before`.
    covers: Position,
    before: String,
    transcript: BoxFuture<'static, Result<Transcription, ProviderError>>,
}

/// The message up to a pause in it.
struct Settled {
    text: String,
    /// In the pause; the rest of the message comes behind.
    until: Position,
}

/// The newest transcript of the message.
struct Known {
    covers: Position,
    text: String,
}

/// A turn that may come, worked ahead for.
struct Prepared {
    text: String,
    /// Its reply is begun.
    rehearsed: bool,
    _cancel: DropGuard,
}

/// A whole message.
struct Final {
    utterance: Utterance,
    heard: Result<Heard, ConversationError>,
    /// What of it was told before.
    certain: CertainWords,
}

/// The listener.
pub(super) struct Stream {
    inner: Arc<Inner>,
    hearing: Hearing,
    link: Link,

    detector: Option<Box<dyn VoiceActivityStream>>,
    endpointer: Endpointer,
    recent: Recent,
    /// The message that is being said.
    utterance: Option<Utterance>,
    partial: Option<Partial>,
    known: Option<Known>,
    settled: Option<Settled>,
    certain: CertainWords,
    preparing: Option<Prepared>,
    finals: FuturesOrdered<BoxFuture<'static, Final>>,
}

impl Stream {
    pub(super) fn new(inner: Arc<Inner>, hearing: Hearing, link: Link) -> Self {
        let turns = hearing.turns.unwrap_or(inner.turns);
        Self {
            detector: inner.detector.as_ref().map(|detector| detector.listen()),
            endpointer: Endpointer::new(turns),
            recent: Recent::default(),
            utterance: None,
            partial: None,
            known: None,
            settled: None,
            certain: CertainWords::default(),
            preparing: None,
            finals: FuturesOrdered::new(),
            inner,
            hearing,
            link,
        }
    }

    pub(super) async fn run(mut self, mut inputs: mpsc::Receiver<Input>) {
        loop {
            tokio::select! {
                input = inputs.recv() => {
                    let Some(input) = input else { return };
                    self.take(input).await;
                }
                outcome = transcript_of(&mut self.partial) => self.take_partial(outcome),
                Some(last) = self.finals.next() => self.take_final(last),
            }
        }
    }

    fn tell(&self, event: ListenEvent) {
        // Who doesn't listen any more is about to drop the rest.
        let _ = self.link.outlet.send(event);
    }

    async fn take(&mut self, input: Input) {
        match input {
            Input::Sound(clip) => self.hear(clip).await,
            Input::Recording { utterance, clip } => self.take_recording(utterance, clip),
            Input::Commit => self.commit().await,
            Input::Clear => {
                self.forget();
                self.recent.forget_all();
                self.tell(ListenEvent::Cleared);
            }
            Input::Turns(turns) => {
                if turns.is_some() && self.detector.is_none() {
                    return self.tell(ListenEvent::Refused(ListenError::NoDetector));
                }
                self.hearing.turns = turns;
                self.endpointer.configure(turns.unwrap_or(self.inner.turns));
            }
            Input::Guidance { instructions, tools } => {
                self.hearing.instructions = instructions;
                self.hearing.tools = tools;
            }
            Input::Language(language) => self.hearing.language = language,
            Input::Delivery(delivery) => self.hearing.delivery = delivery,
        }
    }

    async fn hear(&mut self, clip: Clip) {
        let most = self.inner.config.recording.most;
        if self.hearing.turns.is_none() && self.recent.duration() + clip.duration() > most {
            return self.tell(ListenEvent::Refused(ListenError::TooLong { most }));
        }
        let samples = self.recent.push(&clip);
        let probabilities = self.probabilities(&samples).await;
        for probability in probabilities {
            let rose_speaks = self.link.rose_speaks.load(Ordering::Relaxed);
            let started = self.endpointer.push(probability, rose_speaks);
            let Some(turns) = self.hearing.turns else { continue };
            if let Some(start) = started {
                let utterance = self.utterance();
                self.recent.forget_before(start, turns.prefix_padding);
                self.tell(ListenEvent::SpeechStarted { utterance, at: time_of(self.recent.start()) });
            }
            let too_long = self.endpointer.last_voice().is_some() && self.recent.duration() >= most;
            if too_long || self.is_over(turns) {
                self.end_turn();
            }
        }
        if let Some(turns) = self.hearing.turns
            && self.endpointer.last_voice().is_none()
        {
            let from = self.endpointer.begun().unwrap_or(self.endpointer.position());
            self.recent.forget_before(from, turns.prefix_padding);
        }
        match (&self.known, self.endpointer.last_voice()) {
            // The person speaks on: a reply to what they said so far is none to all they say.
            (Some(known), Some(voice)) if voice > known.covers => {
                self.preparing.take_if(|prepared| prepared.rehearsed);
            }
            (Some(known), Some(_)) => self.prepare(&known.text.clone(), known.covers),
            _ => {}
        }
        self.settle();
        self.transcribe_ahead();
    }

    /// In a pause behind words that are known, ends the part of the message that they are.
    fn settle(&mut self) {
        let (Some(known), Some(last_voice)) = (&self.known, self.endpointer.last_voice()) else { return };
        let since = self.settled.as_ref().map_or(self.recent.start(), |settled| settled.until);
        let whole = known.covers >= last_voice && !known.text.is_empty();
        if whole && self.endpointer.silence() >= PART_PAUSE && time_of(last_voice.saturating_sub(since)) >= LEAST_PART {
            self.settled = Some(Settled { text: known.text.clone(), until: self.endpointer.position() });
        }
    }

    /// What of the message is still to be heard, up to where it `ends`, and the words before it.
    fn unheard(&self, ends: Position) -> (Clip, String) {
        let rest = |settled: &&Settled| time_of(ends.saturating_sub(settled.until)) >= LEAST_PART;
        let (from, before) = match self.settled.as_ref().filter(rest) {
            Some(settled) => (settled.until, settled.text.clone()),
            None => (self.recent.start(), String::new()),
        };
        (self.recent.clip_between(from, ends), before)
    }

    /// A detector that fails leaves its stream as it was: what it didn't hear is silence.
    async fn probabilities(&mut self, samples: &[f32]) -> Vec<f32> {
        let Some(detector) = &mut self.detector else { return Vec::new() };
        let begun = Instant::now();
        loop {
            match detector.push(samples).await {
                Ok(probabilities) => return probabilities,
                Err(ProviderError::Busy { .. }) if begun.elapsed() < BUSY_FOR => tokio::time::sleep(BUSY_PAUSE).await,
                Err(error) => {
                    tracing::warn!(error = %error, "a piece of sound could not be judged");
                    return Vec::new();
                }
            }
        }
    }

    fn utterance(&mut self) -> Utterance {
        *self.utterance.get_or_insert_with(|| self.link.next.fetch_add(1, Ordering::Relaxed))
    }

    /// The person has been silent for long enough, for what they said.
    fn is_over(&self, turns: TurnDetectionConfig) -> bool {
        let Some(last_voice) = self.endpointer.last_voice() else { return false };
        let known = self.known.as_ref().filter(|known| known.covers >= last_voice);
        let enough = match known.map_or(Finished::No, |known| finished(&known.text)) {
            Finished::Surely => turns.finished_silence.min(turns.silence),
            Finished::Perhaps => (turns.finished_silence.min(turns.silence) + turns.silence) / 2,
            Finished::No => turns.silence,
        };
        self.endpointer.silence() >= enough
    }

    fn end_turn(&mut self) {
        let Some(last_voice) = self.endpointer.last_voice() else { return };
        let utterance = self.utterance();
        self.tell(ListenEvent::SpeechStopped { utterance, at: time_of(last_voice) });
        let pause = self.endpointer.silence();
        self.complete(utterance, Some(last_voice), Some(pause));
        self.recent.forget_before(self.endpointer.position(), TAIL);
    }

    async fn commit(&mut self) {
        let tail = self.recent.finish();
        for probability in self.probabilities(&tail).await {
            self.endpointer.push(probability, false);
        }
        let got = self.recent.duration();
        if got < LEAST_MESSAGE {
            return self.tell(ListenEvent::Refused(ListenError::TooLittle { got }));
        }
        let utterance = self.utterance();
        self.complete(utterance, self.endpointer.last_voice(), None);
        self.recent.forget_all();
    }

    /// The message is whole: its words are known, are on their way, or are asked for now.
    fn complete(&mut self, utterance: Utterance, last_voice: Option<Position>, pause: Option<Duration>) {
        let ended = Instant::now();
        // Silence that ended the turn is no part of it; a caller says themselves where the message ends.
        let ends = match (last_voice, pause) {
            (Some(last_voice), Some(_)) => after(last_voice),
            _ => self.recent.end(),
        };
        let sound = self.recent.clip_between(self.recent.start(), ends).duration();
        self.tell(ListenEvent::Committed { utterance, detected: pause.is_some() });
        let covers = |position: Position| last_voice.is_some_and(|last_voice| position >= last_voice);
        let known = self.known.take().filter(|known| covers(known.covers));
        let on_its_way = self.partial.take().filter(|partial| covers(partial.covers));
        let transcript: Transcript = match (known, on_its_way) {
            (Some(known), _) => Box::pin(async move { Ok((known.text, EngineTiming::default())) }),
            (None, Some(partial)) => {
                let again = self.transcribe(self.unheard(ends));
                Box::pin(async move {
                    match partial.transcript.await {
                        Ok(heard) => Ok((joined(partial.before, &heard.text), heard.timing)),
                        Err(_) => again.await,
                    }
                })
            }
            (None, None) => self.transcribe(self.unheard(ends)),
        };
        let certain = std::mem::take(&mut self.certain);
        let last = async move { Final { utterance, heard: heard(transcript, sound, ended, pause).await, certain } };
        self.finals.push_back(Box::pin(last));
        self.settled = None;
        self.utterance = None;
        self.endpointer.end();
    }

    fn take_recording(&mut self, utterance: Utterance, clip: Clip) {
        let limits = self.inner.config.recording;
        if clip.duration() > limits.most {
            let error = audio::AudioError::TooLong { most: limits.most };
            return self.tell(ListenEvent::Heard { utterance, heard: Err(error.into()) });
        }
        let clip = at_speech_rate(clip);
        let (ended, sound) = (Instant::now(), clip.duration());
        let transcript = self.transcribe((clip, String::new()));
        self.finals.push_back(Box::pin(async move {
            Final { utterance, heard: heard(transcript, sound, ended, None).await, certain: CertainWords::default() }
        }));
    }

    /// Starts nothing before it is awaited.
    fn transcribe(&self, (clip, before): (Clip, String)) -> Transcript {
        let inner = Arc::clone(&self.inner);
        let request = self.request(clip);
        let session = self.hearing.session;
        Box::pin(async move {
            let begun = Instant::now();
            loop {
                match inner.stt.transcribe(request.clone()).await {
                    Ok(heard) => {
                        inner.languages.note(session, &heard);
                        return Ok((joined(before, &heard.text), heard.timing));
                    }
                    Err(ProviderError::Busy { .. }) if begun.elapsed() < BUSY_FOR => {
                        tokio::time::sleep(BUSY_PAUSE).await;
                    }
                    Err(error) => return Err(error),
                }
            }
        })
    }

    fn request(&self, clip: Clip) -> TranscriptionRequest {
        let language = self.hearing.language.clone().or_else(|| self.inner.config.language.clone());
        TranscriptionRequest {
            language,
            likely: self.inner.languages.last(self.hearing.session),
            ..TranscriptionRequest::new(clip, self.link.cancel.child_token())
        }
    }

    /// In a pause, and every now and then, one at a time. What is overtaken by a long pause is given up.
    fn transcribe_ahead(&mut self) {
        let Some(last_voice) = self.endpointer.last_voice() else { return };
        let covered = self.partial.as_ref().map(|partial| partial.covers);
        let covered = covered.into_iter().chain(self.known.as_ref().map(|known| known.covers)).max().unwrap_or(0);
        if covered >= last_voice {
            return;
        }
        let since = covered.max(self.recent.start());
        let silence = self.endpointer.silence();
        let much_more = time_of(last_voice - since.min(last_voice)) >= AGAIN_AFTER;
        let due = match self.partial {
            // Who gives up at every breath has nothing to show until the end.
            Some(_) => silence >= if self.known.is_some() { SHORT_PAUSE } else { LONG_PAUSE },
            None => silence >= SHORT_PAUSE || much_more,
        };
        if !due {
            return;
        }
        let (clip, before) = self.unheard(after(last_voice));
        let (stt, request) = (Arc::clone(&self.inner.stt), self.request(clip));
        let transcript = Box::pin(async move { stt.transcribe(request).await });
        self.partial = Some(Partial { covers: last_voice, before, transcript });
    }

    fn take_partial(&mut self, outcome: Result<Transcription, ProviderError>) {
        let Some(Partial { covers, before, .. }) = self.partial.take() else { return };
        let text = match outcome {
            Ok(transcription) => {
                self.inner.languages.note(self.hearing.session, &transcription);
                joined(before, &transcription.text)
            }
            // The next one may fare better, and the last one is asked for with patience.
            Err(error) => return tracing::debug!(error = %error, "what was said so far was not transcribed"),
        };
        let utterance = self.utterance();
        let stable = self.certain.take(&text);
        if let Some(text) = &stable {
            self.tell(ListenEvent::Words { utterance, text: text.clone() });
        }
        // The message begins with it, whatever comes after.
        self.prepare(&text, covers);
        self.known = Some(Known { covers, text });
        if let Some(turns) = self.hearing.turns
            && self.is_over(turns)
        {
            self.end_turn();
        }
    }

    /// Works ahead for a message that is, or begins with, `text`.
    fn prepare(&mut self, text: &str, covers: Position) {
        let text = text.trim();
        // In a short pause, or where it reads unfinished, there most likely is more to come: a reply to it isn't begun.
        let all = self.endpointer.last_voice().is_some_and(|last_voice| covers >= last_voice);
        let long = all && self.endpointer.silence() >= LONG_PAUSE && finished(text) != Finished::No;
        let delivery = self.hearing.delivery.clone().filter(|_| long);
        let prepared = |before: &Prepared| before.text == text && before.rehearsed == delivery.is_some();
        if text.is_empty() || self.preparing.as_ref().is_some_and(prepared) {
            return;
        }
        let likely = Likely {
            user: self.hearing.user,
            session: self.hearing.session,
            text: text.to_owned(),
            instructions: self.hearing.instructions.clone(),
            tools: self.hearing.tools.clone(),
            delivery,
        };
        let cancel = self.link.cancel.child_token();
        // Ends the one before, which was wrong.
        self.preparing = Some(Prepared {
            text: text.to_owned(),
            rehearsed: likely.delivery.is_some(),
            _cancel: cancel.clone().drop_guard(),
        });
        let inner = Arc::clone(&self.inner);
        self.inner.tasks.spawn(async move { inner.prepare_turn(likely, cancel).await });
    }

    fn take_final(&self, last: Final) {
        let Final { utterance, heard, certain } = last;
        if let Ok(heard) = &heard
            && let Some(text) = certain.rest_of(&heard.text)
        {
            self.tell(ListenEvent::Words { utterance, text });
        }
        self.tell(ListenEvent::Heard { utterance, heard });
    }

    fn forget(&mut self) {
        self.utterance = None;
        self.partial = None;
        self.known = None;
        self.settled = None;
        self.certain = CertainWords::default();
        self.preparing = None;
        self.endpointer.end();
    }
}

/// The end of the silence that is heard with a last word.
fn after(last_voice: Position) -> Position {
    last_voice + SampleRate::SPEECH.samples_in(TAIL) as u64
}

fn joined(mut before: String, text: &str) -> String {
    let text = text.trim();
    if !before.is_empty() && !text.is_empty() {
        before.push(' ');
    }
    before.push_str(text);
    before
}

type Transcript = BoxFuture<'static, Result<(String, EngineTiming), ProviderError>>;

/// What was said in `sound` of sound, and what it took since the message `ended`.
async fn heard(
    transcript: Transcript,
    sound: Duration,
    ended: Instant,
    pause: Option<Duration>,
) -> Result<Heard, ConversationError> {
    let (text, timing) = transcript.await?;
    let waited = ended.elapsed();
    // What was done while the person was silent took none of their time.
    let inference = timing.inference.min(waited);
    let timing = EngineTiming { inference, queued: timing.queued.min(waited - inference) };
    Ok(Heard { text: with_words(text)?, sound, ended, pause, timing, waited })
}

/// Pending while there is none.
async fn transcript_of(partial: &mut Option<Partial>) -> Result<Transcription, ProviderError> {
    match partial {
        Some(partial) => (&mut partial.transcript).await,
        None => std::future::pending().await,
    }
}
