//! How far what was heard is from what was said.

/// [`word_errors`] by the number of words of `reference`: 0 where they are the same, above 1 where more was made up than
/// said.
pub fn word_error_rate(reference: &str, hypothesis: &str) -> f64 {
    let (errors, words) = word_errors(reference, hypothesis);
    errors as f64 / words.max(1) as f64
}

/// The least number of words to insert, delete or replace to make `reference` of `hypothesis`, and the number of words of
/// `reference`. Case, punctuation and hyphens don't count, nor does whether a title is written out ("Mr." is "mister");
/// digits are words as they stand.
pub fn word_errors(reference: &str, hypothesis: &str) -> (usize, usize) {
    let (reference, hypothesis) = (words(reference), words(hypothesis));
    (strsim::generic_levenshtein(&reference, &hypothesis), reference.len())
}

fn words(text: &str) -> Vec<String> {
    let lowered = text.to_lowercase();
    let spaced: String = lowered
        .chars()
        // An apostrophe joins ("don't" is one word), anything else parts.
        .filter(|c| !matches!(c, '\'' | '’'))
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .collect();
    spaced.split_whitespace().map(|word| written_out(word).to_owned()).collect()
}

/// Titles as they are spoken, of those that Whisper's English normaliser knows.
fn written_out(word: &str) -> &str {
    match word {
        "mr" => "mister",
        "mrs" => "missus",
        "dr" => "doctor",
        "prof" => "professor",
        "jr" => "junior",
        "sr" => "senior",
        word => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_heard_in_writing_does_not_count() {
        assert_eq!(word_error_rate("mister john dashwood", " Mr. John Dashwood,"), 0.0);
        assert_eq!(word_error_rate("cold hearted, don't", "Cold-hearted! Don’t"), 0.0);
        assert_eq!(word_error_rate("", " ...!"), 0.0);
        assert_eq!(word_error_rate("żółć i 42", "Żółć I 42."), 0.0);
    }

    #[test]
    fn each_wrong_word_counts_once() {
        assert_eq!(word_error_rate("a b c d", "a x c d"), 0.25, "replaced");
        assert_eq!(word_error_rate("a b c d", "a c d"), 0.25, "left out");
        assert_eq!(word_error_rate("a b c d", "a b b c d"), 0.25, "put in");
        assert_eq!(word_error_rate("a b c d", ""), 1.0);
        assert_eq!(word_error_rate("a", "b c d"), 3.0);
        assert_eq!(word_error_rate("", "b c"), 2.0);
    }

    #[test]
    fn numerals_are_kept() {
        assert_eq!(word_error_rate("it was 5 to 10", "it was five to 10"), 0.2);
    }
}
