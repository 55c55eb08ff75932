//! A new memory beside those that are there: the same again, a correction, or news.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use crate::domain::ids::MemoryId;
use crate::domain::memory::RecalledMemory;

/// Cosine below which two memories speak of different things, whatever words they share.
const SAME_MATTER: f32 = 0.5;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Store,
    /// It is known.
    Skip,
    /// It contradicts that memory: the person's latest word counts.
    Replace {
        id: MemoryId,
        text: String,
    },
}

/// `near`: the person's memories nearest to `text`. `duplicate`: the cosine from which two memories count as one.
pub(super) fn reconcile(text: &str, near: &[RecalledMemory], duplicate: f32) -> Step {
    if let Some((corrected, wrong)) = correction(text)
        && let Some(old) = near.iter().find(|old| old.score >= SAME_MATTER && has_word(&old.memory.text, wrong))
    {
        return Step::Replace { id: old.memory.id, text: corrected };
    }
    let new = Content::of(text);
    for old in near.iter().filter(|old| old.score >= SAME_MATTER) {
        let known = Content::of(&old.memory.text);
        if old.score < duplicate && known.words != new.words {
            continue;
        }
        // "I don't like jazz any more", "I'm sixty-nine now": near in the embedding, and yet not the same.
        return if known.negated == new.negated && known.numbers == new.numbers {
            Step::Skip
        } else {
            Step::Replace { id: old.memory.id, text: text.to_owned() }
        };
    }
    Step::Store
}

/// "Their sister is called Anna, not Ana." → what is so, and the word that isn't.
fn correction(text: &str) -> Option<(String, &str)> {
    static NOT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)^(?P<so>.*?(?P<last>[\p{L}\d'-]+)),? (?:and )?not (?:in |at |a |an |the |on )?(?P<wrong>[\p{L}\d'-]+)\.$")
            .expect("a pattern of this file is valid")
    });
    /// After these, "not" denies what follows: "They are not Polish."
    const VERBS: [&str; 16] = [
        "are", "were", "is", "was", "do", "does", "did", "have", "has", "can", "could", "would", "should", "will",
        "or", "rather",
    ];
    let captures = NOT.captures(text)?;
    if VERBS.contains(&captures["last"].to_lowercase().as_str()) {
        return None;
    }
    let wrong = captures.name("wrong")?.as_str();
    Some((format!("{}.", &captures["so"]), wrong))
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '-')
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

fn has_word(text: &str, wanted: &str) -> bool {
    let wanted = wanted.to_lowercase();
    words(text).any(|word| word == wanted || word.strip_suffix("'s") == Some(&wanted))
}

/// What is left of a memory when grammar is taken away.
struct Content {
    words: BTreeSet<String>,
    numbers: BTreeSet<String>,
    negated: bool,
}

impl Content {
    fn of(text: &str) -> Self {
        let mut content = Content { words: BTreeSet::new(), numbers: BTreeSet::new(), negated: false };
        for word in words(text) {
            let word = word.strip_suffix("'s").unwrap_or(&word);
            let word = one_word_for(word);
            if NEGATIONS.contains(&word) || HATRED.contains(&word) {
                content.negated = !content.negated;
            }
            if HATRED.contains(&word) {
                content.words.insert("like".into());
            } else if is_number(word) {
                content.numbers.insert(word.to_owned());
            } else if !NEGATIONS.contains(&word) && !GRAMMAR.contains(&word) {
                content.words.insert(word.to_owned());
            }
        }
        content
    }
}

const NEGATIONS: [&str; 18] = [
    "not", "don't", "doesn't", "didn't", "isn't", "aren't", "wasn't", "weren't", "haven't", "hasn't", "never", "no",
    "can't", "cannot", "couldn't", "wouldn't", "won't", "stopped",
];

/// The contrary of liking; so are "stand" and "bear", which come with a "can't".
const HATRED: [&str; 6] = ["hate", "hated", "dislike", "detest", "loathe", "despise"];

/// Words that two tellings of the same thing need not share.
const GRAMMAR: [&str; 58] = [
    "they",
    "their",
    "them",
    "theirs",
    "are",
    "is",
    "was",
    "were",
    "be",
    "been",
    "a",
    "an",
    "the",
    "of",
    "to",
    "in",
    "at",
    "on",
    "for",
    "and",
    "so",
    "do",
    "does",
    "did",
    "have",
    "has",
    "had",
    "got",
    "will",
    "would",
    "can",
    "really",
    "very",
    "just",
    "also",
    "still",
    "quite",
    "always",
    "actually",
    "much",
    "lot",
    "now",
    "any",
    "more",
    "anymore",
    "longer",
    "too",
    "absolutely",
    "that",
    "it",
    "this",
    "called",
    "named",
    "name",
    "again",
    "all",
    "even",
    "pretty",
];

fn one_word_for(word: &str) -> &str {
    match word {
        "love" | "loved" | "liked" | "enjoy" | "enjoyed" | "adore" | "stand" | "bear" => "like",
        "scared" | "frightened" | "terrified" => "afraid",
        _ => word,
    }
}

fn is_number(word: &str) -> bool {
    const NUMBERS: [&str; 32] = [
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
        "twenty",
        "thirty",
        "forty",
        "fifty",
        "sixty",
        "seventy",
        "eighty",
        "ninety",
        "first",
        "second",
        "third",
        "fourth",
        "fifth",
    ];
    word.starts_with(|c: char| c.is_ascii_digit()) || word.split('-').all(|part| NUMBERS.contains(&part))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::ids::UserId;
    use crate::domain::memory::{Memory, MemoryType};

    fn known(text: &str, score: f32) -> RecalledMemory {
        let memory = Memory {
            id: MemoryId::generate(),
            user_id: UserId::generate(),
            session_id: None,
            text: text.into(),
            memory_type: MemoryType::Fact,
            timestamp: Timestamp::UNIX_EPOCH,
        };
        RecalledMemory { memory, score }
    }

    fn step(new: &str, old: &str, score: f32) -> Step {
        let near = [known(old, score)];
        match reconcile(new, &near, 0.9) {
            Step::Replace { id, text } => {
                assert_eq!(id, near[0].memory.id);
                Step::Replace { id: MemoryId(uuid::Uuid::nil()), text }
            }
            step => step,
        }
    }

    fn replaced_by(text: &str) -> Step {
        Step::Replace { id: MemoryId(uuid::Uuid::nil()), text: text.into() }
    }

    #[test]
    fn the_same_again_is_skipped() {
        assert_eq!(step("They love jazz.", "They love jazz music.", 0.95), Step::Skip);
        assert_eq!(step("Their sister's name is Ana.", "Their sister is called Ana.", 0.8), Step::Skip);
    }

    #[test]
    fn news_is_stored() {
        assert_eq!(step("They love jazz.", "They are allergic to peanuts.", 0.1), Step::Store);
        assert_eq!(step("Their brother is called Ana.", "Their sister is called Ana.", 0.8), Step::Store);
        assert_eq!(step("They love their dog.", "They have a dog.", 0.8), Step::Store);
        assert_eq!(step("They are not Polish.", "They are Catholic.", 0.6), Step::Store);
    }

    #[test]
    fn a_contradiction_replaces() {
        let no_longer = "They don't like jazz any more.";
        assert_eq!(step(no_longer, "They love jazz.", 0.8), replaced_by(no_longer));
        assert_eq!(step("They hate jazz.", "They like jazz.", 0.95), replaced_by("They hate jazz."));
        assert_eq!(step("They have three cats.", "They have two cats.", 0.95), replaced_by("They have three cats."));
        assert_eq!(
            step("Their sister is called Anna, not Ana.", "Their sister is called Ana.", 0.9),
            replaced_by("Their sister is called Anna.")
        );
    }

    #[test]
    fn a_correction_of_nothing_known_is_news() {
        assert_eq!(step("They like tea, not coffee.", "They live in Porto.", 0.2), Step::Store);
    }
}
