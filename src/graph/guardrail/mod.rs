//! The output guardrail: which sentences of a model's reply are said. Judged one by one, before they are spoken.

mod claims;
mod guidance;
mod patterns;

use std::collections::HashSet;

use unicode_segmentation::UnicodeSegmentation as _;

pub use claims::{Claims, ClaimsError};
pub use guidance::{Guidance, GuidanceError, Topic};
pub use patterns::plain;

use claims::Known;

/// Sentences shorter than this may be said again: "Yes, I do."
const LEAST_WORDS_OF_A_REPEAT: usize = 4;

pub struct Guardrail {
    /// For a small model only: a larger one seldom claims a shared past, and loses harmless sentences to them.
    claims: Option<Claims>,
    guidance: Guidance,
}

/// What a reply is judged by.
#[derive(Clone, Default)]
pub struct Grounds {
    known: Known,
    /// The sentences of the last replies, in plain words.
    said: HashSet<String>,
}

/// What a conversation holds when a reply begins.
pub struct Basis<'a> {
    /// The person's messages.
    pub told: Vec<&'a str>,
    /// The memories that this turn called up.
    pub remembered: Vec<&'a str>,
    /// The two have spoken before.
    pub acquainted: bool,
    /// The replies that must not be given again.
    pub replies: Vec<&'a str>,
}

impl Guardrail {
    pub fn new(claims: Option<Claims>, guidance: Guidance) -> Self {
        Self { claims, guidance }
    }

    pub fn guidance(&self) -> &Guidance {
        &self.guidance
    }

    pub fn grounds(&self, basis: &Basis<'_>) -> Grounds {
        let known = self
            .claims
            .as_ref()
            .map(|claims| claims.known(basis.told.iter().copied(), basis.remembered.iter().copied(), basis.acquainted));
        let said = basis.replies.iter().flat_map(|reply| reply.unicode_sentences()).map(plain);
        let said = said.filter(|sentence| sentence.split(' ').count() >= LEAST_WORDS_OF_A_REPEAT).collect();
        Grounds { known: known.unwrap_or_default(), said }
    }

    /// Whether `sentence` may be said.
    pub fn allows(&self, sentence: &str, grounds: &Grounds) -> bool {
        let plain = plain(sentence);
        !grounds.said.contains(&plain)
            && self.guidance.allows(&plain)
            && self.claims.as_ref().is_none_or(|claims| claims.allow(&plain, &grounds.known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(sentence: &str, replies: &[&str]) -> bool {
        let guidance = Guidance::parse(include_str!("../../../character/rose/en/guidance.toml"), "Rose").unwrap();
        let guardrail = Guardrail::new(None, guidance);
        let basis = Basis { told: Vec::new(), remembered: Vec::new(), acquainted: false, replies: replies.to_vec() };
        guardrail.allows(sentence, &guardrail.grounds(&basis))
    }

    #[test]
    fn a_sentence_of_the_last_replies_is_not_said_again() {
        let replies = ["That sounds hard. Yes, it does. What made it so long?"];
        assert!(!allowed("What made it so long?", &replies));
        assert!(!allowed("what made it so long", &replies));
        assert!(allowed("What made the day so long?", &replies));
        assert!(allowed("Yes, it does.", &replies), "what is short may come again");
    }

    #[test]
    fn an_able_model_may_say_what_a_small_one_may_not() {
        assert!(allowed("I'm a language model.", &[]));
        assert!(allowed("I know you have a lot on your plate.", &[]));
    }
}
