//! What Whisper writes that nobody said.

use std::sync::LazyLock;

use regex::Regex;

/// Descriptions of sounds: `[BLANK_AUDIO]`, `(music)`, `*coughs*`, and notes around what is sung.
static SOUNDS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\[[^\]]*\]|\([^)]*\)|\*[^*]*\*|[♪♫♬🎵🎶]").expect("the pattern is a constant"));

/// Where such descriptions stand.
pub(super) fn sounds(text: &str) -> Vec<std::ops::Range<usize>> {
    SOUNDS.find_iter(text).map(|found| found.range()).collect()
}

/// The words alone, with single spaces; empty where only punctuation is left.
pub(super) fn spoken(text: &str) -> String {
    let words = SOUNDS.replace_all(text, " ");
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().any(char::is_alphanumeric) { words } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sounds_are_left_out_and_words_kept() {
        assert_eq!(spoken(" [BLANK_AUDIO]"), "");
        assert_eq!(spoken(" (upbeat music) [Music] ♪ ♪ ..."), "");
        assert_eq!(spoken(" Well, (laughs) I don't *cough* know. "), "Well, I don't know.");
        assert_eq!(spoken(" 42."), "42.");
        assert_eq!(spoken("こんにちは"), "こんにちは");
    }
}
