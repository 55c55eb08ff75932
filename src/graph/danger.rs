//! Does a message speak of self-harm or immediate danger? Judged by patterns alone, the same way every time; never
//! left to a model. The patterns are data: `danger.toml` of the character.

use std::collections::BTreeMap;

use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DangerKind {
    SelfHarm,
    /// A person's body is in danger now.
    Medical,
    /// From someone else, to someone else, or from fire and the like.
    Violence,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    fillers: Vec<String>,
    idioms: Vec<String>,
    kind: Vec<RawKind>,
    #[serde(default)]
    spoken: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKind {
    name: DangerKind,
    replies: Vec<String>,
    rules: Vec<RawRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    r#match: String,
    unless: Option<String>,
}

/// Why a danger file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DangerError {
    #[error("{0}")]
    Unreadable(#[from] toml::de::Error),
    #[error("a pattern can't be compiled: {0}")]
    Pattern(#[from] regex::Error),
    #[error("{0:?} has no reply")]
    NoReply(DangerKind),
}

/// The patterns, compiled, and the words to answer with.
pub struct DangerPatterns {
    fillers: Regex,
    idioms: Regex,
    /// All rules in the file's order.
    rules: RegexSet,
    /// For each rule, its kind and what takes it back.
    judgements: Vec<(DangerKind, Option<Regex>)>,
    replies: Vec<(DangerKind, Vec<String>)>,
    spoken: Vec<(String, String)>,
}

impl DangerPatterns {
    /// # Errors
    /// Where the text is not such a file, a pattern doesn't compile, or a kind has no reply.
    pub fn parse(text: &str) -> Result<Self, DangerError> {
        let raw: Raw = toml::from_str(text)?;
        let mut patterns = Vec::new();
        let mut judgements = Vec::new();
        let mut replies = Vec::new();
        for kind in raw.kind {
            if kind.replies.is_empty() {
                return Err(DangerError::NoReply(kind.name));
            }
            for rule in kind.rules {
                patterns.push(whole_words(&rule.r#match));
                let unless = rule.unless.map(|unless| compile(&unless)).transpose()?;
                judgements.push((kind.name, unless));
            }
            replies.push((kind.name, kind.replies));
        }
        let fillers: Vec<_> = raw.fillers.iter().map(|filler| regex::escape(filler)).collect();
        let mut spoken: Vec<_> = raw.spoken.into_iter().collect();
        // The longest first, so that a number inside a longer one doesn't take its place.
        spoken.sort_by_key(|(written, _)| std::cmp::Reverse(written.len()));
        Ok(Self {
            fillers: compile(&fillers.join("|"))?,
            idioms: compile(&raw.idioms.join("|"))?,
            rules: RegexSetBuilder::new(patterns).unicode(false).size_limit(256 << 20).build()?,
            judgements,
            replies,
            spoken,
        })
    }

    /// The danger that `message` speaks of.
    pub fn judge(&self, message: &str) -> Option<DangerKind> {
        let plain = self.plain(message);
        self.rules
            .matches(&plain)
            .into_iter()
            .map(|rule| &self.judgements[rule])
            .find(|(_, unless)| !unless.as_ref().is_some_and(|unless| unless.is_match(&plain)))
            .map(|(kind, _)| *kind)
    }

    /// What to answer; `said` are Rose's earlier words, so that she doesn't say the same again.
    pub fn reply<'a>(&self, kind: DangerKind, said: impl Iterator<Item = &'a str>) -> &str {
        let replies = self
            .replies
            .iter()
            .find(|(of, _)| *of == kind)
            .map(|(_, replies)| replies)
            .expect("a judged kind comes from a kind with replies");
        let said: Vec<_> = said.collect();
        let fresh = replies.iter().find(|reply| !said.contains(&reply.as_str()));
        fresh.unwrap_or(&replies[replies.len() - 1])
    }

    /// `text` as the voice should read it: digits and addresses in words.
    pub fn spoken(&self, text: &str) -> String {
        self.spoken.iter().fold(text.to_owned(), |text, (written, said)| text.replace(written, said))
    }

    fn plain(&self, message: &str) -> String {
        let words = expand(message);
        let without = self.fillers.replace_all(&words, " ");
        let once = without_repeats(&without.split_whitespace().collect::<Vec<_>>()).join(" ");
        let plain = self.idioms.replace_all(&once, " ");
        plain.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// With ASCII classes: the Unicode ones make compiling so many patterns take seconds.
fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(&whole_words(pattern)).unicode(false).build()
}

fn whole_words(pattern: &str) -> String {
    let pattern = pattern.replace("{gap_before}", r"(?: \w+){0,4}").replace("{gap}", r"(?:\w+ ){0,4}");
    format!(r"(?:\b|^)(?:{pattern})(?:\b|$)")
}

/// Lower case, no punctuation, contractions written out.
fn expand(message: &str) -> String {
    let lowered = message.to_lowercase().replace(['’', '‘', '`'], "'");
    let mut words = Vec::new();
    for word in lowered.split(|c: char| !c.is_alphanumeric() && c != '\'') {
        let word = word.trim_matches('\'');
        match word {
            "" => {}
            "can't" | "cannot" | "cant" => words.extend(["can", "not"]),
            "won't" | "wont" => words.extend(["will", "not"]),
            "shan't" => words.extend(["shall", "not"]),
            "dont" => words.extend(["do", "not"]),
            "didnt" => words.extend(["did", "not"]),
            "doesnt" => words.extend(["does", "not"]),
            "isnt" => words.extend(["is", "not"]),
            "wanna" => words.extend(["want", "to"]),
            "gonna" => words.extend(["going", "to"]),
            "im" => words.extend(["i", "am"]),
            "ive" => words.extend(["i", "have"]),
            "i'd" => words.extend(["i", "would"]),
            "nothing's" => words.extend(["nothing", "is"]),
            _ => match word.rsplit_once('\'') {
                Some((start, "t")) => words.extend([start.strip_suffix('n').unwrap_or(start), "not"]),
                Some((start, "m")) => words.extend([start, "am"]),
                Some((start, "re")) => words.extend([start, "are"]),
                Some((start, "ve")) => words.extend([start, "have"]),
                Some((start, "ll")) => words.extend([start, "will"]),
                Some((start, "d")) => words.extend([start, "would"]),
                Some((start, "s")) => words.extend([start, "is"]),
                _ => words.push(word),
            },
        }
    }
    words.join(" ")
}

/// "i i do not i do not want" → "i do not want": people stammer, and speech-to-text writes it down.
fn without_repeats<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let mut kept: Vec<&str> = Vec::new();
    for word in words {
        kept.push(word);
        for length in (1..=3).rev() {
            if kept.len() >= 2 * length {
                let (before, last) = kept[kept.len() - 2 * length..].split_at(length);
                if before == last {
                    kept.truncate(kept.len() - length);
                    break;
                }
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speech_is_made_plain() {
        assert_eq!(expand("I don’t — I can't, it's what he'd 'say'."), "i do not i can not it is what he would say");
        let words = ["i", "i", "do", "not", "i", "do", "not", "want"];
        assert_eq!(without_repeats(&words), ["i", "do", "not", "want"]);
    }

    #[test]
    fn a_reply_is_not_said_twice_while_another_is_left() {
        let patterns = DangerPatterns::parse(
            "fillers = ['um']\nidioms = ['x y']\n[[kind]]\nname = 'medical'\nreplies = ['one', 'two']\n\
             rules = [{ match = 'ow', unless = 'wow' }]\n[spoken]\n'1' = 'one'\n'11' = 'eleven'",
        )
        .unwrap();
        let kind = patterns.judge("Um, ow!").unwrap();
        assert_eq!(patterns.judge("ow wow"), None);
        assert_eq!(patterns.reply(kind, ["hello"].into_iter()), "one");
        assert_eq!(patterns.reply(kind, ["one"].into_iter()), "two");
        assert_eq!(patterns.reply(kind, ["one", "two"].into_iter()), "two");
        assert_eq!(patterns.spoken("11 and 1"), "eleven and one");
    }

    #[test]
    fn a_kind_without_a_reply_is_refused() {
        let text = "fillers = []\nidioms = []\n[[kind]]\nname = 'medical'\nreplies = []\nrules = []";
        assert!(matches!(DangerPatterns::parse(text), Err(DangerError::NoReply(DangerKind::Medical))));
    }
}
