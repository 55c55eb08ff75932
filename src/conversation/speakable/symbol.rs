//! Characters that can't be said.

use std::sync::LazyLock;

use regex::Regex;

/// Emoji and their parts, other pictures, control and format characters. `°` is a symbol too, but "20 °C" is said.
static UNSPEAKABLE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"^[\p{Extended_Pictographic}\p{Emoji_Modifier}\p{Regional_Indicator}\p{So}\p{Sk}\p{C}\u{FE0E}\u{FE0F}\u{20E3}\u{2190}-\u{21FF}\u{27F0}-\u{27FF}\u{2900}-\u{297F}--[°]]$",
    )
    .expect("the pattern is constant")
});

pub(super) fn is_speakable(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control() && !matches!(c, '^' | '`' | '{' | '}' | '[' | ']' | '\\' | '|');
    }
    !UNSPEAKABLE.is_match(c.encode_utf8(&mut [0; 4]))
}
