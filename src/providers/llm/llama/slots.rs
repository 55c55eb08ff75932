//! Whose prompt is where in the KV cache.

use llama_cpp_2::token::LlamaToken;

use crate::domain::ids::SessionId;

/// A shorter beginning isn't worth borrowing from another slot.
const WORTH_SHARING: usize = 8;

/// One sequence of the KV cache.
#[derive(Default)]
pub(super) struct Slot {
    /// What is computed, position by position.
    pub(super) tokens: Vec<LlamaToken>,
    session: Option<SessionId>,
    /// Someone is being answered in it.
    busy: bool,
    /// Of the clock that ticks with each use; 0 is never.
    used: u64,
}

/// One slot for each session that is kept, and one more for questions of no session, so that those don't cost a
/// session its cache.
pub(super) struct Slots {
    slots: Vec<Slot>,
    clock: u64,
}

impl Slots {
    pub(super) fn new(sessions: usize) -> Self {
        Self { slots: (0..=sessions).map(|_| Slot::default()).collect(), clock: 0 }
    }

    /// How many there are, with the one of no session.
    pub(super) fn count(sessions: usize) -> usize {
        sessions + 1
    }

    pub(super) fn get(&self, slot: usize) -> &Slot {
        &self.slots[slot]
    }

    pub(super) fn get_mut(&mut self, slot: usize) -> &mut Slot {
        &mut self.slots[slot]
    }

    /// Takes a free slot: the session's own where it has one that is free, else the one that is missed least. `None`
    /// where all are busy.
    pub(super) fn take(&mut self, session: Option<SessionId>) -> Option<usize> {
        let spare = self.slots.len() - 1;
        let own = session.and_then(|id| self.slots.iter().position(|slot| slot.session == Some(id)));
        let (taken, owner) = match own {
            Some(own) if !self.slots[own].busy => (own, session),
            // A second request of a session at the same time, or one of no session.
            _ if own.is_some() || session.is_none() => {
                let free = Some(spare).filter(|spare| !self.slots[*spare].busy).or_else(|| self.least_missed())?;
                (free, None)
            }
            _ => (self.least_missed()?, session),
        };
        self.clock += 1;
        let slot = &mut self.slots[taken];
        slot.session = owner;
        slot.busy = true;
        slot.used = self.clock;
        Some(taken)
    }

    /// Of the free slots for sessions: one that nobody owns, else the one that was used longest ago.
    fn least_missed(&self) -> Option<usize> {
        let sessions = &self.slots[..self.slots.len() - 1];
        let free = sessions.iter().enumerate().filter(|(_, slot)| !slot.busy);
        free.min_by_key(|(_, slot)| (slot.session.is_some(), slot.used)).map(|(at, _)| at)
    }

    /// Gives a slot back; what it holds stays for the next request.
    pub(super) fn release(&mut self, slot: usize) {
        self.clock += 1;
        self.slots[slot].busy = false;
        self.slots[slot].used = self.clock;
    }

    /// The other slot that begins most like `prompt`, and how far, where that is well past `own` tokens.
    pub(super) fn donor(&self, slot: usize, prompt: &[LlamaToken], own: usize) -> Option<(usize, usize)> {
        let others = self.slots.iter().enumerate().filter(|(at, _)| *at != slot);
        others
            .map(|(at, other)| (at, common(&other.tokens, prompt)))
            .max_by_key(|(_, shared)| *shared)
            .filter(|(_, shared)| *shared >= own + WORTH_SHARING)
    }

    /// The free slot that was used longest ago and holds anything.
    pub(super) fn oldest_idle(&self) -> Option<usize> {
        let idle = self.slots.iter().enumerate().filter(|(_, slot)| !slot.busy && !slot.tokens.is_empty());
        idle.min_by_key(|(_, slot)| slot.used).map(|(at, _)| at)
    }
}

/// How many tokens both begin with.
pub(super) fn common(one: &[LlamaToken], other: &[LlamaToken]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(ids: std::ops::Range<i32>) -> Vec<LlamaToken> {
        ids.map(LlamaToken).collect()
    }

    fn used(slots: &mut Slots, session: Option<SessionId>) -> usize {
        let slot = slots.take(session).expect("a free slot");
        slots.get_mut(slot).tokens = tokens(0..10);
        slots.release(slot);
        slot
    }

    #[test]
    fn a_session_comes_back_to_its_slot_and_the_oldest_makes_way() {
        let mut slots = Slots::new(2);
        let [a, b, c] = [(); 3].map(|()| Some(SessionId::generate()));
        let (first, second) = (used(&mut slots, a), used(&mut slots, b));
        assert_ne!(first, second);
        assert_eq!(used(&mut slots, a), first);
        assert_eq!(used(&mut slots, c), second, "b was used longest ago");
        assert_eq!(used(&mut slots, a), first);
    }

    #[test]
    fn questions_of_no_session_cost_nobody_a_slot() {
        let mut slots = Slots::new(2);
        let sessions = [(); 2].map(|()| Some(SessionId::generate()));
        let own = sessions.map(|session| used(&mut slots, session));
        for _ in 0..3 {
            assert!(!own.contains(&used(&mut slots, None)));
        }
        assert_eq!(sessions.map(|session| used(&mut slots, session)), own);
        // The spare one is busy: then the oldest must do.
        assert!(slots.take(None).is_some());
        assert_eq!(slots.take(None), Some(own[0]));
    }

    #[test]
    fn a_second_request_of_a_session_takes_no_second_session_s_place() {
        let mut slots = Slots::new(2);
        let [a, b] = [(); 2].map(|()| Some(SessionId::generate()));
        let (first, second) = (used(&mut slots, a), used(&mut slots, b));
        assert_eq!(slots.take(a), Some(first));
        assert!(![first, second].contains(&slots.take(a).expect("the spare slot")));
        assert_eq!(slots.take(b), Some(second));
        assert_eq!(slots.take(None), None, "all are busy");
    }

    #[test]
    fn the_longest_beginning_is_borrowed_where_it_is_worth_it() {
        let mut slots = Slots::new(3);
        slots.get_mut(0).tokens = tokens(0..40);
        slots.get_mut(1).tokens = tokens(0..100);
        assert_eq!(slots.donor(2, &tokens(0..60), 0), Some((1, 60)));
        assert_eq!(slots.donor(2, &tokens(0..60), 55), None);
        assert_eq!(slots.donor(1, &tokens(0..60), 60), None);
    }
}
