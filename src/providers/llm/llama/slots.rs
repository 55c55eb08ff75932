//! Whose prompt is where in the KV cache.

use llama_cpp_2::token::LlamaToken;

use crate::domain::ids::SessionId;

/// A shorter beginning isn't worth borrowing from another slot.
const WORTH_SHARING: usize = 8;

/// Beginnings of one-off questions that stay computed.
const PREFIXES: usize = 4;

/// Whom a slot is kept for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Session(SessionId),
    /// One-off questions with this beginning.
    Prefix(&'static str),
}

/// One sequence of the KV cache.
#[derive(Default)]
pub(super) struct Slot {
    /// What is computed, position by position.
    pub(super) tokens: Vec<LlamaToken>,
    owner: Option<Owner>,
    /// Someone is being answered in it.
    busy: bool,
    /// Of the clock that ticks with each use; 0 is never.
    used: u64,
}

/// One slot for each session that is kept, some for the beginnings of one-off questions, and one more for questions
/// without either, so that none of those costs a session its cache.
pub(super) struct Slots {
    slots: Vec<Slot>,
    sessions: usize,
    clock: u64,
}

impl Slots {
    pub(super) fn new(sessions: usize) -> Self {
        Self { slots: (0..Self::count(sessions)).map(|_| Slot::default()).collect(), sessions, clock: 0 }
    }

    /// How many there are in all.
    pub(super) fn count(sessions: usize) -> usize {
        sessions + PREFIXES + 1
    }

    pub(super) fn get(&self, slot: usize) -> &Slot {
        &self.slots[slot]
    }

    pub(super) fn get_mut(&mut self, slot: usize) -> &mut Slot {
        &mut self.slots[slot]
    }

    /// Takes a free slot: the owner's own where it has one that is free, else the one that is missed least. `None` where
    /// all are busy.
    pub(super) fn take(&mut self, owner: Option<Owner>) -> Option<usize> {
        let own = owner.and_then(|owner| self.slots.iter().position(|slot| slot.owner == Some(owner)));
        let (taken, owner) = match (own, owner) {
            (Some(own), _) if !self.slots[own].busy => (own, owner),
            (None, Some(Owner::Session(_))) => (self.least_missed(0..self.sessions)?, owner),
            (None, Some(Owner::Prefix(_))) => match self.least_missed(self.sessions..self.slots.len() - 1) {
                Some(free) => (free, owner),
                None => (self.spare()?, None),
            },
            // A second request of an owner at the same time, or one of nobody's.
            (_, _) => (self.spare()?, None),
        };
        self.clock += 1;
        let slot = &mut self.slots[taken];
        slot.owner = owner;
        slot.busy = true;
        slot.used = self.clock;
        Some(taken)
    }

    /// The one that nobody owns; while it is busy, the session's that is missed least.
    fn spare(&self) -> Option<usize> {
        let spare = self.slots.len() - 1;
        if self.slots[spare].busy { self.least_missed(0..self.sessions) } else { Some(spare) }
    }

    /// Of the free slots in `range`: one that nobody owns, else the one that was used longest ago.
    fn least_missed(&self, range: std::ops::Range<usize>) -> Option<usize> {
        let free = range.filter(|at| !self.slots[*at].busy);
        free.min_by_key(|at| (self.slots[*at].owner.is_some(), self.slots[*at].used))
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

    fn used(slots: &mut Slots, owner: Option<Owner>) -> usize {
        let slot = slots.take(owner).expect("a free slot");
        slots.get_mut(slot).tokens = tokens(0..10);
        slots.release(slot);
        slot
    }

    #[test]
    fn a_session_comes_back_to_its_slot_and_the_oldest_makes_way() {
        let mut slots = Slots::new(2);
        let [a, b, c] = [(); 3].map(|()| Some(Owner::Session(SessionId::generate())));
        let (first, second) = (used(&mut slots, a), used(&mut slots, b));
        assert_ne!(first, second);
        assert_eq!(used(&mut slots, a), first);
        assert_eq!(used(&mut slots, c), second, "b was used longest ago");
        assert_eq!(used(&mut slots, a), first);
    }

    #[test]
    fn questions_of_no_session_cost_nobody_a_slot() {
        let mut slots = Slots::new(2);
        let sessions = [(); 2].map(|()| Some(Owner::Session(SessionId::generate())));
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
        let [a, b] = [(); 2].map(|()| Some(Owner::Session(SessionId::generate())));
        let (first, second) = (used(&mut slots, a), used(&mut slots, b));
        assert_eq!(slots.take(a), Some(first));
        assert!(![first, second].contains(&slots.take(a).expect("the spare slot")));
        assert_eq!(slots.take(b), Some(second));
        assert_eq!(slots.take(None), None, "all are busy");
    }

    #[test]
    fn the_beginnings_of_questions_cost_nobody_a_slot() {
        let mut slots = Slots::new(2);
        let sessions = [(); 2].map(|()| Some(Owner::Session(SessionId::generate())));
        let own = sessions.map(|session| used(&mut slots, session));
        let prefixes = ["a", "b", "c", "d"].map(|name| used(&mut slots, Some(Owner::Prefix(name))));
        assert!(prefixes.iter().all(|slot| !own.contains(slot)));
        assert_eq!(used(&mut slots, Some(Owner::Prefix("b"))), prefixes[1]);
        assert_eq!(used(&mut slots, Some(Owner::Prefix("e"))), prefixes[0], "a was used longest ago");
        assert_eq!(sessions.map(|session| used(&mut slots, session)), own);
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
