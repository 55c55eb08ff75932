//! Cuts a sentence's phonemes where a speaker may breathe, so that its first sound comes early, a cancelled one stops
//! soon, and an endless one doesn't fill the memory.

use super::Phonemes;

/// Where a voice's sentences are cut, in phonemes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lengths {
    /// A sentence up to this long is spoken in one go.
    pub(super) whole: usize,
    /// A piece ends at the first clause beyond this; shorter pieces sound torn off.
    pub(super) shortest: usize,
    /// A piece without a clause ends between words, here.
    pub(super) longest: usize,
}

/// The pieces, joined, are the sentence; none is longer than `whole` and `longest`.
pub(super) fn cut(mut sentence: Phonemes, lengths: Lengths) -> Vec<Phonemes> {
    let Lengths { whole, shortest, .. } = lengths;
    let longest = lengths.longest.max(whole);
    let mut pieces = Vec::new();
    while sentence.len() > whole {
        let end = clause_end(&sentence, shortest, longest)
            .or_else(|| word_end(&sentence[..longest.min(sentence.len())], shortest))
            .unwrap_or(longest);
        if end >= sentence.len() {
            break;
        }
        let rest = sentence.split_off(end);
        pieces.push(std::mem::replace(&mut sentence, rest));
    }
    pieces.push(sentence);
    pieces
}

/// Behind the white space of the first clause beyond `shortest`.
fn clause_end(phonemes: &[String], shortest: usize, longest: usize) -> Option<usize> {
    let clauses = phonemes.windows(2).enumerate().skip(shortest);
    let mut ends =
        clauses.filter(|(_, pair)| matches!(pair[0].as_str(), "," | ";" | ":" | "." | "!" | "?") && pair[1] == " ");
    let end = ends.next()?.0 + 2;
    // What is left must not be torn off either.
    (end <= longest && phonemes.len() - end >= shortest / 2).then_some(end)
}

fn word_end(phonemes: &[String], shortest: usize) -> Option<usize> {
    phonemes.iter().rposition(|phoneme| phoneme == " ").map(|at| at + 1).filter(|end| *end > shortest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTHS: Lengths = Lengths { whole: 110, shortest: 35, longest: 220 };
    const ENDLESS: Lengths = Lengths { whole: 880, shortest: 880, longest: 880 };

    fn phonemes(text: &str) -> Phonemes {
        text.chars().map(String::from).collect()
    }

    #[test]
    fn a_short_sentence_stays_whole() {
        let sentence = phonemes("kˈʌm ˈɪn, sˈɪt dˈaʊn, ænd ɹˈɛst.");
        assert_eq!(cut(sentence.clone(), LENGTHS), [sentence]);
    }

    #[test]
    fn a_long_sentence_is_cut_at_its_clauses() {
        let clause = "ænd ðˈɛn wiː wˈɔːkt ˈɔn ɐlˈɔŋ ðə ɹˈɪvɚ, ";
        let pieces = cut(phonemes(&clause.repeat(6)), LENGTHS);
        // The last two are short enough together.
        assert_eq!(pieces.len(), 5);
        assert!(pieces[..4].iter().all(|piece| piece.concat() == clause));
        assert_eq!(pieces[4].concat(), clause.repeat(2));
    }

    #[test]
    fn an_endless_sentence_is_cut_all_the_same() {
        for text in ["wˈɜːd ".repeat(500), "aː".repeat(3000)] {
            for lengths in [LENGTHS, ENDLESS] {
                let pieces = cut(phonemes(&text), lengths);
                assert!(pieces.len() > 1);
                assert!(pieces.iter().all(|piece| piece.len() <= lengths.longest));
                assert_eq!(pieces.concat(), phonemes(&text));
            }
        }
    }
}
