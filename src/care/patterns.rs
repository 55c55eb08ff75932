//! What is said plainly: danger, an answer to Rose's own question after it, an age. Judged by patterns, the same way every
//! time. The patterns are data: `danger.toml` of the character.

use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use serde::Deserialize;

use super::Kind;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    fillers: Vec<String>,
    idioms: Vec<String>,
    kind: Vec<RawKind>,
    /// What says yes to the question whether someone is in danger.
    yes: Vec<String>,
    /// What a person says who is under 18.
    under_age: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKind {
    name: Kind,
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
pub enum PatternsError {
    #[error("{0}")]
    Unreadable(#[from] toml::de::Error),
    #[error("a pattern can't be compiled: {0}")]
    Pattern(#[from] regex::Error),
}

/// The patterns, compiled.
pub struct DangerPatterns {
    fillers: Regex,
    idioms: Regex,
    /// All rules in the file's order.
    rules: RegexSet,
    /// For each rule, its kind and what takes it back.
    judgements: Vec<(Kind, Option<Regex>)>,
    yes: Regex,
    under_age: Regex,
}

impl DangerPatterns {
    /// # Errors
    /// Where the text is not such a file, or a pattern doesn't compile.
    pub fn parse(text: &str) -> Result<Self, PatternsError> {
        let raw: Raw = toml::from_str(text)?;
        let mut patterns = Vec::new();
        let mut judgements = Vec::new();
        for kind in raw.kind {
            for rule in kind.rules {
                patterns.push(whole_words(&rule.r#match));
                let unless = rule.unless.map(|unless| compile(&unless)).transpose()?;
                judgements.push((kind.name, unless));
            }
        }
        let fillers: Vec<_> = raw.fillers.iter().map(|filler| regex::escape(filler)).collect();
        Ok(Self {
            fillers: compile(&fillers.join("|"))?,
            idioms: compile(&raw.idioms.join("|"))?,
            rules: RegexSetBuilder::new(patterns).unicode(false).size_limit(256 << 20).build()?,
            judgements,
            yes: compile(&raw.yes.join("|"))?,
            under_age: compile(&raw.under_age.join("|"))?,
        })
    }

    /// The danger that `message` speaks of.
    pub fn judge(&self, message: &str) -> Option<Kind> {
        let plain = self.plain(message);
        self.rules
            .matches(&plain)
            .into_iter()
            .map(|rule| &self.judgements[rule])
            .find(|(_, unless)| !unless.as_ref().is_some_and(|unless| unless.is_match(&plain)))
            .map(|(kind, _)| *kind)
    }

    /// Whether `message` says yes to the question whether someone is in danger.
    pub fn says_yes(&self, message: &str) -> bool {
        self.yes.is_match(&self.plain(message))
    }

    /// Whether the person says that they are under 18.
    pub fn says_under_age(&self, message: &str) -> bool {
        self.under_age.is_match(&self.plain(message))
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

    fn built_in() -> DangerPatterns {
        DangerPatterns::parse(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/character/rose/en/danger.toml")))
            .unwrap()
    }

    #[test]
    fn a_rule_is_taken_back_by_its_exception() {
        let patterns = DangerPatterns::parse(
            "fillers = ['um']\nidioms = ['x y']\nyes = ['yes']\nunder_age = ['young']\n[[kind]]\nname = 'medical'\n\
             rules = [{ match = 'ow', unless = 'wow' }]",
        )
        .unwrap();
        assert_eq!(patterns.judge("Um, ow!"), Some(Kind::Medical));
        assert_eq!(patterns.judge("ow wow"), None);
    }

    #[test]
    fn a_yes_is_told_from_a_no() {
        let patterns = built_in();
        for yes in
            ["yes", "Yeah, I think so.", "um I guess", "maybe a little", "I have thought about it", "sometimes, yes"]
        {
            assert!(patterns.says_yes(yes), "{yes}");
        }
        for no in [
            "no",
            "No, not at all, I'm only tired.",
            "of course not",
            "nothing like that",
            "what do you mean",
            "I guess not",
            "I do not",
            "I haven't thought of it",
            "I might not",
        ] {
            assert!(!patterns.says_yes(no), "{no}");
        }
    }

    #[test]
    fn an_age_is_heard_where_it_is_the_speakers_own() {
        let patterns = built_in();
        for young in
            ["I'm fifteen", "I am 12 years old", "I'm in seventh grade", "I'm still a minor", "I just turned sixteen"]
        {
            assert!(patterns.says_under_age(young), "{young}");
        }
        for not in [
            "I'm 45",
            "my son is fifteen",
            "I'm 15 minutes late",
            "when I was twelve",
            "I am ten pounds lighter",
            "I have been here for ten years",
        ] {
            assert!(!patterns.says_under_age(not), "{not}");
        }
    }
}
