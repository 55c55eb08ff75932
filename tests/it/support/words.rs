//! How near one text is to another, word by word.

fn words(text: &str) -> Vec<String> {
    let spoken: String =
        text.to_lowercase().chars().map(|c| if c.is_alphanumeric() || c == '\'' { c } else { ' ' }).collect();
    spoken.split_whitespace().map(str::to_owned).collect()
}

/// Edits from one to the other, over the words of `expected`; case and punctuation don't count.
pub fn word_error_rate(expected: &str, heard: &str) -> f64 {
    let expected = words(expected);
    strsim::generic_levenshtein(&expected, &words(heard)) as f64 / expected.len().max(1) as f64
}

#[test]
fn words_are_counted() {
    assert_eq!(word_error_rate("Ask not, what", "ask not what"), 0.0);
    assert_eq!(word_error_rate("a b c d", "a x c"), 0.5);
}
