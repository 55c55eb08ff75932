//! One turn at a time in each conversation, in the order in which they came. Conversations that nobody is in take no
//! room.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;

use crate::domain::ids::SessionId;
use crate::providers::ProviderError;

/// Turns that may wait in one conversation, beside the one that is answered. A person has one mouth.
const MOST_WAITING: usize = 4;

type Gate = Arc<tokio::sync::Mutex<()>>;

#[derive(Clone, Default)]
pub(super) struct Sessions {
    gates: Arc<Mutex<HashMap<SessionId, Gate>>>,
}

/// The conversation is this one's alone until it is dropped.
pub(super) struct Entered {
    _guard: OwnedMutexGuard<()>,
    _waiting: Waiting,
}

struct Waiting {
    sessions: Sessions,
    session: SessionId,
}

impl Sessions {
    /// Waits for the turns before.
    ///
    /// # Errors
    /// `Busy` where too many wait already.
    pub(super) async fn enter(&self, session: SessionId) -> Result<Entered, ProviderError> {
        let gate = {
            let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
            let gate = gates.entry(session).or_default();
            // The map's own, and one for each who is inside or waits.
            if Arc::strong_count(gate) > MOST_WAITING + 1 {
                return Err(ProviderError::Busy { backend: "session", retry_after: Duration::from_secs(2) });
            }
            Arc::clone(gate)
        };
        // Made before the wait, so that one who gives up is cleared away too; dropped after the guard.
        let waiting = Waiting { sessions: self.clone(), session };
        let guard = gate.lock_owned().await;
        Ok(Entered { _guard: guard, _waiting: waiting })
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.gates.lock().unwrap().len()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut gates = self.sessions.gates.lock().unwrap_or_else(PoisonError::into_inner);
        if gates.get(&self.session).is_some_and(|gate| Arc::strong_count(gate) == 1) {
            gates.remove(&self.session);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn one_at_a_time_and_nothing_is_left() {
        let sessions = Sessions::default();
        let (one, other) = (SessionId::generate(), SessionId::generate());
        let first = sessions.enter(one).await.unwrap();
        let mut second = Box::pin(sessions.enter(one));
        assert!(second.as_mut().now_or_never().is_none(), "the second waits");
        let elsewhere = sessions.enter(other).await.unwrap();
        drop(first);
        let second = second.await.unwrap();
        assert_eq!(sessions.len(), 2);
        drop((second, elsewhere));
        assert_eq!(sessions.len(), 0);
    }

    #[tokio::test]
    async fn too_many_are_told_at_once_and_who_gives_up_leaves_no_trace() {
        let sessions = Sessions::default();
        let session = SessionId::generate();
        let first = sessions.enter(session).await.unwrap();
        let mut waiting: Vec<_> = (0..10).map(|_| Box::pin(sessions.enter(session))).collect();
        let refused = waiting.iter_mut().filter_map(|waiting| waiting.as_mut().now_or_never()).count();
        assert_eq!(refused, 10 - MOST_WAITING);
        drop(waiting);
        drop(first);
        assert_eq!(sessions.len(), 0);
    }
}
