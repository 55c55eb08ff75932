//! A reply's beginning, written and spoken before it is Rose's turn: while the person pauses, in case that was all they
//! say. Nobody hears of it unless the turn then asks for just this reply; it then finds the words and the sound made.
//!
//! Only for backends whose work costs nobody anything ([`LanguageModel::writes_ahead`]).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::stream::{self, StreamExt};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::AbortOnDropHandle;

use super::phrasing::Phrasing;
use crate::domain::audio::SampleRate;
use crate::domain::ids::SessionId;
use crate::domain::stage::EngineTiming;
use crate::graph::guardrail::Guardrail;
use crate::providers::llm::{Ability, Delta, GenerationRequest, GenerationStream, LanguageModel};
use crate::providers::tts::{SpeechChunk, SpeechRequest, SpeechStream, TextToSpeech, Voice};
use crate::providers::{BackendStatus, Description, ProviderError};

/// A rehearsal whose turn hasn't come by then is forgotten. Longer than any pause that ends a turn.
const KEPT_FOR: Duration = Duration::from_secs(10);

/// Pieces of text that are written before anyone asks: more than the longest first clause has.
const WORDS_AHEAD: usize = 48;

/// How the reply would be spoken.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// `None` takes the backend's default.
    pub voice: Option<String>,
    /// 1 is the voice's own pace.
    pub speed: f32,
}

/// The rehearsals of all conversations; at most one for each session.
pub(super) struct Rehearsals {
    llm: Arc<dyn LanguageModel>,
    tts: Arc<dyn TextToSpeech>,
    words: Mutex<HashMap<SessionId, Words>>,
    sounds: Mutex<HashMap<SessionId, Sound>>,
}

struct Words {
    request: GenerationRequest,
    deltas: mpsc::Receiver<Result<Delta, ProviderError>>,
    cancel: DropGuard,
}

struct Sound {
    request: SpeechRequest,
    chunks: mpsc::UnboundedReceiver<Result<SpeechChunk, ProviderError>>,
    cancel: DropGuard,
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Rehearsals {
    pub(super) fn new(llm: Arc<dyn LanguageModel>, tts: Arc<dyn TextToSpeech>) -> Arc<Self> {
        Arc::new(Self { llm, tts, words: Mutex::default(), sounds: Mutex::default() })
    }

    pub(super) fn possible(&self) -> bool {
        self.llm.writes_ahead()
    }

    /// Writes the reply to `request` up to its first piece, speaks that, and keeps both for a while. Dropping this
    /// before its end forgets them.
    ///
    /// # Errors
    /// The backends' own; nothing is lost but the head start.
    pub(super) async fn rehearse(
        &self,
        session: SessionId,
        request: GenerationRequest,
        mut phrasing: Phrasing,
        guardrail: &Guardrail,
        delivery: Delivery,
    ) -> Result<(), ProviderError> {
        let _forgotten = Forget { rehearsals: self, session };
        let mut overheard = self.write(session, request).await?;
        let first = loop {
            let pieces = match overheard.recv().await {
                Some(Some(text)) => phrasing.push(&text, guardrail),
                Some(None) => phrasing.finish(true, guardrail),
                None => return Ok(()),
            };
            if let Some(piece) = pieces.into_iter().find(|piece| !piece.spoken.is_empty()) {
                break piece;
            }
        };
        // A turn that has the words already has its own voice.
        if !lock(&self.words).contains_key(&session) {
            return Ok(());
        }
        let spoken = CancellationToken::new();
        let request =
            SpeechRequest { text: first.spoken, voice: delivery.voice, speed: delivery.speed, cancel: spoken.clone() };
        let mut stream = self.tts.speak(request.clone()).await?;
        let (heard, chunks) = mpsc::unbounded_channel();
        lock(&self.sounds).insert(session, Sound { request, chunks, cancel: spoken.drop_guard() });
        tokio::spawn(async move {
            while let Some(chunk) = stream.next().await {
                if heard.send(chunk).is_err() {
                    break;
                }
            }
        });
        tokio::time::sleep(KEPT_FOR).await;
        Ok(())
    }

    /// Lets the model write, as far ahead as [`WORDS_AHEAD`]. What it writes is heard here too: texts, and nothing at
    /// the end.
    async fn write(
        &self,
        session: SessionId,
        request: GenerationRequest,
    ) -> Result<mpsc::UnboundedReceiver<Option<String>>, ProviderError> {
        // Not the caller's: a turn that takes the words over goes on after the rehearsal has ended.
        let own = CancellationToken::new();
        let request = GenerationRequest { cancel: own.clone(), ..request };
        let cancel = own.drop_guard();
        let mut stream = self.llm.stream(request.clone()).await?;
        let (writing, deltas) = mpsc::channel(WORDS_AHEAD);
        let (tell, overheard) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(delta) = stream.next().await {
                // Whether anyone listens is known where the delta goes.
                let _ = match &delta {
                    Ok(Delta::Text(text)) => tell.send(Some(text.clone())),
                    Ok(Delta::Done(_)) => tell.send(None),
                    // What was overheard before it is spoken in vain: the turn asks for other words.
                    Ok(Delta::Call(_) | Delta::Again) | Err(_) => Ok(()),
                };
                if writing.send(delta).await.is_err() {
                    break;
                }
            }
        });
        lock(&self.words).insert(session, Words { request, deltas, cancel });
        Ok(overheard)
    }

    /// The words, where `request` asks for just these. Others of its session are wrong, and end.
    fn take_words(&self, request: &GenerationRequest) -> Option<Words> {
        let words = lock(&self.words).remove(&request.session?)?;
        let right = same(&words.request, request);
        tracing::debug!(rehearsal.right = right, rehearsal.pieces = words.deltas.len(), "a reply was rehearsed");
        right.then_some(words)
    }

    fn take_sound(&self, request: &SpeechRequest) -> Option<Sound> {
        let mut sounds = lock(&self.sounds);
        let session =
            sounds.iter().find(|(_, sound)| same_speech(&sound.request, request)).map(|(session, _)| *session)?;
        match sounds.entry(session) {
            Entry::Occupied(sound) => Some(sound.remove()),
            Entry::Vacant(_) => None,
        }
    }
}

/// What a rehearsal leaves behind ends with it.
struct Forget<'a> {
    rehearsals: &'a Rehearsals,
    session: SessionId,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        lock(&self.rehearsals.words).remove(&self.session);
        lock(&self.rehearsals.sounds).remove(&self.session);
    }
}

fn same(one: &GenerationRequest, other: &GenerationRequest) -> bool {
    one.messages == other.messages
        && one.max_tokens == other.max_tokens
        && one.sampling == other.sampling
        && one.format == other.format
        && one.tools == other.tools
        && one.plain == other.plain
        && one.stop == other.stop
}

fn same_speech(one: &SpeechRequest, other: &SpeechRequest) -> bool {
    one.text == other.text && one.voice == other.voice && (one.speed - other.speed).abs() < f32::EPSILON
}

/// The model, with what was rehearsed.
pub(super) struct RehearsedModel(pub(super) Arc<Rehearsals>);

#[async_trait]
impl LanguageModel for RehearsedModel {
    fn ability(&self) -> Ability {
        self.0.llm.ability()
    }

    fn describe(&self) -> Description {
        self.0.llm.describe()
    }

    fn backends(&self) -> Vec<BackendStatus> {
        self.0.llm.backends()
    }

    fn context_tokens(&self) -> usize {
        self.0.llm.context_tokens()
    }

    fn count_tokens(&self, text: &str) -> usize {
        self.0.llm.count_tokens(text)
    }

    fn writes_ahead(&self) -> bool {
        self.0.llm.writes_ahead()
    }

    fn sees_pictures(&self) -> bool {
        self.0.llm.sees_pictures()
    }

    async fn stream(&self, request: GenerationRequest) -> Result<GenerationStream, ProviderError> {
        let Some(words) = self.0.take_words(&request) else { return self.0.llm.stream(request).await };
        let taken = Instant::now();
        let own = words.request.cancel;
        let follow = AbortOnDropHandle::new(tokio::spawn(async move {
            request.cancel.cancelled().await;
            own.cancel();
        }));
        let guard = (follow, words.cancel);
        let deltas = ReceiverStream::new(words.deltas).map(move |delta| {
            let _until_the_end = &guard;
            delta.map(|delta| since(taken, delta))
        });
        Ok(Box::pin(deltas))
    }

    async fn prepare(&self, request: &GenerationRequest) -> Result<(), ProviderError> {
        self.0.llm.prepare(request).await
    }
}

/// What was done before anyone asked took none of their time.
fn since(taken: Instant, delta: Delta) -> Delta {
    match delta {
        Delta::Done(mut usage) => {
            let inference = usage.timing.inference.min(taken.elapsed());
            usage.timing = EngineTiming { inference, queued: Duration::ZERO };
            Delta::Done(usage)
        }
        other @ (Delta::Text(_) | Delta::Call(_) | Delta::Again) => other,
    }
}

/// The voice, with what was rehearsed.
pub(super) struct RehearsedVoice(pub(super) Arc<Rehearsals>);

#[async_trait]
impl TextToSpeech for RehearsedVoice {
    fn describe(&self) -> Description {
        self.0.tts.describe()
    }

    fn backends(&self) -> Vec<BackendStatus> {
        self.0.tts.backends()
    }

    fn sample_rate(&self) -> SampleRate {
        self.0.tts.sample_rate()
    }

    fn voices(&self) -> Vec<Voice> {
        self.0.tts.voices()
    }

    async fn speak(&self, request: SpeechRequest) -> Result<SpeechStream, ProviderError> {
        let Some(sound) = self.0.take_sound(&request) else { return self.0.tts.speak(request).await };
        let (cancel, guard) = (request.cancel, sound.cancel);
        let chunks = stream::unfold((sound.chunks, cancel, guard), |(mut chunks, cancel, guard)| async move {
            let asked = Instant::now();
            let chunk = tokio::select! {
                biased;
                () = cancel.cancelled() => Err(ProviderError::Cancelled),
                chunk = chunks.recv() => chunk?,
            };
            let chunk = chunk.map(|chunk| {
                let inference = chunk.timing.inference.min(asked.elapsed());
                SpeechChunk { timing: EngineTiming { inference, queued: Duration::ZERO }, ..chunk }
            });
            if chunk.is_err() {
                // The stream ends with its error.
                chunks.close();
            }
            Some((chunk, (chunks, cancel, guard)))
        });
        Ok(Box::pin(chunks))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::config::{Config, Overrides};
    use crate::domain::message::Role;
    use crate::graph::character::Character;
    use crate::providers::llm::{ChatMessage, FakeLanguageModel, Sampling};
    use crate::providers::tts::FakeVoice;

    /// Counts what it is asked for.
    struct Asked<P> {
        port: P,
        times: AtomicUsize,
    }

    impl<P> Asked<P> {
        fn new(port: P) -> Arc<Self> {
            Arc::new(Self { port, times: AtomicUsize::new(0) })
        }

        fn times(&self) -> usize {
            self.times.load(Ordering::Relaxed)
        }
    }

    #[async_trait]
    impl LanguageModel for Asked<FakeLanguageModel> {
        fn describe(&self) -> Description {
            self.port.describe()
        }

        fn context_tokens(&self) -> usize {
            self.port.context_tokens()
        }

        fn count_tokens(&self, text: &str) -> usize {
            self.port.count_tokens(text)
        }

        fn writes_ahead(&self) -> bool {
            true
        }

        async fn stream(&self, request: GenerationRequest) -> Result<GenerationStream, ProviderError> {
            self.times.fetch_add(1, Ordering::Relaxed);
            self.port.stream(request).await
        }
    }

    #[async_trait]
    impl TextToSpeech for Asked<FakeVoice> {
        fn describe(&self) -> Description {
            self.port.describe()
        }

        fn sample_rate(&self) -> SampleRate {
            self.port.sample_rate()
        }

        fn voices(&self) -> Vec<Voice> {
            self.port.voices()
        }

        async fn speak(&self, request: SpeechRequest) -> Result<SpeechStream, ProviderError> {
            self.times.fetch_add(1, Ordering::Relaxed);
            self.port.speak(request).await
        }
    }

    struct Stage {
        llm: Arc<Asked<FakeLanguageModel>>,
        tts: Arc<Asked<FakeVoice>>,
        rehearsals: Arc<Rehearsals>,
        session: SessionId,
    }

    impl Stage {
        fn new() -> Self {
            let config = Config::defaults(&Overrides::default()).unwrap();
            let llm = Asked::new(FakeLanguageModel::new(&config.llm.fake));
            let tts = Asked::new(FakeVoice::new(&config.tts.fake));
            let rehearsals = Rehearsals::new(Arc::clone(&llm) as _, Arc::clone(&tts) as _);
            Self { llm, tts, rehearsals, session: SessionId::generate() }
        }

        fn request(&self, text: &str) -> GenerationRequest {
            GenerationRequest {
                messages: vec![ChatMessage::new(Role::User, text)],
                session: Some(self.session),
                max_tokens: 40,
                sampling: Sampling::default(),
                prefix: None,
                format: None,
                tools: None,
                plain: true,
                stop: Vec::new(),
                cancel: CancellationToken::new(),
            }
        }

        /// Rehearses until both words and sound are there, then runs `turn` beside it.
        async fn beside<T>(&self, text: &str, turn: impl Future<Output = T>) -> T {
            let character = Character::load(None, "en", Ability::Small).unwrap();
            let delivery = Delivery { voice: None, speed: 1.0 };
            let request = self.request(text);
            let rehearsal = self.rehearsals.rehearse(
                self.session,
                request,
                Phrasing::new(&character.name, Default::default()),
                &character.guardrail,
                delivery,
            );
            tokio::select! {
                outcome = rehearsal => panic!("it was forgotten: {outcome:?}"),
                outcome = async {
                    while lock(&self.rehearsals.sounds).is_empty() {
                        tokio::task::yield_now().await;
                    }
                    turn.await
                } => outcome,
            }
        }

        async fn reply(&self, text: &str) -> String {
            let model = RehearsedModel(Arc::clone(&self.rehearsals));
            let stream = model.stream(self.request(text)).await.unwrap();
            crate::providers::llm::collect("fake", stream).await.unwrap().text
        }

        async fn sound(&self, text: &str) -> usize {
            let voice = RehearsedVoice(Arc::clone(&self.rehearsals));
            let request =
                SpeechRequest { text: text.into(), voice: None, speed: 1.0, cancel: CancellationToken::new() };
            let stream = voice.speak(request).await.unwrap();
            crate::providers::tts::collect(voice.sample_rate(), stream).await.unwrap().clip.samples.len()
        }
    }

    const SAID: &str = "I walked along the river with my brother";

    #[tokio::test]
    async fn the_turn_that_asks_for_it_takes_it_over() {
        let stage = Stage::new();
        let plain = stage.reply(SAID).await;
        let turn = async {
            let first = lock(&stage.rehearsals.sounds)[&stage.session].request.text.clone();
            (stage.reply(SAID).await, stage.sound(&first).await, first)
        };
        let (reply, sound, first) = stage.beside(SAID, turn).await;
        assert_eq!((stage.llm.times(), stage.tts.times()), (2, 1), "no more than the first reply and the rehearsal");
        assert!(plain.contains(first.trim_end_matches('.')), "{first}");
        assert_eq!((reply, sound), (plain, stage.sound(&first).await));
    }

    #[tokio::test]
    async fn another_reply_is_made_anew() {
        let stage = Stage::new();
        let other = "I walked along the river with my sister";
        let reply = stage.beside(SAID, stage.reply(other)).await;
        assert!(reply.contains("sister") && !reply.contains("brother"), "{reply}");
        assert_eq!(stage.llm.times(), 2);
        assert!(lock(&stage.rehearsals.words).is_empty());
    }

    #[tokio::test]
    async fn what_is_given_up_leaves_nothing() {
        let stage = Stage::new();
        stage.beside(SAID, async {}).await;
        assert!(lock(&stage.rehearsals.words).is_empty() && lock(&stage.rehearsals.sounds).is_empty());
        assert!(stage.reply(SAID).await.contains("river"));
        assert_eq!(stage.llm.times(), 2);
    }
}
