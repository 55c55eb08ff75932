//! Whether a sentence of a model's is borne out by what a person said: its names and numbers all, most of its words.

use std::collections::HashSet;

use crate::language::en::words::{content_stems, stem};

/// Of the words that carry meaning, the share that must have been said.
const LEAST_SHARE: f64 = 0.6;

/// Words that a note may say in the place of others, each stem with what bears it out.
const SAME: &[(&str, &[&str])] = &[
    ("call", &["name", "i'm", "am"]),
    ("name", &["call", "i'm", "am", "is"]),
    ("live", &["from", "move", "here", "in", "at", "home", "flat", "house"]),
    ("work", &["job", "as", "am", "i'm"]),
    ("prefer", &["rather", "like", "please", "want", "better"]),
    ("lik", &["love", "enjoy", "favourit", "favorit", "prefer", "want", "fan"]),
    ("dislik", &["hate", "don't", "can't", "not"]),
    ("afraid", &["scar", "fear", "frighten", "terrifi", "dread", "phobia"]),
    ("died", &["passed", "lost", "death", "dead", "gone"]),
    ("husband", &["married", "marri"]),
    ("wife", &["married", "marri"]),
];

pub(super) fn is_grounded(sentence: &str, said: &str) -> bool {
    let source = said.to_lowercase().replace('’', "'");
    let words: HashSet<&str> = source.split(|c: char| !c.is_alphanumeric() && c != '\'').collect();
    let stems: HashSet<String> = words.iter().map(|word| stem(word).to_owned()).collect();
    let exact = |word: &str| words.contains(word) || words.iter().any(|known| known.trim_end_matches("'s") == word);

    for word in sentence.split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '-').skip(1) {
        let lower = word.trim_end_matches("'s").to_lowercase();
        let names = word.starts_with(char::is_uppercase) && lower != "rose";
        let counts = lower.starts_with(|c: char| c.is_ascii_digit());
        if (names || counts) && !lower.split('-').all(|part| part.is_empty() || exact(part)) {
            return false;
        }
    }
    let told: Vec<String> = content_stems(sentence).filter(|stem| stem != "rose" && stem != "person").collect();
    if told.is_empty() {
        return false;
    }
    let borne_out = told.iter().filter(|told| {
        stems.contains(*told)
            || stems.iter().any(|known| shares_beginning(known, told))
            || SAME.iter().any(|(note, bases)| {
                told.starts_with(note) && bases.iter().any(|base| words.contains(base) || stems.contains(*base))
            })
    });
    borne_out.count() as f64 >= LEAST_SHARE * told.len() as f64
}

/// "allergic" and "allergies", "gardener" and "gardening".
fn shares_beginning(one: &str, other: &str) -> bool {
    let shared = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    let longest = one.chars().count().max(other.chars().count());
    shared >= 4 && shared * 3 >= longest * 2
}

/// Whether both speak of one thing by name, or by another name for it.
pub(in crate::memory) fn share_a_word(one: &str, other: &str) -> bool {
    const OTHER_NAMES: [&[&str]; 6] = [
        &["job", "work", "bos", "career", "offic", "colleagu"],
        &["drink", "alcohol", "wine", "beer", "drunk"],
        &["money", "debt", "ow", "loan", "salary"],
        &["home", "liv", "address", "hous", "flat"],
        &["ill", "illnes", "health", "sick", "disea"],
        &["name", "call"],
    ];
    let known: HashSet<String> = content_stems(one).collect();
    content_stems(other).any(|stem| {
        known.iter().any(|known| {
            let both = |names: &&[&str]| {
                names.iter().any(|name| known.starts_with(name)) && names.iter().any(|name| stem.starts_with(name))
            };
            *known == stem || shares_beginning(known, &stem) || OTHER_NAMES.iter().any(both)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_bears_a_note_out() {
        for (note, said) in [
            ("Their dog is called Biscuit.", "my dog's called Biscuit"),
            ("They live in Porto.", "I'm from Porto"),
            ("They are allergic to peanuts.", "peanuts give me allergies"),
            ("They have their driving test on 5 March 2026.", "My driving test is on 5 March 2026 at nine."),
        ] {
            assert!(is_grounded(note, said), "{note}");
        }
        assert!(share_a_word("my job", "They work for a law firm."));
        assert!(!share_a_word("the weather", "They have a boat."));
    }

    #[test]
    fn what_nobody_said_does_not() {
        for (note, said) in [
            ("They are 30 years old.", "How old are you?"),
            ("They live in Lisbon.", "I'm from Porto"),
            ("They love long walks on the beach.", "I love cheese"),
            ("Their sister is called Ana.", "My sister came round."),
        ] {
            assert!(!is_grounded(note, said), "{note}");
        }
    }
}
