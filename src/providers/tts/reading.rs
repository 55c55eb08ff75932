//! What every local voice does to a text before espeak-ng reads it: small repairs where it would pause in the wrong place
//! or not at all.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::language::en::spoken::spoken;

/// espeak-ng gives no mark for it, and runs the words around it into one: "yet... I" is "yettie".
static ELLIPSIS: LazyLock<Regex> = LazyLock::new(|| pattern(r#"\s*(?:\.{2,}|…)+(["'”’)]*)(\s*)(.)?"#));

/// espeak-ng passes over a dash without a pause.
static DASH: LazyLock<Regex> = LazyLock::new(|| pattern(r"(.)?(?:\s*(?:—|--)\s*|\s+[–-]\s+)"));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the pattern is constant")
}

/// As the voice of this language of espeak-ng's is to read it.
pub(super) fn prepare(text: &str, language: &str) -> String {
    let text = if language.starts_with("en") { Cow::Owned(spoken(text)) } else { Cow::Borrowed(text) };
    let text = ELLIPSIS.replace_all(&text, |found: &Captures<'_>| {
        let (quotes, space, next) = (&found[1], &found[2], found.get(3).map_or("", |next| next.as_str()));
        let goes_on = next.chars().next().is_some_and(|c| c.is_lowercase() || c.is_ascii_digit());
        match (next.is_empty(), goes_on) {
            (false, true) => format!(",{quotes} {next}"),
            // Other marks say themselves what they are: "Really...?"
            (false, false) if space.is_empty() && !next.starts_with(char::is_alphabetic) => format!("{quotes}{next}"),
            (false, false) => format!(".{quotes} {next}"),
            (true, _) => format!(".{quotes}"),
        }
    });
    DASH.replace_all(&text, |found: &Captures<'_>| match found.get(1).map(|before| before.as_str()) {
        None => String::new(),
        Some(before) if before.ends_with([',', ';', ':', '.', '!', '?']) => format!("{before} "),
        Some(before) => format!("{before}, "),
    })
    .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_espeak_misreads_is_mended() {
        for (text, expected) in [
            ("Dr. Smith met St. Mary... at 8:00.", "Doctor Smith met Saint Mary, at eight o'clock."),
            ("Don't go yet... I have something.", "Don't go yet. I have something."),
            ("Well… maybe. And...", "Well, maybe. And."),
            ("Really...? \"Oh...\" Yes", "Really? \"Oh.\" Yes"),
            ("I waited—and left – then - slept -- well.", "I waited, and left, then, slept, well."),
            ("Yes, — no. — Never", "Yes, no. Never"),
        ] {
            assert_eq!(prepare(text, "en-us"), expected);
        }
    }

    #[test]
    fn other_languages_keep_their_numbers() {
        assert_eq!(prepare("Um 8:00 Uhr... bei Dr. Meier.", "de"), "Um 8:00 Uhr, bei Dr. Meier.");
    }

    #[test]
    fn the_rest_stays() {
        for text in ["Good evening, my dear; it's late.", "A well-known and half-forgotten tale. I am here."] {
            assert_eq!(prepare(text, "en-gb"), text);
        }
    }
}
