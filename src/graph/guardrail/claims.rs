//! May Rose say this of the person and herself? A small model likes to claim a shared past; a sentence that nothing
//! bears out is not said. The patterns are data: `claims.toml` of the character.

use std::collections::HashSet;

use regex::{Regex, RegexBuilder, RegexSet};
use serde::Deserialize;
use unicode_segmentation::UnicodeSegmentation as _;

use super::patterns::{plain, set, whole_words};
use crate::language::en::words::content_stems;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    asking: String,
    recalling: Vec<String>,
    never: Vec<String>,
    supported: Vec<String>,
    acquainted: Vec<String>,
}

/// Why a claims file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ClaimsError {
    #[error("{0}")]
    Unreadable(#[from] toml::de::Error),
    #[error("a pattern can't be compiled: {0}")]
    Pattern(#[from] regex::Error),
}

pub struct Claims {
    asking: Regex,
    recalling: RegexSet,
    never: RegexSet,
    supported: RegexSet,
    acquainted: RegexSet,
}

/// What bears a claim out: what the person said, and the memories that this turn called up.
#[derive(Clone, Default)]
pub(super) struct Known {
    words: HashSet<String>,
    acquainted: bool,
}

impl Claims {
    /// # Errors
    /// Where the text is not such a file, or a pattern doesn't compile.
    pub fn parse(text: &str) -> Result<Self, ClaimsError> {
        let raw: Raw = toml::from_str(text)?;
        Ok(Self {
            asking: RegexBuilder::new(&whole_words(&raw.asking)).unicode(false).build()?,
            recalling: set(&raw.recalling)?,
            never: set(&raw.never)?,
            supported: set(&raw.supported)?,
            acquainted: set(&raw.acquainted)?,
        })
    }

    /// `told`: the person's messages; `remembered`: the memories called up; `acquainted`: the two have spoken before.
    pub(super) fn known<'a>(
        &self,
        told: impl Iterator<Item = &'a str>,
        remembered: impl Iterator<Item = &'a str>,
        acquainted: bool,
    ) -> Known {
        // A question after what was told tells nothing.
        let told = told.flat_map(|message| message.unicode_sentences());
        let told = told.filter(|sentence| !self.recalling.is_match(&plain(sentence)));
        Known { words: told.chain(remembered).flat_map(content_stems).collect(), acquainted }
    }

    /// Whether `sentence`, in [`plain`] words, claims nothing that `known` doesn't bear out.
    pub(super) fn allow(&self, sentence: &str, known: &Known) -> bool {
        let stated = self.asking.replace_all(sentence, "");
        !self.never.is_match(&stated)
            && (known.acquainted || !self.acquainted.is_match(&stated))
            && (!self.supported.is_match(&stated) || content_stems(&stated).any(|word| known.words.contains(&word)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(sentence: &str, known: &[&str]) -> bool {
        let claims = Claims::parse(include_str!("../../../character/rose/en/claims.toml")).unwrap();
        let known = claims.known(known.iter().copied(), std::iter::empty(), !known.is_empty());
        claims.allow(&plain(sentence), &known)
    }

    #[test]
    fn a_claim_that_nothing_bears_out_is_not_allowed() {
        for claim in [
            "As you told me before, you love tea.",
            "Last time we talked, you were sad.",
            "I remember when you started your new job.",
            "You mentioned your brother.",
            "It’s so good to see you again!",
            "I know that you always loved the sea.",
            "In our last conversation you sounded happier.",
        ] {
            assert!(!allowed(claim, &[]), "{claim}");
        }
    }

    #[test]
    fn a_memory_or_message_bears_a_claim_out() {
        assert!(allowed("As you told me before, you love tea.", &["They love green tea."]));
        assert!(allowed("You mentioned your brother.", &["my brother is coming over"]));
        assert!(allowed("It's so good to see you again!", &["hello"]));
        assert!(!allowed("You mentioned your brother.", &["They love green tea."]));
    }

    #[test]
    fn a_question_after_what_was_told_bears_nothing_out() {
        for question in [
            "Do you remember what I told you about my brother?",
            "What did I say about my brother",
            "Have I ever mentioned my brother to you?",
            "Do you still know when my brother comes?",
        ] {
            let claim = "Here is a bit of a story that you told me about your brother.";
            assert!(!allowed(claim, &[question]), "{question}");
            assert!(allowed(claim, &[question, "My brother plays the drums."]), "{question}");
            assert!(allowed(claim, &[&format!("My brother moved out. {question}")]), "{question}");
        }
    }

    #[test]
    fn a_past_in_common_is_never_allowed() {
        for claim in ["Remember when we went to the sea?", "We used to walk here."] {
            assert!(!allowed(claim, &["we went to the sea", "walk"]), "{claim}");
        }
    }

    #[test]
    fn everyday_sentences_are_allowed() {
        for sentence in [
            "I'm sorry that you had such a hard day.",
            "That sounds lovely, tell me more about it.",
            "You could try to remember what helped before.",
            "We can talk about it as long as you like.",
            "Have you told your sister?",
            "What did you say to him?",
            "It is good to hear from you.",
            "I'm a language model, not a person.",
        ] {
            assert!(allowed(sentence, &[]), "{sentence}");
        }
    }
}
