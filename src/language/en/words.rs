//! The words that tell what a text is about.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Words that say nothing of what a sentence is about.
const EMPTY_WORDS: &str = "about after again all always and any are because been before being but came can come could \
    day did does doing done earlier else ever every feel feeling for from gave get give going good got had has have \
    having hear heard her here him his how into its just know last let like little made make many may mention \
    mentioned more much must never not now once one other our out over really remember said same say says see she \
    should some something still such talk talked talking tell telling than that the their them then there these they \
    thing things think this those time today told too two very want wanted was way week well were what when where \
    which while who why will with would year yes you your yours yourself";

/// The commonest words, which hardly any other language has.
const COMMON_WORDS: &str = "the a an and or but is are was were be been am i i'm i've i'll i'd my mine we our you your he his \
    she her they their it it's its of to in on at for from with about as by not don't can't have has had do does did will \
    would can could should that this these those there here when what who how because since always never now every really \
    just so very too still please keep call from speak";

/// The share of them from which on a text is English.
const ENGLISH_FROM: f64 = 0.2;

/// Whether a text of a few words or more is English, as far as its commonest words tell.
pub fn is_english(text: &str) -> bool {
    static COMMON: LazyLock<HashSet<&str>> = LazyLock::new(|| COMMON_WORDS.split_whitespace().collect());
    let lower = text.to_lowercase().replace('’', "'");
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty()).collect();
    let common = words.iter().filter(|word| COMMON.contains(*word)).count();
    common as f64 >= ENGLISH_FROM * words.len() as f64
}

/// Each in lower case, cut to what its forms share.
pub fn content_stems(text: &str) -> impl Iterator<Item = String> {
    static EMPTY: LazyLock<HashSet<&str>> = LazyLock::new(|| EMPTY_WORDS.split_whitespace().collect());
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.chars().count() >= 3)
        .map(str::to_lowercase)
        .filter(|word| !EMPTY.contains(word.as_str()))
        .map(|word| stem(&word).to_owned())
}

/// "Walked", "walking" and "walks" share "walk".
pub fn stem(word: &str) -> &str {
    let stem = ["ing", "ies", "ed", "es", "s"].iter().find_map(|ending| word.strip_suffix(ending));
    stem.filter(|stem| stem.len() >= 3).unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn english_is_told_from_other_languages() {
        for text in ["my wife's called Solveig", "flying scares me to death, always has", "I'm deaf in my left ear"] {
            assert!(is_english(text), "{text}");
        }
        for text in [
            "Me llamo Clara y vivo en Bilbao.",
            "Je suis allergique aux noix.",
            "ich habe Angst vor Hunden, schon immer",
            "Moro em Coimbra com a minha irmã.",
        ] {
            assert!(!is_english(text), "{text}");
        }
    }
}
