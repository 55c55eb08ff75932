//! Whether a transcript can be believed, from the tokens alone. It decides if a clip is heard again with more context.

use std::collections::HashMap;
use std::time::Duration;

/// What the decoder wrote, timestamps and other special tokens left out.
#[derive(Debug, Clone, Default)]
pub(super) struct Tokens {
    pub(super) ids: Vec<i32>,
    /// Natural logarithm of each one's probability.
    pub(super) log_probabilities: Vec<f32>,
}

/// Below this mean, words are guessed. Whisper's own threshold for trying again is -1; a decoder whose context was cut
/// rambles with more confidence than that.
const LEAST_MEAN_LOG_PROBABILITY: f32 = -0.7;

/// As Whisper judges whether to try again at a higher temperature.
const GUESSED_MEAN_LOG_PROBABILITY: f32 = -1.0;

/// Whisper's own measure and threshold of repetition (whisper.cpp 1.8.3, `whisper_sequence_score` and `entropy_thold`):
/// the entropy of the last 32 tokens, in nats.
const ENTROPY_WINDOW: usize = 32;
const LEAST_ENTROPY: f32 = 2.4;

/// A phrase that comes so often in a row is a loop.
const MOST_REPEATS: usize = 4;

/// A sentence is a loop sooner: nobody says one so often in a row. Some that do cost only a second look.
const MOST_SENTENCE_REPEATS: usize = 2;

/// Faster than people say the same thing twice, in tokens a second. Read speech is 4 to 5; a clip that whisper.cpp
/// repeats whole comes to 8 and more.
const FASTEST_REPETITION: f32 = 6.0;

impl Tokens {
    /// A decoder whose context was cut to the clip likes to write the whole of it once more. Keeps the first time, where
    /// a clip of this length can't hold more.
    pub(super) fn say_it_once(&mut self, length: Duration) {
        if self.ids.len() as f32 > FASTEST_REPETITION * length.as_secs_f32() {
            let once = period(&self.ids);
            self.ids.truncate(once);
            self.log_probabilities.truncate(once);
        }
    }

    /// Speech was heard, but these are not its words.
    pub(super) fn look_wrong(&self) -> bool {
        self.ids.is_empty() || self.mean_log_probability() < LEAST_MEAN_LOG_PROBABILITY || self.repeat()
    }

    /// Of a run with the full context: another temperature may find better ones.
    pub(super) fn are_guessed(&self) -> bool {
        !self.ids.is_empty() && (self.mean_log_probability() < GUESSED_MEAN_LOG_PROBABILITY || self.repeat())
    }

    pub(super) fn mean_log_probability(&self) -> f32 {
        self.log_probabilities.iter().sum::<f32>() / self.log_probabilities.len().max(1) as f32
    }

    fn repeat(&self) -> bool {
        (self.ids.len() > ENTROPY_WINDOW && entropy(&self.ids[self.ids.len() - ENTROPY_WINDOW..]) < LEAST_ENTROPY)
            || (2..=8).any(|length| most_repeats(&self.ids, length) > MOST_REPEATS)
            || (9..=self.ids.len() / 3).any(|length| most_repeats(&self.ids, length) > MOST_SENTENCE_REPEATS)
    }
}

/// The length of the shortest beginning that makes up the whole when it is repeated twice or more, the last time perhaps
/// broken off; the whole length where there is none.
fn period(ids: &[i32]) -> usize {
    (1..=ids.len() / 2)
        .find(|length| ids.iter().zip(&ids[*length..]).all(|(earlier, later)| earlier == later))
        .unwrap_or(ids.len())
}

fn entropy(ids: &[i32]) -> f32 {
    let mut counts: HashMap<i32, f32> = HashMap::new();
    for id in ids {
        *counts.entry(*id).or_default() += 1.0;
    }
    let total = ids.len() as f32;
    counts.values().map(|count| -(count / total) * (count / total).ln()).sum()
}

/// How often a phrase of `length` tokens follows itself, at most.
fn most_repeats(ids: &[i32], length: usize) -> usize {
    // A run of equal neighbours at this distance, one phrase long, is one more repeat.
    let mut longest = 0;
    let mut run = 0;
    for (earlier, later) in ids.iter().zip(ids.iter().skip(length)) {
        run = if earlier == later { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest / length + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sure(ids: Vec<i32>) -> Tokens {
        Tokens { log_probabilities: vec![-0.1; ids.len()], ids }
    }

    #[test]
    fn plain_speech_is_believed() {
        assert!(!sure((0..60).collect()).look_wrong());
        assert!(!sure(vec![5]).look_wrong());
        // "no, no, no, no"
        assert!(!sure([7, 11].repeat(4)).look_wrong());
    }

    #[test]
    fn what_a_clip_cannot_hold_twice_was_said_once() {
        let sentence: Vec<i32> = (0..14).collect();
        let kept = |ids: Vec<i32>, seconds: f32| {
            let mut tokens = sure(ids);
            tokens.say_it_once(Duration::from_secs_f32(seconds));
            assert_eq!(tokens.ids.len(), tokens.log_probabilities.len());
            tokens.ids
        };
        assert_eq!(kept(sentence.repeat(2), 3.3), sentence);
        assert_eq!(kept(sentence.iter().copied().cycle().take(49).collect(), 3.3), sentence);
        assert_eq!(kept(sentence.repeat(2), 7.0), sentence.repeat(2), "there was time to say it twice");
        assert_eq!(kept(sentence.clone(), 1.0), sentence);
        let stammer = [&[1, 2, 1, 2][..], &sentence].concat();
        assert_eq!(kept(stammer.clone(), 1.0), stammer, "only the whole of it");
    }

    #[test]
    fn nothing_guesses_and_loops_are_not() {
        assert!(sure(Vec::new()).look_wrong());
        assert!(sure([7, 11].repeat(6)).look_wrong());
        // A sentence of 14 tokens, three and a half times over.
        let sentence: Vec<i32> = (0..14).collect();
        assert!(sure(sentence.iter().copied().cycle().take(49).collect()).look_wrong());
        assert!(!sure(sentence.repeat(2)).look_wrong(), "twice may be meant");
        assert!(sure([&(0..40).collect::<Vec<_>>()[..], &[3; 40]].concat()).look_wrong());
        assert!(Tokens { ids: vec![1, 2, 3], log_probabilities: vec![-0.2, -2.0, -1.5] }.look_wrong());
    }
}
