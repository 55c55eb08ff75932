//! Runs a valid graph: node after node, a checkpoint after each. What failed runs again when the turn resumes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tracing::warn;

use super::GraphError;
use super::builder::{END, Graph, Next};
use super::node::{Context, Node};
use super::state::{State, TurnState};
use crate::domain::ids::{CheckpointId, SessionId, TurnId, UserId};
use crate::domain::stage::{Stage, StageTiming};
use crate::store::{CheckpointStore, NewCheckpoint, StoreError};

/// How many checkpoints a conversation keeps: the last turn's, and a few before.
const KEEP_CHECKPOINTS: usize = 16;

/// How far a turn is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// The person has their reply.
    Reply,
    End,
}

pub struct Runner {
    graph: Graph,
    checkpoints: Arc<dyn CheckpointStore>,
}

/// A conversation in memory: its state, and where in the graph its turn stands.
pub struct Thread {
    pub state: State,
    /// The node that runs next; `None` between turns.
    next: Option<String>,
    parent: Option<CheckpointId>,
}

/// What a checkpoint says of itself.
#[derive(Debug, Serialize, Deserialize)]
struct Metadata {
    turn_id: Option<TurnId>,
    /// The node that made it.
    node: String,
    next: String,
    finished: bool,
}

impl Thread {
    /// A turn was cut off here.
    pub fn unfinished(&self) -> bool {
        self.next.is_some()
    }

    /// The turn that was cut off before it had its reply.
    pub fn cut_off(&self) -> Option<&TurnState> {
        self.next.as_ref()?;
        self.state.turn.as_ref().filter(|turn| !turn.answered)
    }

    /// Lets a cut-off turn go on as `turn`.
    pub fn go_on_as(&mut self, turn: TurnId) {
        let Some(cut_off) = self.state.turn.as_mut() else { return };
        let before = std::mem::replace(&mut cut_off.id, turn);
        for entry in self.state.entries.iter_mut().filter(|entry| entry.message.turn_id == before) {
            entry.message.turn_id = turn;
        }
    }

    /// The cut-off turn has its reply: only what comes after is missing.
    pub fn answered(&self) -> bool {
        self.state.turn.as_ref().is_some_and(|turn| turn.answered)
    }
}

impl Runner {
    pub fn new(graph: Graph, checkpoints: Arc<dyn CheckpointStore>) -> Self {
        Self { graph, checkpoints }
    }

    /// The conversation as its newest checkpoint has it; a new one where there is none.
    ///
    /// # Errors
    /// `NotFound` where the conversation is another's; `Newer` or `Damaged` where its state can't be read.
    pub async fn load(&self, user: UserId, session: SessionId) -> Result<Thread, GraphError> {
        let Some(checkpoint) = self.checkpoints.latest_checkpoint(session).await? else {
            return Ok(Thread { state: State::new(session, user), next: None, parent: None });
        };
        let thread = read(checkpoint)?;
        if thread.state.user != user {
            return Err(StoreError::NotFound("session").into());
        }
        Ok(thread)
    }

    /// As [`Runner::load`], for whoever owns it; `None` where there is no checkpoint.
    ///
    /// # Errors
    /// `Newer` or `Damaged` where its state can't be read.
    pub async fn load_any(&self, session: SessionId) -> Result<Option<Thread>, GraphError> {
        self.checkpoints.latest_checkpoint(session).await?.map(read).transpose()
    }

    /// Conversations whose newest checkpoint is not the last of its turn.
    ///
    /// # Errors
    /// The store's own.
    pub async fn unfinished(&self) -> Result<Vec<SessionId>, GraphError> {
        Ok(self.checkpoints.unfinished_threads().await?)
    }

    /// Puts a new turn at the graph's start. The last one must have ended.
    pub fn begin(&self, thread: &mut Thread, turn: TurnState) {
        debug_assert!(!thread.unfinished(), "a turn begins after the last one ended");
        thread.state.turn = Some(turn);
        thread.next = Some(self.graph.start.to_owned());
    }

    /// Runs the turn on from where it stands.
    ///
    /// # Errors
    /// What the node that failed returned: the thread stands before that node, and so does the newest checkpoint.
    pub async fn run(&self, thread: &mut Thread, context: &mut Context<'_>, until: Until) -> Result<(), GraphError> {
        let mut saving = Duration::ZERO;
        while let Some(name) = &thread.next {
            let node = self.graph.nodes.get(name.as_str()).ok_or_else(|| GraphError::UnknownNode(name.clone()))?;
            if until == Until::Reply && node.after_reply() {
                break;
            }
            saving += self.step(thread, node.as_ref(), context).await?;
        }
        if thread.next.is_none() {
            self.checkpoints.prune_checkpoints(thread.state.session, KEEP_CHECKPOINTS).await?;
        }
        context.listener.stage(StageTiming::own(Stage::Checkpoint, saving)).await;
        Ok(())
    }

    /// Runs one node and saves; returns how long saving took.
    async fn step(
        &self,
        thread: &mut Thread,
        node: &dyn Node,
        context: &mut Context<'_>,
    ) -> Result<Duration, GraphError> {
        let started = Instant::now();
        let mut state = thread.state.clone();
        let timing = node.run(&mut state, context).await.inspect_err(|error| {
            warn!(graph.node = node.name(), error = %error, "a node failed");
        })?;
        if let Some(stage) = node.stage() {
            context.listener.stage(StageTiming::engine(stage, timing, started.elapsed())).await;
        }
        let next = self.after(node.name(), &state)?;
        let saving = Instant::now();
        thread.state = state;
        self.save(thread, node.name(), next).await?;
        Ok(saving.elapsed())
    }

    fn after(&self, name: &'static str, state: &State) -> Result<&'static str, GraphError> {
        match self.graph.next.get(name).expect("every node of a valid graph leads on") {
            Next::To(next) => Ok(next),
            Next::Branch { decide, targets } => {
                let next = decide(state);
                if targets.contains(&next) {
                    Ok(next)
                } else {
                    Err(GraphError::UndeclaredTarget { from: name, to: next })
                }
            }
        }
    }

    /// Ends a turn that won't be answered: the person's message stays in the history, without an answer.
    ///
    /// # Errors
    /// The store's own.
    pub async fn close(&self, thread: &mut Thread) -> Result<(), GraphError> {
        thread.state.record_message(None);
        self.save(thread, "close", END).await
    }

    /// Saves a change that no node made, such as a reply cut to what was heard.
    ///
    /// # Errors
    /// The store's own.
    pub async fn amend(&self, thread: &mut Thread) -> Result<(), GraphError> {
        let next = thread.next.clone();
        self.save(thread, "amend", next.as_deref().unwrap_or(END)).await
    }

    async fn save(&self, thread: &mut Thread, node: &str, next: &str) -> Result<(), GraphError> {
        let finished = next == END;
        let turn_id = thread.state.turn.as_ref().map(|turn| turn.id);
        if finished {
            thread.state.turn = None;
        }
        let metadata = Metadata { turn_id, node: node.to_owned(), next: next.to_owned(), finished };
        let checkpoint_id = CheckpointId::generate();
        self.checkpoints
            .save_checkpoint(NewCheckpoint {
                thread_id: thread.state.session,
                checkpoint_id,
                parent_checkpoint_id: thread.parent,
                checkpoint: thread.state.to_value(),
                metadata: serde_json::to_value(metadata).expect("metadata has only string keys"),
            })
            .await?;
        thread.parent = Some(checkpoint_id);
        thread.next = (!finished).then(|| next.to_owned());
        Ok(())
    }
}

fn read(checkpoint: crate::store::Checkpoint) -> Result<Thread, GraphError> {
    let metadata: Metadata = serde_json::from_value(checkpoint.metadata)
        .map_err(|error| StoreError::Damaged(format!("a checkpoint's metadata: {error}")))?;
    Ok(Thread {
        state: State::from_value(checkpoint.checkpoint)?,
        next: (!metadata.finished).then_some(metadata.next),
        parent: Some(checkpoint.checkpoint_id),
    })
}
