//! A person, beyond one conversation.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A longer pause between two turns ends a talk.
const PAUSE: SignedDuration = SignedDuration::from_mins(30);

/// What is known of a person who talks with Rose.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// ISO 3166-1 alpha-2, as they set it or said it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// IANA's name, as their browser has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// They said that they are under 18.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub minor: bool,
    /// What they accepted on the first screen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Accepted>,
    /// When they were last told that Rose is an AI.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disclosed_at: Option<Timestamp>,
    /// When the talk that goes on began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub talk_since: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_turn_at: Option<Timestamp>,
}

/// A version of the first screen's text, and when it was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    pub version: String,
    pub at: Timestamp,
}

impl Profile {
    /// A turn begins.
    pub fn note_turn(&mut self, now: Timestamp) {
        let goes_on = self.last_turn_at.is_some_and(|last| now.duration_since(last) <= PAUSE);
        if !goes_on || self.talk_since.is_none() {
            self.talk_since = Some(now);
        }
        self.last_turn_at = Some(now);
    }

    /// Whether they are to be told again that Rose is an AI: at their first turn, after `absence` without one, and after
    /// each `talk` of talking. Asked before [`Profile::note_turn`].
    pub fn disclosure_due(&self, now: Timestamp, talk: SignedDuration, absence: SignedDuration) -> bool {
        let (Some(told), Some(last)) = (self.disclosed_at, self.last_turn_at) else { return true };
        if now.duration_since(last) >= absence {
            return true;
        }
        let goes_on = now.duration_since(last) <= PAUSE;
        let talked_since = self.talk_since.filter(|_| goes_on).map(|since| since.max(told));
        talked_since.is_some_and(|since| now.duration_since(since) >= talk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TALK: SignedDuration = SignedDuration::from_hours(3);
    const ABSENCE: SignedDuration = SignedDuration::from_hours(7 * 24);

    /// Plays turns at these minutes; returns those at which they were told.
    fn told_at(minutes: &[i64]) -> Vec<i64> {
        let mut profile = Profile::default();
        let mut told = Vec::new();
        for minute in minutes {
            let now = Timestamp::UNIX_EPOCH + SignedDuration::from_mins(*minute);
            if profile.disclosure_due(now, TALK, ABSENCE) {
                told.push(*minute);
                profile.disclosed_at = Some(now);
            }
            profile.note_turn(now);
        }
        told
    }

    #[test]
    fn it_is_told_at_first_and_after_hours_of_talk() {
        let talking: Vec<i64> = (0..40).map(|turn| turn * 10).collect();
        assert_eq!(told_at(&talking), [0, 180, 360]);
    }

    #[test]
    fn a_pause_begins_the_talk_anew() {
        assert_eq!(told_at(&[0, 100, 200, 210, 300]), [0], "no talk of three hours");
    }

    #[test]
    fn it_is_told_after_a_weeks_absence() {
        let week = 7 * 24 * 60;
        assert_eq!(told_at(&[0, 5, week - 10, week + 5, 2 * week + 5]), [0, 2 * week + 5]);
    }
}
