//! "My sister is called Ana" → "Their sister is called Ana."
//!
//! "They" keeps every verb but "am" and "was" as it is, fits whoever speaks, and a question that the person asks
//! ("What is my sister's name?") lies as near to it as to "the person".

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::rules::capitalised;

/// A memory is one spoken sentence; more is not one, and would crowd the prompt.
pub const MAX_CHARS: usize = 240;

static WORDS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)\bI(?P<adverb>(?: (?:really|also|always|never|just|once|actually|only|still|already|often|sometimes|usually))*) (?P<be>am|was|wasn't)\b|\b(?P<word>I'd|I|am|me|my|mine|myself|we|we'd|us|our|ours|ourselves|you're|you've|you|your|yours|yourself)\b",
    )
    .expect("a pattern of this file is valid")
});

/// The statement as one sentence of someone else's, of at most [`MAX_CHARS`] characters.
pub(super) fn third_person(statement: &str, name: &str) -> String {
    sentence(&WORDS.replace_all(statement, |found: &Captures<'_>| other(found, statement, name)))
}

fn other(found: &Captures<'_>, statement: &str, name: &str) -> String {
    if let Some(be) = found.name("be") {
        let be = match be.as_str().to_lowercase().as_str() {
            "am" => "are",
            "was" => "were",
            _ => "weren't",
        };
        return format!("they{} {be}", &found["adverb"]);
    }
    let start = found.get(0).map_or(0, |whole| whole.start());
    match found["word"].to_lowercase().as_str() {
        // "Me and my husband run a bakery."
        "me" | "us" if start == 0 => "they",
        "i" | "we" => "they",
        "i'd" | "we'd" => "they'd",
        // "at 8 am" is a time.
        "am" if statement[..start].trim_end().ends_with(|c: char| c.is_ascii_digit()) => "am",
        "am" => "are",
        "me" | "us" => "them",
        "my" | "our" => "their",
        "mine" | "ours" => "theirs",
        "myself" | "ourselves" => "themselves",
        "you" => name,
        "you're" => return format!("{name} is"),
        "you've" => return format!("{name} has"),
        "yourself" => "herself",
        _ => return format!("{name}'s"),
    }
    .to_owned()
}

/// One sentence: a capital first, a full stop last, cut at a word where it is too long.
pub(super) fn sentence(text: &str) -> String {
    let text = text.trim().trim_matches(|c: char| ",;:.!?-–—… ".contains(c));
    let mut cut = text;
    if let Some((limit, _)) = text.char_indices().nth(MAX_CHARS - 1) {
        cut = text[..limit].rsplit_once(' ').map_or(&text[..limit], |(whole, _)| whole);
    }
    format!("{}.", capitalised(cut))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_person_becomes_they() {
        for (said, kept) in [
            ("My sister is called Ana", "Their sister is called Ana."),
            ("I am afraid of thunder", "They are afraid of thunder."),
            ("I was born at 8 am in Porto", "They were born at 8 am in Porto."),
            ("spiders scare me", "Spiders scare them."),
            ("my wife and I are moving", "Their wife and they are moving."),
            ("me and my husband run a bakery", "They and their husband run a bakery."),
            ("I really was a nurse", "They really were a nurse."),
            ("I'd rather you kept your answers short", "They'd rather Rose kept Rose's answers short."),
            ("our home is ours", "Their home is theirs."),
        ] {
            assert_eq!(third_person(said, "Rose"), kept);
        }
    }

    #[test]
    fn a_memory_is_short() {
        let kept = third_person(&"I love żółw ".repeat(100), "Rose");
        assert!(kept.chars().count() <= MAX_CHARS);
        assert!(kept.ends_with('.'));
    }
}
