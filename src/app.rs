//! Composition root: [`Config`] → the stores, the ports and what stands on them, ready to serve.

use std::sync::Arc;

use crate::care::{self, Care, DangerJudge, Probe, Weights};
use crate::config::{Config, Judgement, MemoryBackend, SttBackend};
use crate::conversation::{Conversation, ConversationError, Parts};
use crate::graph::builder::InvalidGraph;
use crate::graph::character::{Character, CharacterError};
use crate::graph::node::Clock;
use crate::graph::routing::RouteClassifier;
use crate::memory::{Memories, MemoryError, embed_anew};
use crate::providers::llm::Ability;
use crate::providers::watch::ModelWatch;
use crate::providers::{BackendStatus, BuildError, Description, ProviderError, embeddings, image, llm, stt, tts, vad};
use crate::store::{
    BlobStore, FileBlobs, MemoryStore, PeopleStore, QdrantMemories, QdrantReembedding, Reembedding, SessionStore,
    SqliteReembedding, SqliteStore, StoreError,
};
use crate::weights::{ModelStore, WeightsError};

/// The backend of models in this process.
const LOCAL: &str = "local";

/// Everything that a server, a job or a command needs. Its engines are loaded and warm.
pub struct App {
    pub config: Config,
    pub store: SqliteStore,
    pub sessions: Arc<dyn SessionStore>,
    pub blobs: Arc<dyn BlobStore>,
    pub people: Arc<dyn PeopleStore>,
    pub memories: Arc<Memories>,
    pub conversation: Arc<Conversation>,
    /// Whether the services have the models that the settings name; the jobs look.
    pub models: Arc<ModelWatch>,
    /// The backends themselves, for who needs one of them alone.
    pub(crate) ports: Ports,
    services: Vec<(&'static str, Backends)>,
}

#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error(transparent)]
    Weights(#[from] WeightsError),
    #[error(transparent)]
    Port(#[from] BuildError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the character can't be used: {0}")]
    Character(#[from] CharacterError),
    #[error(transparent)]
    Care(#[from] care::WeightsError),
    #[error(transparent)]
    Graph(#[from] InvalidGraph),
    #[error("the turns that were cut off can't be ended: {0}")]
    Resume(#[source] ConversationError),
    #[error("the memories can't be embedded anew: {0}")]
    Reembed(#[source] MemoryError),
    #[error("an engine's thread ended while it loaded")]
    Loading,
}

impl App {
    /// Opens the data, loads the engines side by side, and ends the turns that a crash cut off.
    ///
    /// # Errors
    /// Where the data folder is in use, a model is missing, or a backend can't be built.
    pub async fn build(config: Config) -> Result<Self, AppError> {
        Self::build_with(config, Arc::new(jiff::Zoned::now)).await
    }

    /// As [`App::build`], with a clock of one's own.
    ///
    /// # Errors
    /// As [`App::build`].
    pub async fn build_with(config: Config, clock: Clock) -> Result<Self, AppError> {
        let (store, ports, config) = tokio::task::spawn_blocking(move || {
            let store = SqliteStore::open(&config.data)?;
            let ports = Ports::load(&config)?;
            Ok::<_, AppError>((store, ports, config))
        })
        .await
        .map_err(|_| AppError::Loading)??;

        if config.memory.reembed_at_start {
            reembed(&config, &store, ports.embedder.as_ref()).await.map_err(AppError::Reembed)?;
        }
        let embedded_by = ports.embedder.describe();
        let mut services = ports.services();
        let kept: Arc<dyn MemoryStore> = match config.memory.backend {
            MemoryBackend::Local => {
                store.bind_embedding_model(&embedded_by.model, ports.embedder.dimension()).await?;
                Arc::new(store.clone())
            }
            MemoryBackend::Qdrant => {
                let qdrant = qdrant(&config, &embedded_by.model, ports.embedder.dimension()).await?;
                let shown = Arc::clone(&qdrant);
                services.push(("memories", Box::new(move || vec![shown.status()])));
                qdrant
            }
        };
        let sessions: Arc<dyn SessionStore> = Arc::new(store.clone());
        let people: Arc<dyn PeopleStore> = Arc::new(store.clone());
        let blobs: Arc<dyn BlobStore> = Arc::new(FileBlobs::new(&store));
        let embedder = Arc::new(embeddings::RecentlyEmbedded::new(Arc::clone(&ports.embedder)));
        let ability = ports.llm.ability();
        let own = config.conversation.character_dir.as_deref();
        let character = Character::load(own, &config.conversation.language, ability)?;
        let judges = match config.judgement.by {
            Judgement::Auto => ability >= Ability::Able,
            Judgement::Model => true,
            Judgement::Rules => false,
        };
        let judge = judges.then(|| Arc::clone(&ports.llm));
        let name = character.name.as_str();
        let memories = Arc::new(Memories::new(kept, embedder, judge.clone(), name, config.memory.clone()));
        let parts = Parts {
            stt: Arc::clone(&ports.stt),
            llm: Arc::clone(&ports.llm),
            tts: Arc::clone(&ports.tts),
            detector: ports.detector.clone(),
            memories: Arc::clone(&memories),
            routes: RouteClassifier::new(judge, name),
            sessions: Arc::clone(&sessions),
            checkpoints: Arc::new(store.clone()),
            blobs: Arc::clone(&blobs),
            people: Arc::clone(&people),
            counts: Arc::new(store.clone()),
            care: care(&config, &ports.llm)?,
            image: ports.image.clone(),
            clock,
            character,
        };
        let conversation = Arc::new(Conversation::new(parts, &config)?);
        conversation.prepare_beginnings().await;
        let resumed = conversation.resume_unfinished().await.map_err(AppError::Resume)?;
        if resumed > 0 {
            tracing::info!(turns = resumed, "ended the turns that were cut off");
        }
        let models = Arc::new(ModelWatch::new(&config));
        Ok(Self { config, store, sessions, blobs, people, memories, conversation, models, ports, services })
    }

    /// Which backends stand behind each port, the first in line first; at least one for each.
    pub fn describe(&self) -> Vec<(&'static str, Vec<BackendStatus>)> {
        self.services.iter().map(|(port, backends)| (*port, backends())).collect()
    }

    /// Waits until no turn runs, nor anything that comes after one.
    pub async fn close(&self) {
        self.conversation.idle().await;
    }

    /// The same in a hurry: what comes after a turn takes the short way, and nothing is prepared for a next one.
    pub async fn close_soon(&self) {
        self.conversation.finish_soon();
        self.conversation.idle().await;
    }
}

/// How the backends of a port stand now.
type Backends = Box<dyn Fn() -> Vec<BackendStatus> + Send + Sync>;

/// The backends that the settings name.
pub(crate) struct Ports {
    pub(crate) stt: Arc<dyn stt::SpeechToText>,
    pub(crate) llm: Arc<dyn llm::LanguageModel>,
    pub(crate) tts: Arc<dyn tts::TextToSpeech>,
    pub(crate) embedder: Arc<dyn embeddings::Embedder>,
    /// `None` where no backend of the list can be had.
    pub(crate) image: Option<Arc<dyn image::ImageGenerator>>,
    detector: Option<Arc<dyn vad::VoiceActivityDetector>>,
}

impl Ports {
    fn services(&self) -> Vec<(&'static str, Backends)> {
        let (stt, llm) = (Arc::clone(&self.stt), Arc::clone(&self.llm));
        let (tts, embedder) = (Arc::clone(&self.tts), Arc::clone(&self.embedder));
        let mut services: Vec<(&'static str, Backends)> = vec![
            ("speech_to_text", Box::new(move || stt.backends())),
            ("llm", Box::new(move || llm.backends())),
            ("text_to_speech", Box::new(move || tts.backends())),
            ("embeddings", Box::new(move || embedder.backends())),
            ("store", Box::new(|| vec![BackendStatus::of_engine(store())])),
        ];
        if let Some(image) = self.image.clone() {
            services.push(("image", Box::new(move || image.backends())));
        }
        if let Some(detector) = self.detector.clone() {
            services.push(("voice_activity", Box::new(move || vec![BackendStatus::of_engine(detector.describe())])));
        }
        services
    }

    /// Each on a thread of its own: the slowest decides how long it takes.
    fn load(config: &Config) -> Result<Self, AppError> {
        let models = ModelStore::open(&config.models)?;
        let models = &models;
        let detector = detector(config, models)?;
        std::thread::scope(|scope| {
            let stt = scope.spawn(|| stt::build(&config.stt, models, detector.as_ref()));
            let llm = scope.spawn(|| llm::build(&config.llm, models));
            let tts = scope.spawn(|| tts::build(&config.tts, models));
            let embedder = scope.spawn(|| embeddings::build(&config.embeddings, models));
            let image = scope.spawn(|| image::build(&config.image, models));
            Ok(Self {
                stt: stt.join().map_err(|_| AppError::Loading)??,
                llm: llm.join().map_err(|_| AppError::Loading)??,
                tts: tts.join().map_err(|_| AppError::Loading)??,
                embedder: embedder.join().map_err(|_| AppError::Loading)??,
                image: image.join().map_err(|_| AppError::Loading)??,
                detector: detector.clone(),
            })
        })
    }
}

/// The layers that hear danger between the lines: the probe of a local model that there are weights for, and the
/// judgement of a service's model.
fn care(config: &Config, llm: &Arc<dyn llm::LanguageModel>) -> Result<Care, AppError> {
    let first = llm.describe();
    let judge = (config.care.judge && first.backend != LOCAL && llm.ability() == Ability::Strong)
        .then(|| DangerJudge::new(Arc::clone(llm)));
    let local = llm.backends().into_iter().map(|backend| backend.description).find(|one| one.backend == LOCAL);
    let weights = match local.filter(|_| config.care.probe) {
        Some(local) => Weights::find(&local.model, &config.models.dir)?,
        None => None,
    };
    let states = weights.as_ref().and_then(|weights| llm.hidden_states(&[weights.layer]));
    let states = states.transpose().map_err(BuildError::from)?;
    let probe = states.zip(weights).map(|(states, weights)| Probe::new(states, weights));
    Ok(Care::new(probe, judge))
}

/// How everybody's memories get to `embedder`'s model; `None` where they are its already. `held` is the store of this process;
/// without it a server has the data folder, and goes on answering.
///
/// # Errors
/// Where a store fails.
pub(crate) async fn reembedding(
    config: &Config,
    held: Option<&SqliteStore>,
    embedder: &dyn embeddings::Embedder,
) -> Result<Option<Box<dyn Reembedding>>, StoreError> {
    fn boxed<R: Reembedding + 'static>(place: R) -> Box<dyn Reembedding> {
        Box::new(place)
    }
    let (model, dimension) = (embedder.describe().model, embedder.dimension());
    Ok(match (config.memory.backend, held) {
        (MemoryBackend::Local, Some(store)) => SqliteReembedding::begin(store, &model, dimension).await?.map(boxed),
        (MemoryBackend::Local, None) => {
            SqliteReembedding::begin_beside(&config.data, &model, dimension).await?.map(boxed)
        }
        (MemoryBackend::Qdrant, _) => {
            QdrantReembedding::begin(&config.memory.qdrant, &model, dimension).await?.map(boxed)
        }
    })
}

/// At a start, before anything uses the memories.
async fn reembed(config: &Config, store: &SqliteStore, embedder: &dyn embeddings::Embedder) -> Result<(), MemoryError> {
    let place = match reembedding(config, Some(store), embedder).await {
        Err(StoreError::Failed(reason)) if config.memory.backend == MemoryBackend::Qdrant => {
            tracing::warn!(reason, "the memories can't be reached yet");
            return Ok(());
        }
        other => other?,
    };
    let Some(place) = place else { return Ok(()) };
    let (from, to) = (place.from().clone(), embedder.describe().model);
    tracing::info!(from = from.model, to, memories = from.memories, "the memories are embedded anew");
    let told = std::sync::atomic::AtomicUsize::new(0);
    let tell = |done: usize| {
        let tenth = done * 10 / from.memories.max(1);
        if told.swap(tenth, std::sync::atomic::Ordering::Relaxed) != tenth {
            tracing::info!(memories = from.memories, done, "memories embedded anew");
        }
    };
    embed_anew(place.as_ref(), embedder, &tell).await?;
    let memories = place.switch().await?;
    tracing::info!(memories, from = from.model, to, "the memories are the new model's");
    Ok(())
}

/// Where it doesn't answer now it may later: only a collection that can't be used keeps Rose from starting.
async fn qdrant(config: &Config, model: &str, dimension: usize) -> Result<Arc<QdrantMemories>, StoreError> {
    let qdrant = Arc::new(QdrantMemories::new(&config.memory.qdrant, model, dimension)?);
    match qdrant.prepare().await {
        Err(StoreError::Failed(reason)) => tracing::warn!(reason, "the memories can't be reached yet"),
        other => other?,
    }
    Ok(qdrant)
}

fn store() -> Description {
    Description { backend: "sqlite", model: "sqlite-vec".into() }
}

/// What keeps silence from the local model and tells a conversation's turns apart. Without it recordings are transcribed
/// as they are, and the person says where a turn ends. Missing weights are an error only where the local model needs
/// them.
pub(crate) fn detector(
    config: &Config,
    models: &ModelStore,
) -> Result<Option<Arc<dyn vad::VoiceActivityDetector>>, BuildError> {
    let needed = config.stt.backends.contains(&SttBackend::Local);
    match vad::build(&config.vad, models) {
        Ok(detector) => Ok(Some(detector)),
        Err(BuildError::Provider(ProviderError::NotEnabled { .. })) => Ok(None),
        Err(error) if needed => Err(error),
        Err(error) => {
            tracing::warn!(error = %error, "turns are not told apart by listening: there is no detector");
            Ok(None)
        }
    }
}
