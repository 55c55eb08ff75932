//! What Kokoro's voices speak, and how espeak-ng's phonemes become the symbols that they learned.
//!
//! As its own front ends do it where they take espeak-ng: hexgrad/misaki, `misaki/espeak.py`, and `LANG_CODES` of
//! hexgrad/kokoro, `kokoro/pipeline.py`. Its voices for Japanese and Chinese are left out: they learned the phonemes of
//! other programs, which espeak-ng's are not.

use crate::providers::tts::espeak::TIE;

/// A language of its voices.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Language {
    /// What the names of its voices begin with.
    initial: char,
    /// As a tag of BCP 47.
    pub(super) tag: &'static str,
    /// espeak-ng's voice.
    pub(super) espeak: &'static str,
    sounds: Sounds,
    /// Its level and statistics stand for the voice's: questions and statements, vowels, stops, sibilants, pauses.
    pub(super) calibration: &'static str,
}

#[derive(Debug, PartialEq, Eq)]
enum Sounds {
    American,
    British,
    Others,
}

static LANGUAGES: [Language; 7] = [
    Language {
        initial: 'a',
        tag: "en-US",
        espeak: "en-us",
        sounds: Sounds::American,
        calibration: "Tonight the kettle is on, and there is a chair by the fire for you. What would help you feel a \
                      little calmer before you go to sleep?",
    },
    Language {
        initial: 'b',
        tag: "en-GB",
        espeak: "en",
        sounds: Sounds::British,
        calibration: "Tonight the kettle is on, and there is a chair by the fire for you. What would help you feel a \
                      little calmer before you go to sleep?",
    },
    Language {
        initial: 'e',
        tag: "es",
        espeak: "es",
        sounds: Sounds::Others,
        calibration: "Esta noche hay una silla para ti junto al fuego. ¿Qué te ayudaría a dormir un poco mejor?",
    },
    Language {
        initial: 'f',
        tag: "fr-FR",
        espeak: "fr",
        sounds: Sounds::Others,
        calibration: "Ce soir, il y a une chaise pour toi près du feu. Qu'est-ce qui t'aiderait à mieux dormir ?",
    },
    Language {
        initial: 'h',
        tag: "hi",
        espeak: "hi",
        sounds: Sounds::Others,
        calibration: "आज रात आग के पास तुम्हारे लिए एक कुर्सी है। तुम्हें अच्छी नींद के लिए क्या चाहिए?",
    },
    Language {
        initial: 'i',
        tag: "it",
        espeak: "it",
        sounds: Sounds::Others,
        calibration: "Stasera c'è una sedia per te vicino al fuoco. Che cosa ti aiuterebbe a dormire un po' meglio?",
    },
    Language {
        initial: 'p',
        tag: "pt-BR",
        espeak: "pt-br",
        sounds: Sounds::Others,
        calibration: "Esta noite há uma cadeira para você perto do fogo. O que ajudaria você a dormir um pouco melhor?",
    },
];

/// Made one after the other; what is longer stands before what it begins with.
type Changes = &'static [(&'static str, &'static str)];

const ENGLISH: Changes = &[
    ("ʔˌn\u{329}", "tn"),
    ("ʔn\u{329}", "tn"),
    ("ʔn", "tn"),
    ("ʔ", "t"),
    ("a^ɪ", "I"),
    ("a^ʊ", "W"),
    ("d^ʒ", "ʤ"),
    ("e^ɪ", "A"),
    // British English only.
    ("e^ə", "ɛː"),
    ("t^ʃ", "ʧ"),
    ("ɔ^ɪ", "Y"),
    ("ə^l", "ᵊl"),
    ("e", "A"),
    ("ʲo", "jo"),
    ("ʲə", "jə"),
    ("ʲ", ""),
    ("ɚ", "əɹ"),
    ("r", "ɹ"),
    ("x", "k"),
    ("ç", "k"),
    ("ɐ", "ə"),
    ("ɬ", "l"),
    ("\u{303}", ""),
];

/// The flap of "better" has a symbol of its own.
const AMERICAN: Changes = &[("o^ʊ", "O"), ("ɜːɹ", "ɜɹ"), ("ɜː", "ɜɹ"), ("ɪə", "iə"), ("ː", ""), ("ɾ", "T"), ("o", "ɔ")];

const BRITISH: Changes = &[("i^ə", "ɪə"), ("iə", "ɪə"), ("ə^ʊ", "Q"), ("o", "ɔ")];

const OTHERS: Changes = &[
    ("a^ɪ", "I"),
    ("a^ʊ", "W"),
    ("d^z", "ʣ"),
    ("d^ʒ", "ʤ"),
    ("e^ɪ", "A"),
    ("o^ʊ", "O"),
    ("ə^ʊ", "Q"),
    ("s^s", "S"),
    ("t^s", "ʦ"),
    ("t^ʃ", "ʧ"),
    ("ɔ^ɪ", "Y"),
    ("-", ""),
];

/// Under a consonant that is a syllable of its own.
const SYLLABIC: char = '\u{329}';

impl Language {
    /// Of the voice of that name, such as `af_heart`; `None` where no phonemes can be had for it.
    pub(super) fn of(voice: &str) -> Option<&'static Self> {
        LANGUAGES.iter().find(|language| voice.starts_with(language.initial))
    }

    /// Kokoro's symbols for a clause that espeak-ng gave with its ties.
    pub(super) fn symbols(&self, phonemes: &str) -> String {
        let changed = match self.sounds {
            Sounds::American => change(&syllables(&change(phonemes, ENGLISH)), AMERICAN),
            Sounds::British => change(&syllables(&change(phonemes, ENGLISH)), BRITISH),
            Sounds::Others => change(phonemes, OTHERS),
        };
        changed.replace(TIE, "")
    }
}

fn change(phonemes: &str, changes: Changes) -> String {
    changes.iter().fold(phonemes.to_owned(), |said, (old, new)| said.replace(old, new))
}

/// A syllabic consonant has a short vowel before it instead of the mark under it.
fn syllables(phonemes: &str) -> String {
    let mut said = String::with_capacity(phonemes.len());
    let mut symbols = phonemes.chars().peekable();
    while let Some(symbol) = symbols.next() {
        let syllabic = !symbol.is_whitespace() && symbols.next_if_eq(&SYLLABIC).is_some();
        if syllabic {
            said.push('ᵊ');
        }
        if symbol != SYLLABIC {
            said.push(symbol);
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbols(voice: &str, phonemes: &str) -> String {
        Language::of(voice).expect("it is one").symbols(phonemes)
    }

    #[test]
    fn american_english() {
        for (phonemes, expected) in [
            ("ɡˈʊd ˈiːvnɪŋ", "ɡˈʊd ˈivnɪŋ"),
            ("a^ɪ t^ʃˈuːz d^ʒˈɔ^ɪ nˈa^ʊ", "I ʧˈuz ʤˈY nˈW"),
            ("ðə kˈɛɾə^l", "ðə kˈɛTᵊl"),
            ("bˈʌʔn\u{329} wˈɔːɾɚ nˈɜːs", "bˈʌtn wˈɔTəɹ nˈɜɹs"),
            ("ɡˈo^ʊ pˈe^ɪ", "ɡˈO pˈA"),
        ] {
            assert_eq!(symbols("af_heart", phonemes), expected);
        }
    }

    #[test]
    fn british_english() {
        for (phonemes, expected) in
            [("nˈi^ə ðˈe^ə", "nˈɪə ðˈɛː"), ("ɡˈə^ʊ nˈɜːs", "ɡˈQ nˈɜːs"), ("ɹˈɪðm\u{329}", "ɹˈɪðᵊm")]
        {
            assert_eq!(symbols("bf_emma", phonemes), expected);
        }
    }

    #[test]
    fn other_languages() {
        assert_eq!(symbols("if_sara", "raɡˈat^sːo"), "raɡˈaʦːo");
        assert_eq!(symbols("pf_dora", "nˈo^ɪt^ʃy va^ɪ"), "nˈoɪʧy vI");
        assert!(Language::of("jf_alpha").is_none() && Language::of("zf_xiaoni").is_none());
    }
}
