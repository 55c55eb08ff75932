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
