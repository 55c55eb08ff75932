//! The embedded rules, compiled.

use std::collections::BTreeMap;

use regex::{Captures, Regex, RegexSet};
use serde::Deserialize;

use crate::domain::memory::MemoryType;

const RULES: &str = include_str!("rules.toml");
const VALID: &str = "the embedded rules are valid";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    fillers: Vec<String>,
    openers: Vec<String>,
    hedges: Vec<String>,
    remember: Vec<String>,
    of_the_moment: String,
    silences: Vec<String>,
    questions: Vec<String>,
    not_questions: Vec<String>,
    question_tails: Vec<String>,
    unreal: Vec<String>,
    quotations: Vec<String>,
    secrets: Vec<String>,
    words: BTreeMap<String, Vec<String>>,
    dropped: Vec<RawDropped>,
    greeting: Vec<RawGreeting>,
    rule: Vec<RawRule>,
    prototypes: BTreeMap<Keep, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    keep: Keep,
    pattern: String,
    text: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDropped {
    said: String,
    subject: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGreeting {
    pattern: String,
    except: String,
    text: String,
}

/// What becomes of a clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Keep {
    Fact,
    Preference,
    Emotion,
    Nothing,
    /// The prototypes decide.
    Doubt,
}

impl Keep {
    pub(super) fn memory_type(self) -> Option<MemoryType> {
        match self {
            Keep::Fact => Some(MemoryType::Fact),
            Keep::Preference => Some(MemoryType::Preference),
            Keep::Emotion => Some(MemoryType::Emotion),
            Keep::Nothing | Keep::Doubt => None,
        }
    }
}

struct Rule {
    keep: Keep,
    pattern: Regex,
    text: Option<String>,
}

struct Greeting {
    pattern: Regex,
    except: Regex,
    text: String,
}

/// What the first fitting rule says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) keep: Keep,
    /// The third-person sentence, where the rule gives it.
    pub(super) text: Option<String>,
}

pub(super) struct Rules {
    pub(super) fillers: Vec<Regex>,
    openers: Regex,
    hedge: Regex,
    dropped: Vec<(Regex, String)>,
    remember: Regex,
    of_the_moment: Regex,
    silences: RegexSet,
    questions: RegexSet,
    not_questions: RegexSet,
    question_tail: Regex,
    unreal: RegexSet,
    quotations: RegexSet,
    secrets: RegexSet,
    greetings: Vec<Greeting>,
    rules: Vec<Rule>,
    /// Whom the person may speak of next as "he", "she", "it" or "they".
    relatives: Vec<(Regex, &'static [&'static str])>,
    pub(super) prototypes: Vec<(Keep, String)>,
}

impl Rules {
    /// `name` is the character's.
    pub(super) fn embedded(name: &str) -> Self {
        let mut raw: Raw = toml::from_str(RULES).expect(VALID);
        raw.words.insert("character".into(), vec![regex::escape(name)]);
        raw.words.entry("soon".into()).or_default().push(regex::escape(name));
        let words = Words::new(&raw.words);
        let relatives = |list: &str| {
            words.regex(&format!(
                r"\b(?:my|our|an?|one|two|three) (?P<who>(?:[\p{{L}}-]+ )?{{{list}}})(?:[^\p{{L}}'-]|$)"
            ))
        };
        Self {
            fillers: raw.fillers.iter().map(|pattern| words.regex(pattern)).collect(),
            openers: words.regex(&format!(r"^(?:{})(?:[\s,.!…:-]+|$)", raw.openers.join("|"))),
            hedge: words
                .regex(&format!(r"^(?:{})(?: that|,| but)*,? (?P<statement>(?:i|we|my|our)\b)", raw.hedges.join("|"))),
            dropped: raw
                .dropped
                .into_iter()
                .map(|dropped| (words.regex(&format!(r"^{{much}}{}\b", dropped.said)), dropped.subject))
                .collect(),
            remember: words.regex(&format!(r"^(?:{})[\s,:]+", raw.remember.join("|"))),
            of_the_moment: words.regex(&raw.of_the_moment),
            silences: words.set(&raw.silences),
            questions: words.set(&raw.questions),
            not_questions: words.set(&raw.not_questions),
            question_tail: words.regex(&format!(r"[\s,]+(?:{})\b", raw.question_tails.join("|"))),
            unreal: words.set(&raw.unreal),
            quotations: words.set(&raw.quotations),
            secrets: words.set(&raw.secrets),
            greetings: raw
                .greeting
                .into_iter()
                .map(|greeting| Greeting {
                    pattern: words.regex(&greeting.pattern),
                    except: words.regex(&greeting.except),
                    text: greeting.text,
                })
                .collect(),
            rules: raw
                .rule
                .into_iter()
                .map(|rule| Rule { keep: rule.keep, pattern: words.regex(&rule.pattern), text: rule.text })
                .collect(),
            relatives: vec![
                (relatives("male"), &["he"]),
                (relatives("female"), &["she"]),
                (relatives("either"), &["he", "she", "they"]),
                (relatives("several"), &["they"]),
                (relatives("pet"), &["he", "she", "it", "they"]),
            ],
            prototypes: raw
                .prototypes
                .into_iter()
                .flat_map(|(keep, texts)| texts.into_iter().map(move |text| (keep, text)))
                .collect(),
        }
    }

    /// Danger, orders to Rose, a joke taken back: nothing of such a message is kept.
    pub(super) fn silences(&self, message: &str) -> bool {
        self.silences.is_match(message)
    }

    /// Whether a sentence says nothing of the person: a question, a supposition, someone else's words, a secret.
    pub(super) fn no_statement(&self, sentence: &str) -> bool {
        (self.questions.is_match(sentence) && !self.not_questions.is_match(sentence))
            || self.unreal.is_match(sentence)
            || self.quotations.is_match(sentence)
            || self.secrets.is_match(sentence)
    }

    /// The sentence without the words said before the point.
    pub(super) fn open<'t>(&self, mut text: &'t str) -> &'t str {
        loop {
            let hedged = self.hedge.captures(text).and_then(|found| found.name("statement")).map(|rest| rest.start());
            let start = hedged.or_else(|| self.openers.find(text).map(|opener| opener.end()));
            match start {
                Some(start) => text = &text[start..],
                None => return text,
            }
        }
    }

    /// "Been married for years" → "I have been married for years".
    pub(super) fn subject_restored(&self, clause: &str) -> Option<String> {
        let (_, subject) = self.dropped.iter().find(|(said, _)| said.is_match(clause))?;
        let mut letters = clause.chars();
        let first = letters.next()?.to_lowercase();
        Some(format!("{subject} {first}{}", letters.as_str()))
    }

    /// What the person asks Rose to remember.
    pub(super) fn told_to_remember<'t>(&self, sentence: &'t str) -> Option<&'t str> {
        self.remember.find(sentence).map(|asked| self.open(&sentence[asked.end()..]))
    }

    /// "This morning", "right now".
    pub(super) fn of_the_moment(&self, clause: &str) -> bool {
        self.of_the_moment.is_match(clause)
    }

    /// Where a question begins that follows a statement.
    pub(super) fn question_tail(&self, sentence: &str) -> Option<usize> {
        self.question_tail.find(sentence).map(|tail| tail.start())
    }

    /// A name given in a greeting; the sentence still has its openers.
    pub(super) fn greeted(&self, sentence: &str) -> Option<String> {
        self.greetings.iter().find_map(|greeting| {
            let captures = greeting.pattern.captures(sentence)?;
            (!greeting.except.is_match(&captures["name"])).then(|| fill(&greeting.text, &captures))
        })
    }

    /// What the first fitting rule says of a clause; `None` where none fits, or it says "doubt".
    pub(super) fn judge(&self, clause: &str) -> Option<Verdict> {
        let verdict = self.rules.iter().find_map(|rule| {
            let captures = rule.pattern.captures(clause)?;
            Some(Verdict { keep: rule.keep, text: rule.text.as_ref().map(|text| fill(text, &captures)) })
        })?;
        (verdict.keep != Keep::Doubt).then_some(verdict)
    }

    /// "sister" for "she" in "my sister came round": whom a pronoun stands for, the last one named.
    pub(super) fn antecedent<'t>(&self, pronoun: &str, before: &'t str) -> Option<&'t str> {
        self.relatives
            .iter()
            .filter(|(_, pronouns)| pronouns.contains(&pronoun))
            .flat_map(|(pattern, _)| pattern.captures_iter(before).filter_map(|captures| captures.name("who")))
            .max_by_key(regex::Match::start)
            .map(|who| who.as_str())
    }
}

/// `{name}` of a rule's text, as a name is written.
fn fill(text: &str, captures: &Captures<'_>) -> String {
    let name = captures["name"]
        .split(' ')
        .map(|word| if word == "not" { word.to_owned() } else { capitalised(word) })
        .collect::<Vec<_>>()
        .join(" ");
    text.replace("{name}", &name)
}

pub(super) fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The word lists as alternatives of a pattern.
struct Words(BTreeMap<String, String>);

impl Words {
    fn new(lists: &BTreeMap<String, Vec<String>>) -> Self {
        Self(
            lists
                .iter()
                .map(|(name, list)| {
                    let mut list: Vec<&str> = list.iter().map(String::as_str).collect();
                    // The engine takes the first alternative that fits: "a little bit" goes before "a little".
                    list.sort_by_key(|word| std::cmp::Reverse(word.len()));
                    let any = list.join("|");
                    let pattern = if name == "much" { format!("(?:(?:{any}) )*") } else { format!("(?:{any})") };
                    (name.clone(), pattern)
                })
                .collect(),
        )
    }

    fn expand(&self, pattern: &str) -> String {
        let mut expanded = pattern.to_owned();
        for (name, any) in &self.0 {
            expanded = expanded.replace(&format!("{{{name}}}"), any);
        }
        // TOML's literal strings can't hold a straight one.
        format!("(?i){}", expanded.replace('’', "'"))
    }

    fn regex(&self, pattern: &str) -> Regex {
        Regex::new(&self.expand(pattern)).expect(VALID)
    }

    fn set(&self, patterns: &[String]) -> RegexSet {
        RegexSet::new(patterns.iter().map(|pattern| self.expand(pattern))).expect(VALID)
    }
}
