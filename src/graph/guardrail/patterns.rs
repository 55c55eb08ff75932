//! Patterns over plain words, as the character's files write them.

use regex::{RegexSet, RegexSetBuilder};

/// In lower case, with every other sign than a letter or digit as one space: "You've" is "you ve".
pub fn plain(text: &str) -> String {
    let lower = text.to_lowercase().replace(|c: char| !c.is_alphanumeric(), " ");
    lower.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// # Errors
/// Where one doesn't compile.
pub(super) fn set(patterns: &[String]) -> Result<RegexSet, regex::Error> {
    // ASCII word boundaries: the Unicode ones make compiling slow.
    RegexSetBuilder::new(patterns.iter().map(|pattern| whole_words(pattern))).unicode(false).build()
}

pub(super) fn whole_words(pattern: &str) -> String {
    format!(r"\b(?:{pattern})\b")
}
