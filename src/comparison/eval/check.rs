//! What a program can decide of a reply and of the memories after it.

use std::collections::HashSet;

use serde::Serialize;
use unicode_segmentation::UnicodeSegmentation as _;

use super::script::Turn;

/// Sentences of a reply where its turn names no number.
const MOST_SENTENCES: usize = 6;
const MOST_QUESTIONS: usize = 1;

#[derive(Debug, Clone, Serialize)]
pub struct Check {
    pub kind: Kind,
    /// What was asked for; empty where the kind says all.
    pub wanted: String,
    pub passed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    // What the script names.
    Must,
    MustNot,
    Length,
    Remembered,
    Forgotten,
    // What every reply must be.
    Answered,
    NotRepeated,
    Plain,
    Short,
    OneQuestion,
}

impl Kind {
    pub const ALL: [Kind; 10] = [
        Kind::Must,
        Kind::MustNot,
        Kind::Length,
        Kind::Remembered,
        Kind::Forgotten,
        Kind::Answered,
        Kind::NotRepeated,
        Kind::Plain,
        Kind::Short,
        Kind::OneQuestion,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Must => "says what it must",
            Kind::MustNot => "says nothing it must not",
            Kind::Length => "as short as asked for",
            Kind::Remembered => "remembered",
            Kind::Forgotten => "forgotten",
            Kind::Answered => "answered at all",
            Kind::NotRepeated => "no reply repeated",
            Kind::Plain => "no markup",
            Kind::Short => "at most six sentences",
            Kind::OneQuestion => "at most one question",
        }
    }

    /// Whether a script named it, and not every reply is held to it.
    pub fn is_scripted(self) -> bool {
        matches!(self, Kind::Must | Kind::MustNot | Kind::Length | Kind::Remembered | Kind::Forgotten)
    }
}

/// `earlier`: the replies before, in this conversation.
pub fn checks(turn: &Turn, reply: &str, earlier: &[String], memories: &[String]) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut check = |kind, wanted: &str, passed| checks.push(Check { kind, wanted: wanted.to_owned(), passed });
    let said = folded(reply);
    for entry in &turn.must {
        check(Kind::Must, entry, comes_in(entry, &said));
    }
    for entry in &turn.must_not {
        check(Kind::MustNot, entry, !comes_in(entry, &said));
    }
    let sentences = reply.unicode_sentences().count();
    if let Some(most) = turn.most_sentences {
        check(Kind::Length, &format!("at most {most}"), sentences <= most);
    }
    let memories: Vec<String> = memories.iter().map(|memory| folded(memory)).collect();
    for entry in &turn.remembered {
        check(Kind::Remembered, entry, memories.iter().any(|memory| stands_in(entry, memory)));
    }
    for entry in &turn.forgotten {
        check(Kind::Forgotten, entry, !memories.iter().any(|memory| stands_in(entry, memory)));
    }
    check(Kind::Answered, "", reply.contains(char::is_alphanumeric));
    let earlier: HashSet<String> = earlier.iter().map(|reply| folded(reply)).collect();
    check(Kind::NotRepeated, "", !earlier.contains(&said));
    check(Kind::Plain, "", is_plain(reply));
    check(Kind::Short, "", sentences <= MOST_SENTENCES);
    check(Kind::OneQuestion, "", reply.matches(['?', '？']).count() <= MOST_QUESTIONS);
    checks
}

/// Lower case, words apart by one space, one before and behind all.
fn folded(text: &str) -> String {
    let words = text.to_lowercase().replace(['’', '\''], "");
    let words: Vec<&str> = words.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    format!(" {} ", words.join(" "))
}

/// One of the alternatives comes as whole words; behind `~`, as the beginning of one.
fn comes_in(entry: &str, said: &str) -> bool {
    entry.split('|').any(|alternative| {
        let alternative = alternative.trim();
        let words = folded(alternative);
        match alternative.starts_with('~') {
            true => said.contains(words.trim_end()),
            false => said.contains(&words),
        }
    })
}

/// All parts stand in it, one alternative of each, perhaps within a word.
fn stands_in(entry: &str, memory: &str) -> bool {
    entry.split('&').all(|part| part.split('|').any(|alternative| memory.contains(folded(alternative).trim())))
}

fn is_plain(reply: &str) -> bool {
    let list = reply.lines().map(str::trim_start).any(|line| {
        let numbered = line.split_once(". ").is_some_and(|(number, _)| number.parse::<u8>().is_ok());
        line.starts_with("- ") || line.starts_with("* ") || line.starts_with('#') || (numbered && reply.contains('\n'))
    });
    let emoji = |c: char| matches!(u32::from(c), 0x1F300..=0x1FAFF | 0x2600..=0x27BF | 0x2B50 | 0xFE0F);
    !list && !reply.contains(['*', '`', '_']) && !reply.chars().any(emoji)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(turn: &Turn, reply: &str, earlier: &[&str], memories: &[&str]) -> Vec<Kind> {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let checks = checks(turn, reply, &owned(earlier), &owned(memories));
        checks.into_iter().filter(|check| !check.passed).map(|check| check.kind).collect()
    }

    #[test]
    fn a_good_reply_passes_whatever_its_signs() {
        let turn = Turn {
            must: vec!["seventy-three|73".into(), "~comput|program".into()],
            must_not: vec!["i am human".into()],
            most_sentences: Some(2),
            remembered: vec!["dog & faísca|faisca".into()],
            forgotten: vec!["debts".into()],
            ..Turn::default()
        };
        let reply = "It’s seventy-three. I run on a computer!";
        assert_eq!(failed(&turn, reply, &["Hello."], &["Their dog is called Faísca."]), []);
    }

    #[test]
    fn what_is_wrong_is_told() {
        let turn = Turn {
            must: vec!["ana".into()],
            must_not: vec!["cancer".into()],
            most_sentences: Some(1),
            remembered: vec!["porto".into()],
            forgotten: vec!["debt".into()],
            ..Turn::default()
        };
        let reply = "Anastasia has **cancer**. Why? Who?";
        use Kind::{Forgotten, Length, Must, MustNot, NotRepeated, OneQuestion, Plain, Remembered};
        assert_eq!(
            failed(&turn, reply, &["anastasia has cancer! Why who"], &["They have debts."]),
            [Must, MustNot, Length, Remembered, Forgotten, NotRepeated, Plain, OneQuestion]
        );
        assert_eq!(failed(&Turn::default(), "1. Rice\n2. Water", &[], &[]), [Kind::Plain]);
        assert_eq!(failed(&Turn::default(), "…", &[], &[]), [Kind::Answered]);
    }
}
