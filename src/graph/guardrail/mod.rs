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

/// "My two old dogs": so far behind "my" its noun may stand.
const WORDS_BEHIND_MY: usize = 2;
/// Words behind "my" that are nobody's in particular.
const HERS_TOO: [&str; 12] =
    ["dear", "friend", "love", "name", "voice", "words", "own", "heart", "mind", "turn", "is", "and"];

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
    /// What the person called theirs: "my cat".
    theirs: HashSet<String>,
    minor: bool,
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
    /// The person is under 18.
    pub minor: bool,
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
        let theirs = basis.told.iter().flat_map(|message| owned(&plain(message))).collect();
        Grounds { known: known.unwrap_or_default(), said, theirs, minor: basis.minor }
    }

    /// Whether `sentence` may be said.
    pub fn allows(&self, sentence: &str, grounds: &Grounds) -> bool {
        let plain = plain(sentence);
        !grounds.said.contains(&plain)
            && !owned(&plain).iter().any(|word| grounds.theirs.contains(word))
            && self.guidance.allows(&plain, grounds.minor)
            && self.claims.as_ref().is_none_or(|claims| claims.allow(&plain, &grounds.known))
    }
}

/// What stands behind each "my" of a text in [`plain`] words: "my little brother" gives "little" and "brother".
fn owned(plain: &str) -> Vec<String> {
    let words: Vec<&str> = plain.split(' ').collect();
    let behind = |at: usize| words[at + 1..].iter().take(WORDS_BEHIND_MY).filter(|word| !HERS_TOO.contains(word));
    let mine = words.iter().enumerate().filter(|(_, word)| **word == "my");
    mine.flat_map(|(at, _)| behind(at)).map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(sentence: &str, told: &[&str], replies: &[&str]) -> bool {
        let guidance = Guidance::parse(include_str!("../../../character/rose/en/guidance.toml"), "Rose").unwrap();
        let guardrail = Guardrail::new(None, guidance);
        let basis = Basis {
            told: told.to_vec(),
            remembered: Vec::new(),
            acquainted: false,
            replies: replies.to_vec(),
            minor: false,
        };
        guardrail.allows(sentence, &guardrail.grounds(&basis))
    }

    fn allowed(sentence: &str, replies: &[&str]) -> bool {
        judged(sentence, &[], replies)
    }

    #[test]
    fn what_is_theirs_is_not_hers() {
        let told =
            ["My cat Pepper died on Sunday.", "what was my cat's name again", "I miss my little brother, my dear"];
        assert!(!judged("My cat's name was Pepper.", &told, &[]));
        assert!(!judged("I miss my brother too.", &told, &[]));
        assert!(judged("Your cat's name was Pepper.", &told, &[]));
        assert!(judged("I hear you, my dear.", &told, &[]));
        assert!(judged("My words are yours.", &told, &[]));
    }

    #[test]
    fn what_a_service_desk_says_is_not_said() {
        for said in [
            "Is there anything else I can help you with?",
            "Feel free to ask.",
            "I'm here to help if you need anything.",
            "I remember you, Rose.",
        ] {
            assert!(!allowed(said, &[]), "{said}");
        }
        for said in [
            "I'm here, and I listen.",
            "Can I help you with the rug?",
            "Do you need anything from the shop?",
            "I'm Rose.",
        ] {
            assert!(allowed(said, &[]), "{said}");
        }
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
