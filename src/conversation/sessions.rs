//! One turn at a time in each conversation, in the order in which they came. Conversations that nobody is in take no
//! room.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;

use crate::domain::ids::SessionId;
use crate::providers::ProviderError;

/// Turns that may wait in one conversation, beside the one that is answered: more than one person's clients send.
const MOST_WAITING: usize = 4;

/// One for each conversation that someone is in. Held by the map, by whoever is inside and by those who wait.
#[derive(Default)]
struct Gate {
    inside: Arc<tokio::sync::Mutex<()>>,
    /// Of whoever is inside: cancelled when someone waits.
    hurry: Mutex<CancellationToken>,
}

#[derive(Clone, Default)]
pub(super) struct Sessions {
    gates: Arc<Mutex<HashMap<SessionId, Arc<Gate>>>>,
}

/// The conversation is this one's alone until it is dropped.
pub(super) struct Entered {
    _guard: OwnedMutexGuard<()>,
    hurry: CancellationToken,
    _waiting: Waiting,
}

impl Entered {
    /// Cancelled once the next turn waits.
    pub(super) fn hurry(&self) -> CancellationToken {
        self.hurry.clone()
    }
}

/// Inside, or waiting to be.
struct Waiting {
    sessions: Sessions,
    session: SessionId,
    gate: Arc<Gate>,
}

impl Sessions {
    /// Waits for the turns before.
    ///
    /// # Errors
    /// `Busy` where too many wait already.
    pub(super) async fn enter(&self, session: SessionId) -> Result<Entered, ProviderError> {
        // Made before the wait, so that one who gives up is cleared away too; dropped after the guard.
        let waiting = {
            let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
            let gate = gates.entry(session).or_default();
            // The map's own, and one for each who is inside or waits.
            if Arc::strong_count(gate) > MOST_WAITING + 1 {
                return Err(ProviderError::Busy { backend: "session", retry_after: Duration::from_secs(2) });
            }
            Waiting { sessions: self.clone(), session, gate: Arc::clone(gate) }
        };
        let gate = &waiting.gate;
        let guard = match Arc::clone(&gate.inside).try_lock_owned() {
            Ok(guard) => guard,
            Err(_) => {
                gate.hurry.lock().unwrap_or_else(PoisonError::into_inner).cancel();
                Arc::clone(&gate.inside).lock_owned().await
            }
        };
        let hurry = CancellationToken::new();
        *gate.hurry.lock().unwrap_or_else(PoisonError::into_inner) = hurry.clone();
        // Whoever came meanwhile told the one before.
        if Arc::strong_count(gate) > 2 {
            hurry.cancel();
        }
        Ok(Entered { _guard: guard, hurry, _waiting: waiting })
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.gates.lock().unwrap().len()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut gates = self.sessions.gates.lock().unwrap_or_else(PoisonError::into_inner);
        // The map's own and this one's.
        if Arc::strong_count(&self.gate) == 2 {
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
    async fn who_is_inside_knows_that_someone_waits() {
        let sessions = Sessions::default();
        let session = SessionId::generate();
        let first = sessions.enter(session).await.unwrap();
        assert!(!first.hurry().is_cancelled());
        let mut second = Box::pin(sessions.enter(session));
        assert!(second.as_mut().now_or_never().is_none());
        assert!(first.hurry().is_cancelled());
        let mut third = Box::pin(sessions.enter(session));
        assert!(third.as_mut().now_or_never().is_none());
        drop(first);
        let second = second.await.unwrap();
        assert!(second.hurry().is_cancelled(), "the third waits already");
        drop(second);
        assert!(!third.await.unwrap().hurry().is_cancelled());
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
