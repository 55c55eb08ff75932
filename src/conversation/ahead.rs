//! Work ahead of a turn: while the person still speaks, what the turn would do before its first word is done with what was
//! heard so far. Nothing of it is kept but the model's cache; where it was wrong, it cost nobody time.

use tokio_util::sync::CancellationToken;

use super::ConversationError;
use super::phrasing::Phrasing;
use super::rehearsal::Delivery;
use super::start::Inner;
use super::turn::Quiet;
use crate::domain::ids::{SessionId, TurnId, UserId};
use crate::domain::route::Route as Way;
use crate::graph::node::{Context, Node};
use crate::graph::nodes::{ExtractMemories, InjectContext, Route, grounds, plainly, reply_request, watch};
use crate::graph::prompt;
use crate::graph::state::{State, TurnState};
use crate::language::en::forgetting;
use crate::providers::ProviderError;
use crate::providers::llm::{GenerationRequest, Tools};

/// The beginning that every session's prompt has.
const BEGINNING: &str = "character";

/// A turn that may come.
#[derive(Clone)]
pub(super) struct Likely {
    pub(super) user: UserId,
    pub(super) session: SessionId,
    pub(super) text: String,
    pub(super) instructions: Option<String>,
    pub(super) tools: Option<Tools>,
    /// `None`: the reply would not be spoken.
    pub(super) delivery: Option<Delivery>,
}

impl Inner {
    /// Remembers for `likely`, lets the model compute its prompt, and rehearses the reply's beginning. Ends early where `cancel` says so.
    pub(super) async fn prepare_turn(&self, likely: Likely, cancel: CancellationToken) {
        let prepared = cancel.run_until_cancelled(self.prepare_prompt(likely, cancel.clone())).await;
        if let Some(Err(error)) = prepared {
            tracing::debug!(error = %error, "a likely turn was not prepared");
        }
    }

    async fn prepare_prompt(&self, likely: Likely, cancel: CancellationToken) -> Result<(), ConversationError> {
        // A wish to forget is answered with prepared words, without the model; so is danger.
        if forgetting::wish(&likely.text).is_some() {
            return Ok(());
        }
        let mut state = self.runner.load(likely.user, likely.session).await?.state;
        state.instructions = likely.instructions;
        let mut turn = TurnState::new(TurnId::generate(), likely.text, Vec::new(), (self.ports.clock)().timestamp());
        turn.calling.tools = likely.tools;
        state.turn = Some(turn);
        if plainly(&state, &self.ports).is_some() {
            return Ok(());
        }
        let mut quiet = Quiet::default();
        let mut context = Context {
            ports: &self.ports,
            listener: &mut quiet,
            cancel: cancel.clone(),
            hurry: CancellationToken::new(),
        };
        ExtractMemories.run(&mut state, &mut context).await?;
        Route.run(&mut state, &mut context).await?;
        InjectContext.run(&mut state, &mut context).await?;
        let messages = prompt::messages(&state, &self.ports.character);
        let request = reply_request(&state, &self.ports.settings, messages, cancel);
        self.ports.llm.prepare(&request).await?;
        if let Some(delivery) = likely.delivery
            && self.rehearsals.possible()
            && state.current_turn().route != Way::Image
        {
            // The turn waits for the verdict before its first word; here it is begun with what was heard.
            drop(watch(&state, &self.ports));
            let phrasing = Phrasing::new(&self.ports.character.name, grounds(&state, &self.ports));
            self.rehearsals
                .rehearse(likely.session, request, phrasing, &self.ports.character.guardrail, delivery)
                .await?;
        }
        Ok(())
    }

    /// Leaves in the model's cache what the prompts of all sessions begin with.
    pub(super) async fn compute_beginning(&self) -> Result<(), ProviderError> {
        let state = State::new(SessionId::generate(), UserId::generate());
        let messages = prompt::messages(&state, &self.ports.character);
        let request = reply_request(&state, &self.ports.settings, messages, CancellationToken::new());
        self.ports.llm.prepare(&GenerationRequest { session: None, prefix: Some(BEGINNING), ..request }).await
    }

    /// Leaves the prompt of a conversation in the model's cache.
    pub(super) async fn compute_prompt(&self, state: &State, cancel: CancellationToken) -> Result<(), ProviderError> {
        let messages = prompt::messages(state, &self.ports.character);
        self.ports.llm.prepare(&reply_request(state, &self.ports.settings, messages, cancel)).await
    }
}
