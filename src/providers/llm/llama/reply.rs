//! The reader's side of a reply: pieces while they come, then the ending.

use futures::stream;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::failed;
use super::sequence::Ending;
use crate::providers::ProviderError;
use crate::providers::llm::{Delta, Finish, GenerationStream, Usage};

pub(super) struct Reply {
    pub(super) pieces: mpsc::Receiver<String>,
    pub(super) ending: oneshot::Receiver<Result<Ending, ProviderError>>,
    pub(super) cancel: CancellationToken,
}

enum State {
    Speaking(Reply),
    /// Only the end is left.
    Done(Usage),
    Over,
}

impl Reply {
    pub(super) fn into_stream(self) -> GenerationStream {
        Box::pin(stream::unfold(State::Speaking(self), next))
    }
}

async fn next(state: State) -> Option<(Result<Delta, ProviderError>, State)> {
    let mut reply = match state {
        State::Speaking(reply) => reply,
        State::Done(usage) => return Some((Ok(Delta::Done(usage)), State::Over)),
        State::Over => return None,
    };
    // Cancelling comes first: what the engine said ahead of the reader is not said any more.
    let piece = tokio::select! {
        biased;
        () = reply.cancel.cancelled() => None,
        piece = reply.pieces.recv() => piece,
    };
    if let Some(text) = piece {
        return Some((Ok(Delta::Text(text)), State::Speaking(reply)));
    }
    let cancelled = reply.cancel.is_cancelled();
    if cancelled {
        // Also wakes the engine where it waited for this reader.
        reply.pieces.close();
    }
    match reply.ending.await {
        Ok(Ok(Ending { mut usage, .. })) if cancelled => {
            usage.finish = Finish::Cancelled;
            Some((Ok(Delta::Done(usage)), State::Over))
        }
        Ok(Ok(Ending { text, usage })) if text.is_empty() => Some((Ok(Delta::Done(usage)), State::Over)),
        Ok(Ok(Ending { text, usage })) => Some((Ok(Delta::Text(text)), State::Done(usage))),
        Ok(Err(error)) => Some((Err(error), State::Over)),
        Err(_) => Some((Err(failed("the engine's thread has ended".into())), State::Over)),
    }
}
