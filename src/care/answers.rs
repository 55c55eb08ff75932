//! What Rose says to a message of danger: prepared words, with the numbers of where the person is. The words are data:
//! `care.toml` of the character.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::helplines::Call;
use super::{Alarm, Kind, Level};
use crate::language::en::spoken::telephone;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    kind: Vec<RawKind>,
    #[serde(default)]
    spoken: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKind {
    name: Kind,
    danger: Vec<String>,
    concern: Vec<String>,
}

/// Why a care file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum AnswersError {
    #[error("{0}")]
    Unreadable(#[from] toml::de::Error),
    #[error("`{}` is missing, or has no {level} answer", kind.as_str())]
    Missing { kind: Kind, level: &'static str },
    #[error("a {level} answer of `{}` lacks {what}", kind.as_str())]
    Lacks { kind: Kind, level: &'static str, what: &'static str },
}

pub struct Answers {
    kinds: Vec<RawKind>,
    spoken: Vec<(String, String)>,
}

/// An answer as it is written, and as the voice reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    pub written: String,
    pub spoken: String,
}

impl Answers {
    /// # Errors
    /// Where the text is not such a file, a kind or a level has no answer, or one doesn't say where help is.
    pub fn parse(text: &str) -> Result<Self, AnswersError> {
        let raw: Raw = toml::from_str(text)?;
        for kind in Kind::ALL {
            let of_kind = raw.kind.iter().find(|one| one.name == kind);
            for level in [Level::Danger, Level::Concern] {
                let answers = of_kind.map(|one| one.of(level)).unwrap_or_default();
                let level = level.as_str();
                if answers.is_empty() {
                    return Err(AnswersError::Missing { kind, level });
                }
                let lacks = |what| AnswersError::Lacks { kind, level, what };
                for answer in answers {
                    if !answer.contains("{emergency}") && !answer.contains("{line}") {
                        return Err(lacks("{emergency} or {line}"));
                    }
                    if level == Level::Concern.as_str() && !answer.contains('?') {
                        return Err(lacks("a question"));
                    }
                }
            }
        }
        let mut spoken: Vec<_> = raw.spoken.into_iter().collect();
        // The longest first, so that a part of a longer one doesn't take its place.
        spoken.sort_by_key(|(written, _)| std::cmp::Reverse(written.len()));
        Ok(Self { kinds: raw.kind, spoken })
    }

    /// What to answer; `said` are Rose's earlier words, so that she doesn't say the same again.
    pub fn answer<'a>(&self, alarm: Alarm, call: &Call<'_>, said: impl Iterator<Item = &'a str>) -> Words {
        let answers = self.kinds.iter().find(|one| one.name == alarm.kind).map(|one| one.of(alarm.level));
        let answers = answers.expect("every kind has answers, as `parse` saw");
        let filled = |answer: &String| answer.replace("{emergency}", call.emergency).replace("{line}", &call.line);
        let said: Vec<_> = said.collect();
        let fresh = answers.iter().map(filled).find(|answer| !said.iter().any(|said| said.contains(answer.as_str())));
        let written = fresh.unwrap_or_else(|| filled(&answers[answers.len() - 1]));
        let mut numbers: Vec<&str> = call.numbers.clone();
        numbers.sort_by_key(|number| std::cmp::Reverse(number.len()));
        let spoken = numbers.iter().fold(written.clone(), |text, number| text.replace(number, &telephone(number)));
        let spoken = self.spoken.iter().fold(spoken, |text, (written, read)| text.replace(written, read));
        Words { written, spoken }
    }
}

impl RawKind {
    fn of(&self, level: Level) -> &[String] {
        match level {
            Level::Danger => &self.danger,
            Level::Concern => &self.concern,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::care::{Helplines, Layer};

    fn answers() -> Answers {
        Answers::parse(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/character/rose/en/care.toml"))).unwrap()
    }

    fn helplines() -> Helplines {
        Helplines::parse(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/character/helplines.toml"))).unwrap()
    }

    #[test]
    fn each_answer_says_where_help_is_and_can_be_spoken() {
        let (answers, helplines) = (answers(), helplines());
        for country in [None, helplines.country("GB"), helplines.country("US"), helplines.country("DE")] {
            for kind in Kind::ALL {
                for level in [Level::Danger, Level::Concern] {
                    let call = helplines.call(country, kind, false);
                    let alarm = Alarm { level, kind, layer: Layer::Patterns };
                    let first = answers.answer(alarm, &call, std::iter::empty());
                    let second = answers.answer(alarm, &call, std::iter::once(first.written.as_str()));
                    assert_ne!(first, second, "{kind:?} {level:?} says the same again");
                    for words in [first, second] {
                        let named = words.written.contains(call.emergency) || words.written.contains(&call.line);
                        assert!(named && !words.written.contains('{'), "{}", words.written);
                        assert!(words.written.split_whitespace().count() <= 75, "too long: {}", words.written);
                        assert!(!words.spoken.chars().any(|c| c.is_ascii_digit()), "{}", words.spoken);
                        assert!(level == Level::Danger || words.written.contains('?'), "{}", words.written);
                    }
                }
            }
        }
    }

    #[test]
    fn an_answer_that_sends_nowhere_is_refused() {
        let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/character/rose/en/care.toml"));
        let error = Answers::parse(&text.replace("{line}", "nobody").replace("{emergency}", "nobody")).err().unwrap();
        assert!(error.to_string().contains("{line}"), "{error}");
        let error = Answers::parse("kind = []").err().unwrap();
        assert!(error.to_string().contains("self_harm"), "{error}");
    }
}
