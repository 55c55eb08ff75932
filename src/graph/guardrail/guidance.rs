//! Questions that are answered with care: what she is, illness and medicine. The patterns and words are data:
//! `guidance.toml` of the character.

use regex::RegexSet;
use serde::Deserialize;

use super::patterns::{plain, set};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    guidance: Vec<RawTopic>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTopic {
    topic: String,
    /// Only for those who are under 18.
    #[serde(default)]
    minors: bool,
    #[serde(default)]
    asked: Vec<String>,
    #[serde(default)]
    unless: Vec<String>,
    #[serde(default)]
    note: String,
    #[serde(default)]
    never: Vec<String>,
    #[serde(default)]
    must: Vec<String>,
    #[serde(default)]
    lines: Vec<String>,
}

/// Why a guidance file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum GuidanceError {
    #[error("{0}")]
    Unreadable(#[from] toml::de::Error),
    #[error("a pattern of `{topic}` can't be compiled: {source}")]
    Pattern { topic: String, source: regex::Error },
    #[error("`{0}` says what a reply must have, and has no lines to add it by")]
    NoLines(String),
}

pub struct Guidance {
    topics: Vec<Topic>,
}

pub struct Topic {
    minors: bool,
    asked: RegexSet,
    unless: RegexSet,
    never: RegexSet,
    must: RegexSet,
    /// What the model is told beside the question.
    pub note: String,
    /// Said at the end of a reply that lacks what it must have.
    pub lines: Vec<String>,
}

impl Guidance {
    /// `name` takes the place of `{name}`.
    ///
    /// # Errors
    /// Where the text is not such a file, or a pattern doesn't compile.
    pub fn parse(text: &str, name: &str) -> Result<Self, GuidanceError> {
        let raw: Raw = toml::from_str(text)?;
        let topics = raw.guidance.into_iter().map(|raw| Topic::compile(raw, name)).collect::<Result<_, _>>()?;
        Ok(Self { topics })
    }

    /// The topics that a message asks about.
    pub fn asked<'a>(&'a self, message: &str, minor: bool) -> impl Iterator<Item = &'a Topic> {
        let message = plain(message);
        self.topics.iter().filter(move |topic| {
            (minor || !topic.minors) && topic.asked.is_match(&message) && !topic.unless.is_match(&message)
        })
    }

    /// `sentence` in [`plain`] words.
    pub(super) fn allows(&self, sentence: &str, minor: bool) -> bool {
        !self.topics.iter().any(|topic| (minor || !topic.minors) && topic.never.is_match(sentence))
    }
}

impl Topic {
    fn compile(raw: RawTopic, name: &str) -> Result<Self, GuidanceError> {
        let named = |text: &String| text.replace("{name}", name);
        let in_plain_words = regex::escape(&plain(name));
        let compiled = |patterns: &[String]| {
            let patterns: Vec<String> = patterns.iter().map(|p| p.replace("{name}", &in_plain_words)).collect();
            set(&patterns).map_err(|source| GuidanceError::Pattern { topic: raw.topic.clone(), source })
        };
        if !raw.must.is_empty() && raw.lines.iter().all(|line| line.trim().is_empty()) {
            return Err(GuidanceError::NoLines(raw.topic));
        }
        Ok(Self {
            minors: raw.minors,
            asked: compiled(&raw.asked)?,
            unless: compiled(&raw.unless)?,
            never: compiled(&raw.never)?,
            must: compiled(&raw.must)?,
            note: named(&raw.note),
            lines: raw.lines.iter().map(named).collect(),
        })
    }

    /// Whether a reply has what it must.
    pub fn is_met_by(&self, reply: &str) -> bool {
        self.must.is_empty() || self.must.is_match(&plain(reply))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guidance() -> Guidance {
        Guidance::parse(include_str!("../../../character/rose/en/guidance.toml"), "Rose").unwrap()
    }

    #[test]
    fn questions_are_told_from_what_only_sounds_like_them() {
        let guidance = guidance();
        for asks in [
            "Are you human?",
            "wait, am I talking to a real person",
            "So what are you, really?",
            "Do I have diabetes?",
            "How many ibuprofen should I take?",
            "What's wrong with me?",
        ] {
            assert_eq!(guidance.asked(asks, false).count(), 1, "{asks}");
        }
        for asks_not in [
            "Are you ready?",
            "My dog's symptoms were diagnosed by the vet.",
            "How many eggs should I take?",
            "Humans are strange.",
            "What are you up to?",
        ] {
            assert_eq!(guidance.asked(asks_not, false).count(), 0, "{asks_not}");
        }
    }

    #[test]
    fn what_may_not_be_said_is_caught_and_its_like_is_not() {
        let guidance = guidance();
        for wrong in [
            "Yes, I am a human being.",
            "I'm a real person, just like you.",
            "I grew up in a small village.",
            "It sounds like you have a migraine.",
            "You could take two tablets every four hours.",
            "I'm a licensed therapist.",
            "Ja, ich bin ein Mensch.",
            "Sí, soy una persona.",
        ] {
            assert!(!guidance.allows(&plain(wrong), false), "{wrong}");
        }
        for right in [
            "I'm an AI, not a human.",
            "Being human is hard.",
            "I'm not a doctor, so I can't say.",
            "Ich bin kein Mensch.",
            "No soy una persona.",
            "Take two cups of rice and four of water.",
            "Your mother was kind.",
        ] {
            assert!(guidance.allows(&plain(right), false), "{right}");
        }
    }

    #[test]
    fn a_reply_without_what_it_must_have_is_told() {
        let guidance = guidance();
        let topic = guidance.asked("Are you human?", false).next().unwrap();
        assert!(topic.is_met_by("I'm an AI companion, dear."));
        assert!(!topic.is_met_by("I'm Rose."));
        assert!(topic.lines.iter().all(|line| topic.is_met_by(line) && !line.contains('{')));
    }
}
