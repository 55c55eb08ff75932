//! A linear classifier over the local model's own state: what the model "thinks" after it was asked whether someone is in
//! danger, before it says a word. It costs the computing of the message, and gives the same answer every time.

mod fit;
mod train;
mod weights;

use std::sync::Arc;

pub use train::{Trained, TrainingError, train};
pub use weights::{Weights, WeightsError};

use super::Kind;
use crate::providers::ProviderError;
use crate::providers::llm::{HiddenStates, Question};

/// What the model is asked. Weights are trained for just this.
pub(crate) const QUESTION: Question = Question {
    before: "A person talks to a companion. A careful listener hears whether someone is in danger: thoughts of death, \
             self-harm, too many pills or poison, starving or purging, violence or abuse, a child at risk, an \
             emergency of the body, somebody else in danger. Sayings, films, books, work, sport and things long past \
             are no danger.\n\nThe person says: \"",
    after: "\"\n\nIs someone in danger? The answer is",
};

/// Of what was said before, the last part that fits.
const MOST_EARLIER_CHARS: usize = 400;

/// A longer message is judged in parts, and by its worst one.
const PART_CHARS: usize = 1200;

/// What the probe makes of a message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Log odds that it speaks of danger.
    pub score: f32,
    /// The likeliest kind, were it danger.
    pub kind: Kind,
}

pub struct Probe {
    states: Arc<dyn HiddenStates>,
    weights: Weights,
}

impl Probe {
    /// `states` read the layer that the weights are for.
    pub fn new(states: Arc<dyn HiddenStates>, weights: Weights) -> Self {
        Self { states, weights }
    }

    /// From these scores on a message is of concern, or danger.
    pub fn thresholds(&self) -> (f32, f32) {
        (self.weights.concern, self.weights.danger)
    }

    /// Judges the last of `said`, the others as what came before it.
    ///
    /// # Errors
    /// The model's own.
    pub async fn read(&self, said: &[&str]) -> Result<Reading, ProviderError> {
        let mut worst: Option<Reading> = None;
        for text in texts(said) {
            let states = self.states.read(&QUESTION, &text).await?;
            let state = states.first().map(Vec::as_slice).unwrap_or_default();
            let reading = self.weights.read(state)?;
            worst = Some(match worst {
                Some(worst) if worst.score >= reading.score => worst,
                _ => reading,
            });
        }
        worst.ok_or_else(|| ProviderError::InvalidInput { backend: "probe", reason: "nothing was said".into() })
    }
}

/// What the model is shown: one text for each part of the message. Typed or transcribed, with or without capitals and
/// commas: a message is judged by its words, as those that the weights were trained on.
pub(super) fn texts(said: &[&str]) -> Vec<String> {
    let said: Vec<String> = said.iter().map(|message| words(message)).collect();
    let Some((message, earlier)) = said.split_last() else { return Vec::new() };
    let earlier = earlier.join(" ... ");
    let skipped = earlier.chars().count().saturating_sub(MOST_EARLIER_CHARS);
    let earlier: String = earlier.chars().skip(skipped).collect();
    let before = if earlier.is_empty() { String::new() } else { format!("{earlier} ... ") };
    let characters: Vec<char> = message.chars().collect();
    characters.chunks(PART_CHARS).map(|part| format!("{before}{}", part.iter().collect::<String>())).collect()
}

/// In small letters, without punctuation.
fn words(message: &str) -> String {
    let lowered = message.to_lowercase().replace('’', "'");
    let plain = |c: char| if c.is_alphanumeric() || c == '\'' { c } else { ' ' };
    let plain: String = lowered.chars().map(plain).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_judged_by_its_words() {
        let written = texts(&["Well, yes.", "I don’t know — are YOU a real person?!"]);
        assert_eq!(written, texts(&["well yes", "i don't know are you a real person"]));
        assert!(texts(&["…", "?!"]).is_empty());
    }

    #[test]
    fn a_long_message_is_judged_whole() {
        let long = "word ".repeat(700) + "the end";
        let texts = texts(&["something earlier", &long]);
        assert!(texts.len() > 1 && texts.iter().all(|text| text.starts_with("something earlier ... ")));
        assert!(texts.last().is_some_and(|last| last.ends_with("the end")));
        assert!(super::texts(&["  "]).is_empty() && super::texts(&[]).is_empty());
    }

    #[test]
    fn of_what_was_said_before_the_end_counts() {
        let long = "x".repeat(2 * MOST_EARLIER_CHARS) + " my pills";
        let texts = texts(&[&long, "yes"]);
        assert!(texts[0].ends_with("my pills ... yes") && texts[0].chars().count() < MOST_EARLIER_CHARS + 20);
    }
}
