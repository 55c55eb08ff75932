//! The conversation room's door: what it is made of, and how a turn is started.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::languages::Languages;
use super::outbox::Outbox;
use super::rehearsal::{Rehearsals, RehearsedModel, RehearsedVoice};
use super::sessions::Sessions;
use super::{Event, TurnInput, TurnRequest};
use crate::care::Care;
use crate::config::{Config, TurnDetectionConfig};
use crate::domain::danger::Layer;
use crate::domain::ids::TurnId;
use crate::graph::builder::InvalidGraph;
use crate::graph::character::Character;
use crate::graph::node::{Clock, Painter, Ports, Settings};
use crate::graph::nodes::turn_graph;
use crate::graph::routing::RouteClassifier;
use crate::graph::runner::Runner;
use crate::memory::Memories;
use crate::providers::image::ImageGenerator;
use crate::providers::llm::LanguageModel;
use crate::providers::stt::SpeechToText;
use crate::providers::tts::{TextToSpeech, Voice};
use crate::providers::vad::VoiceActivityDetector;
use crate::store::{BlobStore, CareCounts, CheckpointStore, PeopleStore, SessionStore};

/// What conversations are made of.
pub struct Parts {
    pub stt: Arc<dyn SpeechToText>,
    pub llm: Arc<dyn LanguageModel>,
    pub tts: Arc<dyn TextToSpeech>,
    /// Without one nobody's turns are told apart, but they can say themselves where one ends.
    pub detector: Option<Arc<dyn VoiceActivityDetector>>,
    pub memories: Arc<Memories>,
    pub routes: RouteClassifier,
    pub sessions: Arc<dyn SessionStore>,
    pub checkpoints: Arc<dyn CheckpointStore>,
    pub blobs: Arc<dyn BlobStore>,
    pub people: Arc<dyn PeopleStore>,
    pub counts: Arc<dyn CareCounts>,
    pub care: Care,
    /// `None` where nothing makes pictures.
    pub image: Option<Arc<dyn ImageGenerator>>,
    pub clock: Clock,
    pub character: Character,
}

/// All conversations of this process. Cheap to clone: all clones are the same one.
#[derive(Clone)]
pub struct Conversation {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) stt: Arc<dyn SpeechToText>,
    pub(super) tts: Arc<dyn TextToSpeech>,
    pub(super) rehearsals: Arc<Rehearsals>,
    pub(super) detector: Option<Arc<dyn VoiceActivityDetector>>,
    pub(super) sessions: Arc<dyn SessionStore>,
    pub(super) ports: Ports,
    pub(super) runner: Runner,
    pub(super) config: Limits,
    pub(super) turns: TurnDetectionConfig,
    pub(super) entered: Sessions,
    pub(super) languages: Languages,
    /// Everything that runs, what comes after a reply included.
    pub(super) tasks: TaskTracker,
    /// Cancelled once no turn will follow.
    pub(super) leaving: CancellationToken,
}

/// What a turn's input is held to.
pub(super) struct Limits {
    pub(super) max_message_chars: usize,
    pub(super) recording: crate::audio::DurationLimits,
    pub(super) language: Option<String>,
}

/// A turn that runs. Dropping it cancels the turn.
pub struct Turn {
    pub turn_id: TurnId,
    /// In the order in which they come; the last is `Done` or `Failed`.
    pub events: mpsc::Receiver<Event>,
}

impl Conversation {
    /// # Errors
    /// None in a build whose tests pass: the graph is fixed.
    pub fn new(parts: Parts, config: &Config) -> Result<Self, InvalidGraph> {
        let limits = Limits {
            max_message_chars: config.conversation.max_message_chars,
            recording: crate::audio::DurationLimits {
                least: config.conversation.min_recording,
                most: config.conversation.max_recording,
            },
            language: config.stt.language.clone(),
        };
        let ability = parts.llm.ability();
        let rehearsals = Rehearsals::new(parts.llm, parts.tts);
        let painter = parts.image.map(|generator| {
            let (width, height) = config.image.size(generator.native_size());
            Painter { generator, width, height }
        });
        let ports = Ports {
            painter,
            llm: Arc::new(RehearsedModel(Arc::clone(&rehearsals))),
            memories: parts.memories,
            routes: parts.routes,
            blobs: parts.blobs,
            people: parts.people,
            counts: parts.counts,
            care: parts.care,
            character: parts.character,
            settings: Settings::new(&config.conversation, &config.llm, &config.care, ability),
            clock: parts.clock,
        };
        let inner = Inner {
            stt: parts.stt,
            tts: Arc::new(RehearsedVoice(Arc::clone(&rehearsals))),
            rehearsals,
            detector: parts.detector,
            sessions: parts.sessions,
            ports,
            runner: Runner::new(turn_graph()?, parts.checkpoints),
            config: limits,
            turns: config.realtime.turns,
            entered: Sessions::default(),
            languages: Languages::default(),
            tasks: TaskTracker::new(),
            leaving: CancellationToken::new(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Starts a turn. It runs until its end, its token's cancellation, or the drop of the [`Turn`].
    pub fn start(&self, request: TurnRequest) -> Turn {
        let input_end = match &request.input {
            TurnInput::Heard(heard) => heard.ended,
            _ => Instant::now(),
        };
        let turn_id = TurnId::generate();
        // The turn's own: a caller who goes away must not cancel what else hangs on the caller's token.
        let cancel: CancellationToken = request.cancel.child_token();
        let (outbox, events) = Outbox::new(cancel.clone());
        let inner = Arc::clone(&self.inner);
        self.inner.tasks.spawn(async move { inner.turn(request, turn_id, input_end, outbox, cancel).await });
        Turn { turn_id, events }
    }

    /// Who speaks here.
    pub fn character(&self) -> &Character {
        &self.inner.ports.character
    }

    /// What listens for danger.
    pub fn care_layers(&self) -> Vec<Layer> {
        self.inner.ports.care.layers()
    }

    /// The voices that [`TurnRequest::voice`] may name; the first is the default.
    pub fn voices(&self) -> Vec<Voice> {
        self.inner.tts.voices()
    }

    /// Whether a person may be said to speak this language, by its ISO 639-1 code.
    pub fn knows_language(&self, code: &str) -> bool {
        self.inner.stt.knows_language(code)
    }

    /// Whether messages may come with pictures.
    pub fn sees_pictures(&self) -> bool {
        self.inner.ports.llm.sees_pictures()
    }

    /// Whether a wish for a picture can be met.
    pub fn makes_pictures(&self) -> bool {
        self.inner.ports.painter.is_some()
    }

    /// From now on what comes after a reply takes no longer than it must, as where a next turn waits, and nothing is
    /// computed ahead: no turn will follow.
    pub fn finish_soon(&self) {
        self.inner.leaving.cancel();
    }

    /// Waits until nothing runs any more: no turn, and nothing that comes after one. Turns that start meanwhile are
    /// waited for too.
    pub async fn idle(&self) {
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
        self.inner.tasks.reopen();
    }
}
