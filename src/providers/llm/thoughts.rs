//! What a reasoning model thinks aloud before it answers, where the service doesn't keep it apart: `<think>…</think>` at the
//! beginning of the text. It is nobody's to hear.

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// Takes it out of a text that comes in pieces.
#[derive(Debug, Default)]
pub(super) struct ThoughtFilter {
    state: State,
}

#[derive(Debug)]
enum State {
    /// Nothing but what may become the opening mark has come.
    Before(String),
    /// Of the thoughts, only the end that may become the closing mark.
    Within(String),
    After,
    /// Past the thoughts, before the first letter of the answer.
    Gap,
}

impl Default for State {
    fn default() -> Self {
        State::Before(String::new())
    }
}

impl ThoughtFilter {
    /// What of the text so far is to be heard and wasn't yet.
    pub(super) fn push(&mut self, piece: &str) -> String {
        match &mut self.state {
            State::After => piece.to_owned(),
            State::Gap => {
                let text = piece.trim_start();
                if !text.is_empty() {
                    self.state = State::After;
                }
                text.to_owned()
            }
            State::Before(held) => {
                held.push_str(piece);
                let begun = held.trim_start();
                if let Some(thoughts) = begun.strip_prefix(OPEN) {
                    let thoughts = thoughts.to_owned();
                    self.state = State::Within(String::new());
                    return self.push(&thoughts);
                }
                if OPEN.starts_with(begun) {
                    return String::new();
                }
                let text = std::mem::take(held);
                self.state = State::After;
                text
            }
            State::Within(held) => {
                held.push_str(piece);
                if let Some((_, answer)) = held.split_once(CLOSE) {
                    let answer = answer.to_owned();
                    self.state = State::Gap;
                    return self.push(&answer);
                }
                let tail = (1..CLOSE.len()).rev().find(|length| held.ends_with(&CLOSE[..*length])).unwrap_or(0);
                held.drain(..held.len() - tail);
                String::new()
            }
        }
    }

    /// What was held back and turned out to be text.
    pub(super) fn finish(&mut self) -> String {
        match std::mem::replace(&mut self.state, State::After) {
            State::Before(held) => held,
            State::Within(_) | State::Gap | State::After => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(pieces: &[&str]) -> String {
        let mut filter = ThoughtFilter::default();
        let mut text: String = pieces.iter().map(|piece| filter.push(piece)).collect();
        text.push_str(&filter.finish());
        text
    }

    #[test]
    fn thoughts_are_taken_out_however_they_are_cut() {
        let whole = "<think>\nThey ask < for > tea.</thin </think>\n\nTea it is.";
        for size in 1..whole.len() {
            let pieces: Vec<&str> = whole.as_bytes().chunks(size).map(|p| std::str::from_utf8(p).unwrap()).collect();
            assert_eq!(heard(&pieces), "Tea it is.", "{size}");
        }
    }

    #[test]
    fn what_is_no_thought_stays_whole() {
        assert_eq!(heard(&["Tea", " it <think> is."]), "Tea it <think> is.");
        assert_eq!(heard(&["<thi", "ng> is"]), "<thing> is");
        assert_eq!(heard(&[" <th"]), " <th");
        assert_eq!(heard(&["<think>", "for ever"]), "");
        assert_eq!(heard(&[]), "");
    }
}
