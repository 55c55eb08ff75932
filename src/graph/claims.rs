//! May Rose say this of the person and herself? A small model likes to claim a shared past; a sentence that nothing
//! bears out is not said. The patterns are data: `character/claims.toml`.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use serde::Deserialize;
use unicode_segmentation::UnicodeSegmentation as _;

/// Words that say nothing of what a sentence is about.
const EMPTY_WORDS: &str = "about after again all always and any are because been before being but came can come could \
    day did does doing done earlier else ever every feel feeling for from gave get give going good got had has have \
    having hear heard her here him his how into its just know last let like little made make many may mention \
    mentioned more much must never not now once one other our out over really remember said same say says see she \
    should some something still such talk talked talking tell telling than that the their them then there these they \
    thing things think this those time today told too two very want wanted was way week well were what when where \
    which while who why will with would year yes you your yours yourself";

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
pub struct Grounds {
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
            recalling: patterns(&raw.recalling)?,
            never: patterns(&raw.never)?,
            supported: patterns(&raw.supported)?,
            acquainted: patterns(&raw.acquainted)?,
        })
    }

    /// `told`: the person's messages; `remembered`: the memories called up; `acquainted`: the two have spoken before.
    pub fn grounds<'a>(
        &self,
        told: impl Iterator<Item = &'a str>,
        remembered: impl Iterator<Item = &'a str>,
        acquainted: bool,
    ) -> Grounds {
        // A question after what was told tells nothing.
        let told = told.flat_map(|message| message.unicode_sentences());
        let told = told.filter(|sentence| !self.recalling.is_match(&lowered(sentence)));
        Grounds { words: told.chain(remembered).flat_map(telling_words).collect(), acquainted }
    }

    /// Whether `sentence` claims nothing that `grounds` doesn't bear out.
    pub fn allows(&self, sentence: &str, grounds: &Grounds) -> bool {
        let lowered = lowered(sentence);
        let lowered = self.asking.replace_all(&lowered, "");
        !self.never.is_match(&lowered)
            && (grounds.acquainted || !self.acquainted.is_match(&lowered))
            && (!self.supported.is_match(&lowered) || telling_words(&lowered).any(|word| grounds.words.contains(&word)))
    }
}

/// In lower case, with every other sign than a letter or digit as one space.
fn lowered(sentence: &str) -> String {
    let lowered = sentence.to_lowercase().replace(|c: char| !c.is_alphanumeric(), " ");
    lowered.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn patterns(patterns: &[String]) -> Result<RegexSet, regex::Error> {
    // ASCII word boundaries: the Unicode ones make compiling slow, and the patterns are English.
    RegexSetBuilder::new(patterns.iter().map(|pattern| whole_words(pattern))).unicode(false).build()
}

fn whole_words(pattern: &str) -> String {
    format!(r"\b(?:{pattern})\b")
}

/// The words that tell what a text is about, cut to what their forms share.
fn telling_words(text: &str) -> impl Iterator<Item = String> {
    static EMPTY: LazyLock<HashSet<&str>> = LazyLock::new(|| EMPTY_WORDS.split_whitespace().collect());
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.chars().count() >= 3)
        .map(str::to_lowercase)
        .filter(|word| !EMPTY.contains(word.as_str()))
        .map(|word| {
            let stem = ["ing", "ies", "ed", "es", "s"].iter().find_map(|ending| word.strip_suffix(ending));
            stem.filter(|stem| stem.len() >= 3).map_or(word.clone(), str::to_owned)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(sentence: &str, known: &[&str]) -> bool {
        let claims = Claims::parse(include_str!("../../character/claims.toml")).unwrap();
        let grounds = claims.grounds(known.iter().copied(), std::iter::empty(), !known.is_empty());
        claims.allows(sentence, &grounds)
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
        for claim in ["Remember when we went to the sea?", "We used to walk here.", "I'm a language model."] {
            assert!(!allowed(claim, &["we went to the sea", "walk", "language model"]), "{claim}");
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
        ] {
            assert!(allowed(sentence, &[]), "{sentence}");
        }
    }
}
