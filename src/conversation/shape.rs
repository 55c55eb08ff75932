//! The shape of a spoken reply: one to four finished sentences, not many words, nothing said twice, nothing claimed
//! that nothing bears out. Takes the pieces that the sentence cutter makes and says which of them are spoken.

use std::collections::HashSet;

use crate::graph::guardrail::{Grounds, Guardrail};

const MOST_SENTENCES: usize = 4;
const MOST_WORDS: usize = 60;
/// With fewer words left than this, no sentence is begun: it would hardly fit.
const LEAST_ROOM: usize = 14;

/// A part of the reply that is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// The next part of the reply's text: the pieces' texts joined are the reply.
    pub(super) text: String,
    /// What the voice reads; empty where the text is only a mark that ends what was read before.
    pub(super) spoken: String,
}

/// What becomes of the text that came in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Shaped {
    pub(super) pieces: Vec<Piece>,
    /// Nothing more is wanted.
    pub(super) enough: bool,
}

#[derive(Default)]
pub(super) struct Shaper {
    sentences: usize,
    words: usize,
    /// The clauses of the sentence that is being said.
    open: Option<Open>,
    /// The rest of a sentence that may not be said.
    skipping: bool,
    said: HashSet<String>,
}

struct Open {
    text: String,
    /// The clause's mark, held back until it is known whether the sentence goes on.
    mark: String,
}

impl Shaper {
    /// A clause, a sentence, or a part of a long one.
    pub(super) fn take(&mut self, piece: &str, guardrail: &Guardrail, grounds: &Grounds) -> Shaped {
        let ends = ends_sentence(piece);
        if self.skipping {
            self.skipping = !ends;
            return Shaped::default();
        }
        let sentence = match &self.open {
            Some(open) => format!("{}{} {piece}", open.text, open.mark),
            None => piece.to_owned(),
        };
        if !guardrail.allows(&sentence, grounds) {
            self.skipping = !ends;
            let pieces = self.close().into_iter().collect();
            return Shaped { pieces, enough: self.is_full() };
        }
        let words = piece.split_whitespace().count();
        let repeated = ends && self.said.contains(&folded(&sentence));
        if repeated || (self.words + words > MOST_WORDS && self.words > 0) {
            return Shaped { pieces: self.close().into_iter().collect(), enough: true };
        }
        self.words += words;
        let before = match &self.open {
            Some(open) => format!("{} ", open.mark),
            None if self.sentences > 0 => " ".to_owned(),
            None => String::new(),
        };
        if ends {
            self.open = None;
            self.sentences += 1;
            self.said.insert(folded(&sentence));
            let pieces = vec![Piece { text: format!("{before}{piece}"), spoken: piece.to_owned() }];
            return Shaped { pieces, enough: self.is_full() };
        }
        let stem = piece.trim_end_matches([',', ';', ':', '—', '-', ' ']);
        let mark = piece[stem.len()..].trim_end().to_owned();
        let said = &sentence[..sentence.len() - (piece.len() - stem.len())];
        self.open = Some(Open { text: said.to_owned(), mark });
        Shaped { pieces: vec![Piece { text: format!("{before}{stem}"), spoken: piece.to_owned() }], enough: false }
    }

    /// The end of the text, with what the cutter still held. `whole`: the model ended of itself, so that a missing mark
    /// is only a mark; else the last sentence is broken off, and dropped.
    pub(super) fn finish(
        &mut self,
        rest: Option<&str>,
        whole: bool,
        guardrail: &Guardrail,
        grounds: &Grounds,
    ) -> Vec<Piece> {
        let mut pieces = Vec::new();
        if let Some(rest) = rest {
            if ends_sentence(rest) {
                pieces.extend(self.take(rest, guardrail, grounds).pieces);
            } else if whole {
                let stem = rest.trim_end_matches(|c: char| !c.is_alphanumeric() && !matches!(c, ')' | '"' | '\''));
                pieces.extend(self.take(&format!("{stem}."), guardrail, grounds).pieces);
            }
        }
        pieces.extend(self.close());
        pieces
    }

    /// Ends the sentence that is being said where it stands.
    fn close(&mut self) -> Option<Piece> {
        self.open.take()?;
        self.sentences += 1;
        Some(Piece { text: ".".to_owned(), spoken: String::new() })
    }

    fn is_full(&self) -> bool {
        self.sentences >= MOST_SENTENCES || self.words + LEAST_ROOM > MOST_WORDS
    }
}

fn ends_sentence(piece: &str) -> bool {
    piece.trim_end_matches(['"', '\'', '”', '’', ')', ']']).ends_with(['.', '!', '?', '…', '。', '！', '？'])
}

fn folded(sentence: &str) -> String {
    sentence
        .to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::character::Character;
    use crate::providers::llm::Ability;

    fn guardrail() -> Guardrail {
        Character::load(None, "en", Ability::Small).unwrap().guardrail
    }

    /// The reply's text, what is spoken of it, and whether it was enough before the end.
    fn shaped(pieces: &[&str], rest: Option<&str>, whole: bool) -> (String, Vec<String>, bool) {
        let (guardrail, grounds) = (guardrail(), Grounds::default());
        let mut shaper = Shaper::default();
        let mut out = Vec::new();
        let mut enough = false;
        for piece in pieces {
            let next = shaper.take(piece, &guardrail, &grounds);
            out.extend(next.pieces);
            enough = next.enough;
            if enough {
                break;
            }
        }
        out.extend(shaper.finish(rest.filter(|_| !enough), whole, &guardrail, &grounds));
        let text = out.iter().map(|piece| piece.text.as_str()).collect();
        (text, out.into_iter().map(|piece| piece.spoken).filter(|spoken| !spoken.is_empty()).collect(), enough)
    }

    #[test]
    fn sentences_pass_as_they_are() {
        let (text, spoken, enough) = shaped(&["I hear you.", "That is hard,", "isn't it?"], None, true);
        assert_eq!(text, "I hear you. That is hard, isn't it?");
        assert_eq!(spoken, ["I hear you.", "That is hard,", "isn't it?"]);
        assert!(!enough);
    }

    #[test]
    fn four_sentences_are_enough() {
        let (text, _, enough) = shaped(&["One.", "Two.", "Three.", "Four.", "Five."], None, true);
        assert_eq!(text, "One. Two. Three. Four.");
        assert!(enough);
    }

    #[test]
    fn the_words_are_counted_before_the_next_sentence() {
        let long = format!("{}end.", "word ".repeat(29));
        let other = format!("{}stop.", "word ".repeat(29));
        let (text, _, enough) = shaped(&[&long, &other, "More."], None, true);
        assert_eq!(text.split_whitespace().count(), 60);
        assert!(enough);
        let (text, _, enough) = shaped(&[&long, &format!("one {other}"), "More."], None, true);
        assert_eq!(text, long);
        assert!(enough);
    }

    #[test]
    fn a_broken_off_sentence_is_dropped_and_a_missing_mark_is_set() {
        assert_eq!(shaped(&["I hear you."], Some("And then we"), false).0, "I hear you.");
        assert_eq!(shaped(&["I hear you."], Some("Take your time"), true).0, "I hear you. Take your time.");
        assert_eq!(shaped(&["I am glad that you came,"], Some("and that"), false).0, "I am glad that you came.");
        assert_eq!(shaped(&[], Some("And then we"), false).0, "");
    }

    #[test]
    fn a_sentence_said_twice_ends_the_reply() {
        let (text, _, enough) = shaped(&["I'm here.", "I'm  here!", "Yes."], None, true);
        assert_eq!(text, "I'm here.");
        assert!(enough);
    }

    #[test]
    fn a_claim_is_dropped_and_what_was_begun_is_ended() {
        assert_eq!(shaped(&["As you told me before, you love tea.", "Rest a little."], None, true).0, "Rest a little.");
        let (text, spoken, _) =
            shaped(&["I'm glad that you are here,", "as you told me last time,", "you love tea.", "Rest."], None, true);
        assert_eq!(text, "I'm glad that you are here. Rest.");
        assert_eq!(spoken, ["I'm glad that you are here,", "Rest."]);
    }
}
