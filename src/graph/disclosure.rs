//! When and how a person is told that they talk with an AI: `disclosure.toml` of the character.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::guardrail::plain;
use crate::domain::person::Profile;

/// New York's companion law asks for each three hours; California's SB 243 for the same with minors.
const TALK: SignedDuration = SignedDuration::from_hours(3);
const TALK_OF_MINORS: SignedDuration = SignedDuration::from_hours(1);
const ABSENCE: SignedDuration = SignedDuration::from_hours(7 * 24);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disclosure {
    pub first: String,
    again: Vec<String>,
    pause: String,
}

/// Why a disclosure file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DisclosureError {
    #[error("{0}")]
    Unreadable(#[from] toml::de::Error),
    #[error("`{0}` doesn't say that she is an AI")]
    Silent(&'static str),
}

impl Disclosure {
    /// # Errors
    /// Where the text is not such a file, or a sentence doesn't say "AI".
    pub fn parse(text: &str) -> Result<Self, DisclosureError> {
        let disclosure: Self = toml::from_str(text)?;
        let says_so = |text: &str| plain(text).split(' ').any(|word| word == "ai");
        if !says_so(&disclosure.first) {
            return Err(DisclosureError::Silent("first"));
        }
        if disclosure.again.is_empty() || !disclosure.again.iter().all(|text| says_so(text)) {
            return Err(DisclosureError::Silent("again"));
        }
        Ok(disclosure)
    }

    /// What is to be said now, where something is. `replies` are the last ones, the newest first.
    pub fn due<'a>(
        &self,
        profile: &Profile,
        minor: bool,
        now: Timestamp,
        replies: impl Iterator<Item = &'a str>,
    ) -> Option<String> {
        if !profile.disclosure_due(now, if minor { TALK_OF_MINORS } else { TALK }, ABSENCE) {
            return None;
        }
        if profile.disclosed_at.is_none() {
            return Some(self.first.clone());
        }
        let replies: Vec<&str> = replies.collect();
        let fresh = |line: &&String| !replies.iter().any(|reply| reply.contains(line.as_str()));
        let line = self.again.iter().find(fresh).unwrap_or(&self.again[0]);
        Some(if minor { format!("{line} {}", self.pause) } else { line.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILT_IN: &str = include_str!("../../character/rose/en/disclosure.toml");

    #[test]
    fn the_first_time_is_told_and_then_only_when_it_is_due() {
        let disclosure = Disclosure::parse(BUILT_IN).unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let mut profile = Profile::default();
        assert_eq!(disclosure.due(&profile, false, now, std::iter::empty()).as_ref(), Some(&disclosure.first));
        profile.disclosed_at = Some(now);
        profile.note_turn(now);
        assert_eq!(disclosure.due(&profile, false, now, std::iter::empty()), None);
        let mut later = now;
        for _ in 0..10 {
            later += SignedDuration::from_mins(10);
            profile.note_turn(later);
        }
        assert_eq!(disclosure.due(&profile, false, later, std::iter::empty()), None);
        let minor = disclosure.due(&profile, true, later, std::iter::once(disclosure.again[0].as_str())).unwrap();
        assert!(minor.contains(&disclosure.again[1]) && minor.contains("near you"), "{minor}");
    }

    #[test]
    fn one_that_says_nothing_is_refused() {
        let error = Disclosure::parse(&BUILT_IN.replace("an AI companion", "a companion")).unwrap_err();
        assert!(error.to_string().contains("first"), "{error}");
    }
}
