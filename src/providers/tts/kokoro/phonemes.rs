//! From text to Kokoro's symbols, sentence by sentence, with the punctuation that it knows.

use super::language::Language;
use crate::providers::tts::Phonemes;
use crate::providers::tts::espeak::{self, EspeakError, Notation};

/// Marks that Kokoro learned and espeak-ng passes over. The others end a clause, and come from espeak-ng, which tells a
/// full stop from a decimal point.
const MARKS: &str = "\"“”()—…";

/// Guillemets are quotation marks to it.
const GUILLEMETS: [(char, char); 2] = [('«', '“'), ('»', '”')];

/// # Errors
/// Where espeak-ng lacks its data or the voice.
pub(super) fn sentences(language: &Language, text: &str) -> Result<Vec<Phonemes>, EspeakError> {
    let text: String = text.chars().map(quotation_mark).collect();
    let mut sentences = Sentences::default();
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        let length = match MARKS.contains(first) {
            true => first.len_utf8(),
            false => rest.find(|c| MARKS.contains(c)).unwrap_or(rest.len()),
        };
        let (section, after) = rest.split_at(length);
        rest = after;
        if MARKS.contains(first) {
            sentences.mark(section);
        } else {
            sentences.words(language, section)?;
        }
    }
    Ok(sentences.finish())
}

fn quotation_mark(c: char) -> char {
    GUILLEMETS.iter().find(|(guillemet, _)| *guillemet == c).map_or(c, |(_, mark)| *mark)
}

#[derive(Default)]
struct Sentences {
    whole: Vec<Phonemes>,
    sentence: String,
    /// White space stands before what comes next.
    space: bool,
    /// The sentence has its last word; a closing mark may follow.
    ended: bool,
}

impl Sentences {
    fn words(&mut self, language: &Language, words: &str) -> Result<(), EspeakError> {
        let words = self.close(words);
        self.space |= words.starts_with(char::is_whitespace);
        if words.trim().is_empty() {
            return Ok(());
        }
        for (at, clause) in espeak::clauses(language.espeak, words, Notation::Tied)?.into_iter().enumerate() {
            self.space |= at > 0;
            let said = language.symbols(&clause.phonemes);
            let said = said.trim();
            if !said.is_empty() {
                self.end();
                self.push(said);
            }
            self.sentence.push_str(clause.mark);
            self.ended = clause.ends_sentence && !clause.mark.is_empty();
        }
        self.space = words.ends_with(char::is_whitespace);
        Ok(())
    }

    /// Takes the marks that stand right behind a closing one, whose names espeak-ng would say.
    fn close<'w>(&mut self, words: &'w str) -> &'w str {
        let rest = words.trim_start_matches(['.', ',', ':', ';', '!', '?']);
        let marks = &words[..words.len() - rest.len()];
        // ".5" is a number.
        if marks.is_empty() || self.sentence.is_empty() || rest.starts_with(|c: char| c.is_ascii_digit()) {
            return words;
        }
        self.sentence.push_str(marks);
        self.ended = marks.contains(['.', '!', '?']);
        rest
    }

    fn mark(&mut self, mark: &str) {
        if self.space {
            self.end();
        }
        self.push(mark);
    }

    fn push(&mut self, symbols: &str) {
        if std::mem::take(&mut self.space) && !self.sentence.is_empty() {
            self.sentence.push(' ');
        }
        self.sentence.push_str(symbols);
    }

    fn end(&mut self) {
        if std::mem::take(&mut self.ended) {
            self.whole.push(std::mem::take(&mut self.sentence).chars().map(String::from).collect());
        }
    }

    fn finish(mut self) -> Vec<Phonemes> {
        self.ended = true;
        self.end();
        self.whole.retain(|sentence| !sentence.is_empty());
        self.whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(voice: &str, text: &str) -> Vec<String> {
        let language = Language::of(voice).expect("it is one");
        sentences(language, text).expect("espeak-ng works").into_iter().map(|sentence| sentence.concat()).collect()
    }

    #[test]
    fn punctuation_stays() {
        assert_eq!(said("af_heart", "Come in, rest; now!"), ["kˈʌm ˈɪn, ɹˈɛst; nˈW!"]);
        assert_eq!(
            said("af_heart", "She said, \"Come in.\" Then (softly): rest."),
            ["ʃi sˈɛd, \"kˈʌm ˈɪn.\"", "ðˈɛn (sˈɔftli): ɹˈɛst."]
        );
        assert_eq!(said("af_heart", "Wait—no… yes"), ["wˈAt—nˈO… jˈɛs"]);
    }

    #[derive(serde::Deserialize)]
    struct Case {
        voice: String,
        text: String,
        symbols: String,
    }

    /// `tests/fixtures/make_kokoro_fixture.py` made sound of the symbols.
    #[test]
    fn they_are_those_of_the_fixture() {
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../../../tests/fixtures/kokoro.json")).expect("the fixture is JSON");
        for case in cases {
            assert_eq!(said(&case.voice, &case.text), [case.symbols], "{}", case.text);
        }
    }

    #[test]
    fn a_point_in_a_number_ends_nothing() {
        let [sentence] = &said("af_heart", "It took 3.5 hours.")[..] else { panic!("one sentence") };
        assert!(sentence.contains("pYnt fˈIv") && sentence.matches('.').count() == 1, "{sentence}");
    }

    #[test]
    fn languages_differ() {
        assert_eq!(said("bf_emma", "There it goes."), ["ðɛːɹ ɪt ɡˈQz."]);
        assert_eq!(said("ef_dora", "Buenas noches."), ["bwˈenas nˈoʧes."]);
        assert_eq!(said("ff_siwis", "« Bonsoir. »"), ["“ bɔ̃swˈaʁ.", "”"]);
    }
}
