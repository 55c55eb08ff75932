//! What a node is, and what it is given.

use std::ops::ControlFlow;
use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::GraphError;
use super::character::Character;
use super::guardrail::Grounds;
use super::routing::RouteClassifier;
use super::state::{Said, State};
use crate::care::{Call, Care, Words};
use crate::config::{CareConfig, ConversationConfig, LlmConfig};
use crate::domain::danger::{Alarm, Kind};
use crate::domain::ids::BlobId;
use crate::domain::memory::RecalledMemory;
use crate::domain::person::Profile;
use crate::domain::route::Route;
use crate::domain::stage::{EngineTiming, Stage, StageTiming};
use crate::memory::Memories;
use crate::providers::image::{ImageGenerator, Step};
use crate::providers::llm::{Ability, LanguageModel, Sampling, Usage};
use crate::store::{BlobStore, CareCounts, PeopleStore};

/// One step of a turn.
#[async_trait]
pub trait Node: Send + Sync {
    /// A verb; also the checkpoints' name of it.
    fn name(&self) -> &'static str;

    /// Under which its time is told; `None` where it is too short to tell.
    fn stage(&self) -> Option<Stage>;

    /// Runs once the person has their reply.
    fn after_reply(&self) -> bool {
        false
    }

    /// # Errors
    /// The state is then as before: what was changed is thrown away, and the node runs again when the turn resumes.
    async fn run(&self, state: &mut State, context: &mut Context<'_>) -> Result<EngineTiming, GraphError>;
}

/// What the nodes work with, the same for every turn.
pub struct Ports {
    pub llm: Arc<dyn LanguageModel>,
    pub memories: Arc<Memories>,
    pub routes: RouteClassifier,
    pub blobs: Arc<dyn BlobStore>,
    pub people: Arc<dyn PeopleStore>,
    pub counts: Arc<dyn CareCounts>,
    /// What hears danger between the lines.
    pub care: Care,
    /// `None` where nothing makes pictures.
    pub painter: Option<Painter>,
    pub character: Character,
    pub settings: Settings,
    pub clock: Clock,
}

impl Ports {
    /// Whether a person may be under 18.
    pub fn is_minor(&self, profile: &Profile) -> bool {
        profile.minor || self.settings.minors
    }

    /// The prepared words for an alarm; `replies` are Rose's earlier ones.
    pub fn answer<'a>(&self, alarm: Alarm, profile: &Profile, replies: impl Iterator<Item = &'a str>) -> Words {
        self.character.answers.answer(alarm, &self.call(profile, alarm.kind), replies)
    }

    /// Whom a person should call: where they are by what they set or said, by their clock, or by the settings.
    fn call(&self, profile: &Profile, kind: Kind) -> Call<'_> {
        let helplines = &self.character.helplines;
        let by_code = |code: &Option<String>| code.as_deref().and_then(|code| helplines.country(code));
        let country = by_code(&profile.country)
            .or_else(|| profile.time_zone.as_deref().and_then(|zone| helplines.by_time_zone(zone)))
            .or_else(|| by_code(&self.settings.country));
        helplines.call(country, kind, self.is_minor(profile))
    }
}

/// What makes pictures, and how large.
#[derive(Clone)]
pub struct Painter {
    pub generator: Arc<dyn ImageGenerator>,
    /// Pixels.
    pub width: u32,
    pub height: u32,
}

/// The person's local time, as far as it is known: the machine's.
pub type Clock = Arc<dyn Fn() -> jiff::Zoned + Send + Sync>;

/// Colder, a small model says the same again and again; warmer, a larger one gets sums wrong.
const SMALL_TEMPERATURE: f32 = 0.6;
const ABLE_TEMPERATURE: f32 = 0.3;

/// Where the settings name none.
pub fn temperature_for(ability: Ability) -> f32 {
    match ability {
        Ability::Small => SMALL_TEMPERATURE,
        Ability::Able | Ability::Strong => ABLE_TEMPERATURE,
    }
}

#[derive(Debug, Clone)]
pub struct Settings {
    pub summarize_after: usize,
    pub keep_messages: usize,
    pub max_reply_tokens: usize,
    pub sampling: Sampling,
    /// Everyone may be under 18.
    pub minors: bool,
    /// Where people are of whom nobody knows it.
    pub country: Option<String>,
}

impl Settings {
    pub fn new(conversation: &ConversationConfig, llm: &LlmConfig, care: &CareConfig, ability: Ability) -> Self {
        let temperature = llm.temperature.unwrap_or_else(|| temperature_for(ability));
        Self {
            summarize_after: conversation.summarize_after,
            keep_messages: conversation.keep_messages,
            max_reply_tokens: llm.max_reply_tokens,
            minors: care.minors,
            country: care.country.clone(),
            sampling: Sampling {
                temperature,
                top_p: llm.top_p,
                min_p: llm.min_p,
                repeat_penalty: llm.repeat_penalty,
                seed: llm.seed,
            },
        }
    }
}

/// What a node is given in one turn.
pub struct Context<'a> {
    pub ports: &'a Ports,
    pub listener: &'a mut dyn Listener,
    /// The person interrupted, or went away.
    pub cancel: CancellationToken,
    /// The next turn waits for this one: what can be done later, or more simply, is.
    pub hurry: CancellationToken,
}

/// Who hears of a turn while it runs. The reply's words are cleaned, cut into sentences and spoken behind it.
#[async_trait]
pub trait Listener: Send {
    async fn memories_used(&mut self, memories: &[RecalledMemory]);

    async fn routed(&mut self, route: Route);

    async fn stage(&mut self, timing: StageTiming);

    fn generated(&mut self, usage: &Usage);

    /// Starts a reply, or starts it anew where the last attempt came to nothing.
    fn begin_reply(&mut self, grounds: Grounds);

    /// The model's words as they come. Waits while the person's side can't take more. `Break`: enough was said.
    async fn write(&mut self, text: &str) -> ControlFlow<()>;

    /// What of the reply was sent, and can't be taken back.
    fn said(&self) -> &str;

    /// The model's words are over. Tells whether any of them could be used. `whole` is false where the model was cut
    /// off, so that its last sentence may lack its end.
    async fn end_reply(&mut self, whole: bool) -> bool;

    /// How far the picture is that is made for the person.
    async fn image_progress(&mut self, step: Step);

    /// A picture that was made for the person, and what is said to it.
    async fn image(&mut self, id: BlobId, caption: &str);

    /// Says prepared words: `text` as it is written, `spoken` as the voice reads it.
    async fn recite(&mut self, text: &str, spoken: &str);

    /// Waits until everything is sent, or the person interrupted, and tells what reached them.
    async fn deliver(&mut self) -> Said;
}

#[cfg(test)]
pub(super) mod test_node {
    //! A node with a name and nothing to do.

    use super::*;

    pub(in super::super) struct Named(pub(in super::super) &'static str);

    #[async_trait]
    impl Node for Named {
        fn name(&self) -> &'static str {
            self.0
        }
        fn stage(&self) -> Option<Stage> {
            None
        }
        async fn run(&self, _: &mut State, _: &mut Context<'_>) -> Result<EngineTiming, GraphError> {
            Ok(EngineTiming::default())
        }
    }
}
