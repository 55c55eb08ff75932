//! Whether what a person has said so far reads finished: it decides how long a pause makes it Rose's turn. A transcript
//! made at a pause often ends with a full stop that the sentence does not have, so a full stop alone says little.

/// From least to most likely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Finished {
    No,
    Perhaps,
    Surely,
}

/// English words that a sentence seldom ends with.
const DANGLING: &[&str] = &[
    "a", "an", "and", "as", "at", "because", "but", "by", "for", "from", "if", "in", "into", "is", "like", "my", "not",
    "of", "on", "or", "our", "so", "than", "that", "the", "their", "then", "there's", "these", "this", "those", "to",
    "uh", "um", "very", "was", "were", "when", "where", "which", "while", "who", "with", "would", "your", "i", "i'm",
    "it's", "he", "she", "they", "we", "just", "really", "am", "are", "be", "been", "has", "have", "had", "will",
    "about", "can", "could", "should", "maybe", "also", "his", "its", "mr", "mrs", "dr",
];

/// What is often said whole in one or two words.
const WHOLE: &[&str] = &[
    "yes",
    "yeah",
    "no",
    "nope",
    "okay",
    "ok",
    "sure",
    "thanks",
    "thank you",
    "hello",
    "hi",
    "hey",
    "goodbye",
    "bye",
    "good morning",
    "good night",
    "good evening",
    "stop",
    "please",
    "yes please",
    "no thanks",
    "never mind",
    "hi rose",
    "hello rose",
    "hey rose",
    "thank you rose",
    "bye rose",
    "goodbye rose",
    "good night rose",
    "good morning rose",
];

/// Fewer words with a full stop behind them are a beginning more often than a sentence.
const LEAST_WORDS: usize = 4;

pub(super) fn finished(transcript: &str) -> Finished {
    let text = transcript.trim().trim_end_matches(['"', '\'', '”', '’', ')']);
    let words: Vec<String> = text
        .to_lowercase()
        .split(|c: char| !(c.is_alphanumeric() || c == '\''))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    let Some(last) = words.last() else { return Finished::No };
    if text.ends_with("...") || text.ends_with(['…', ',', ';', ':', '-', '—']) {
        return Finished::No;
    }
    if WHOLE.contains(&words.join(" ").as_str()) || text.ends_with(['?', '？']) {
        return Finished::Surely;
    }
    let ended = text.ends_with(['.', '!', '。', '！']);
    if ended && words.len() >= LEAST_WORDS && !DANGLING.contains(&last.as_str()) {
        return Finished::Perhaps;
    }
    Finished::No
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_and_short_answers_are_finished() {
        for text in ["How are you today?", "Yes.", "thank you", "Good morning, Rose!", "Is it \"late?\""] {
            assert_eq!(finished(text), Finished::Surely, "{text}");
        }
    }

    #[test]
    fn a_sentence_may_go_on() {
        for text in ["I went to see my sister today.", "That was a long day!"] {
            assert_eq!(finished(text), Finished::Perhaps, "{text}");
        }
    }

    #[test]
    fn beginnings_are_not_finished() {
        let beginnings =
            ["", "...", "And so my fellow", "I went to the.", "She told me that,", "Well...", "And so, Americans."];
        for text in beginnings {
            assert_eq!(finished(text), Finished::No, "{text}");
        }
    }
}
