//! From tokens to words with their times.

use std::ops::Range;
use std::time::Duration;

use super::text;
use crate::providers::stt::Word;

/// A token of text; times count from the start of the window.
pub(super) struct Piece {
    pub(super) bytes: Vec<u8>,
    pub(super) start: Duration,
    pub(super) end: Duration,
}

/// The words of a segment, each within its span and none before the one before it. A token that begins with a space begins
/// a word; where a language writes none, each character that is whole is one.
pub(super) fn of(pieces: &[Piece], span: Range<Duration>) -> Vec<Word> {
    let mut words: Vec<(Range<usize>, Word)> = Vec::new();
    let mut written = String::new();
    let mut open: Option<(Vec<u8>, Duration, Duration)> = None;
    let mut close = |open: Option<(Vec<u8>, Duration, Duration)>| {
        let Some((bytes, start, end)) = open else { return };
        let from = written.len();
        written.push_str(&String::from_utf8_lossy(&bytes));
        let text = written[from..].trim().to_owned();
        if !text.is_empty() {
            words.push((from..written.len(), Word { start, end, text }));
        }
    };
    for piece in pieces {
        let begins = match &open {
            None => true,
            Some((bytes, ..)) => piece.bytes.first() == Some(&b' ') || ends_ideograph(bytes) && begins_ideograph(piece),
        };
        if begins {
            close(open.take());
        }
        match &mut open {
            Some((bytes, _, end)) => {
                bytes.extend_from_slice(&piece.bytes);
                *end = (*end).max(piece.end);
            }
            None => open = Some((piece.bytes.clone(), piece.start, piece.end)),
        }
    }
    close(open);
    let sounds = text::sounds(&written);
    let spoken = |place: &Range<usize>| sounds.iter().all(|sound| sound.end <= place.start || place.end <= sound.start);
    let mut before = span.start;
    let words = words.into_iter().filter(|(place, _)| spoken(place)).map(|(_, mut word)| {
        word.start = word.start.clamp(before, span.end.max(before));
        word.end = word.end.clamp(word.start, span.end.max(word.start));
        before = word.end;
        word
    });
    words.collect()
}

/// Chinese, Japanese, Thai and their like are written without spaces.
fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

fn ends_ideograph(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).ok().and_then(|text| text.chars().next_back()).is_some_and(is_ideograph)
}

/// Or a character that only the next token ends.
fn begins_ideograph(piece: &Piece) -> bool {
    let bytes = &piece.bytes;
    match std::str::from_utf8(bytes) {
        Ok(text) => text.chars().next().is_some_and(is_ideograph),
        Err(_) => bytes.first().is_some_and(|byte| *byte >= 0xe0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(tokens: &[&[u8]]) -> Vec<Piece> {
        let at = |number: usize| Duration::from_millis(100 * number as u64);
        let pieces = tokens.iter().enumerate();
        pieces.map(|(number, bytes)| Piece { bytes: bytes.to_vec(), start: at(number), end: at(number + 1) }).collect()
    }

    fn told(tokens: &[&[u8]]) -> Vec<(String, u128, u128)> {
        let words = of(&pieces(tokens), Duration::ZERO..Duration::from_secs(1));
        words.into_iter().map(|word| (word.text, word.start.as_millis(), word.end.as_millis())).collect()
    }

    #[test]
    fn tokens_are_put_together_to_words() {
        let words = told(&[b" My", b" fel", b"low", b",", b" yes", b"."]);
        let expected = [("My", 0, 100), ("fellow,", 100, 400), ("yes.", 400, 600)];
        assert_eq!(words, expected.map(|(text, start, end)| (text.to_owned(), start, end)));
    }

    #[test]
    fn characters_without_spaces_are_words_of_their_own() {
        let (half, rest) = "好".as_bytes().split_at(2);
        let words: Vec<String> =
            told(&["你".as_bytes(), half, rest, "。".as_bytes()]).into_iter().map(|w| w.0).collect();
        assert_eq!(words, ["你", "好。"]);
    }

    #[test]
    fn sounds_are_no_words_and_times_stay_within_the_segment() {
        let words = told(&[b" Well", b" (", b"laugh", b"s", b")", b" no"]);
        assert_eq!(words.iter().map(|word| word.0.as_str()).collect::<Vec<_>>(), ["Well", "no"]);
        let late = of(&pieces(&[b" a", b" b"]), Duration::from_millis(150)..Duration::from_millis(160));
        assert!(
            late.iter().all(|word| word.start >= Duration::from_millis(150) && word.end <= Duration::from_millis(160))
        );
    }
}
