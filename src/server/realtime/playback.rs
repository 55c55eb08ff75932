//! What of a reply the person has heard, judged by time: a client plays what it gets, one piece after the other.

use std::time::{Duration, Instant};

#[derive(Debug, Default)]
pub(super) struct Playback {
    sent: Duration,
    /// When all that was sent will have been played.
    ends: Option<Instant>,
}

impl Playback {
    pub(super) fn send(&mut self, length: Duration, now: Instant) {
        self.sent += length;
        self.ends = Some(self.ends.map_or(now, |ends| ends.max(now)) + length);
    }

    pub(super) fn sent(&self) -> Duration {
        self.sent
    }

    pub(super) fn heard(&self, now: Instant) -> Duration {
        let left = self.ends.map_or(Duration::ZERO, |ends| ends.saturating_duration_since(now));
        self.sent.saturating_sub(left)
    }

    /// `None` where nothing is played any more.
    pub(super) fn ends(&self, now: Instant) -> Option<Instant> {
        self.ends.filter(|ends| *ends > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_played_one_after_the_other() {
        let start = Instant::now();
        let at = |milliseconds: u64| start + Duration::from_millis(milliseconds);
        let mut playback = Playback::default();
        assert_eq!(playback.heard(start), Duration::ZERO);
        playback.send(Duration::from_secs(1), at(0));
        playback.send(Duration::from_secs(1), at(10));
        assert_eq!(playback.heard(at(500)), Duration::from_millis(500));
        assert_eq!(playback.ends(at(500)), Some(at(2000)));
        assert_eq!(playback.heard(at(5000)), Duration::from_secs(2));
        assert_eq!(playback.ends(at(5000)), None);
        // After a gap.
        playback.send(Duration::from_secs(1), at(6000));
        assert_eq!(playback.heard(at(6250)), Duration::from_millis(2250));
    }
}
