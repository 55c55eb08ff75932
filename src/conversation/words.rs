//! Which words of a message that is still being said are certain: those that two transcripts in a row agree on (Macháček
//! et al. 2023, arXiv 2307.14743: "local agreement"). They are told once, and never taken back.

#[derive(Default)]
pub(super) struct CertainWords {
    last: Vec<String>,
    told: usize,
}

impl CertainWords {
    /// Takes the next transcript; returns the words that are newly certain, with a space before them where others were
    /// told.
    pub(super) fn take(&mut self, transcript: &str) -> Option<String> {
        let words: Vec<String> = transcript.split_whitespace().map(str::to_owned).collect();
        let agreed = self.last.iter().zip(&words).take_while(|(before, now)| before == now).count();
        self.last = words;
        if agreed <= self.told {
            return None;
        }
        let text = self.joined(self.told..agreed);
        self.told = agreed;
        Some(text)
    }

    /// What of the whole transcript was not told yet; nothing where what was told turned out otherwise.
    pub(super) fn rest_of(mut self, transcript: &str) -> Option<String> {
        let words: Vec<String> = transcript.split_whitespace().map(str::to_owned).collect();
        let told = self.last.get(..self.told)?;
        if words.len() <= self.told || words[..self.told] != *told {
            return None;
        }
        self.last = words;
        Some(self.joined(self.told..self.last.len()))
    }

    fn joined(&self, range: std::ops::Range<usize>) -> String {
        let space = if range.start > 0 { " " } else { "" };
        format!("{space}{}", self.last[range].join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_transcripts_agree_on_is_told_once() {
        let mut words = CertainWords::default();
        assert_eq!(words.take("Ask not."), None);
        assert_eq!(words.take("Ask not what").as_deref(), Some("Ask"));
        assert_eq!(words.take("Ask not what your").as_deref(), Some(" not what"));
        assert_eq!(words.take("Ask not what you're"), None);
        assert_eq!(words.rest_of("Ask not what your country").as_deref(), Some(" your country"));
    }

    #[test]
    fn what_turned_out_otherwise_is_not_told_on() {
        let mut words = CertainWords::default();
        words.take("I am");
        words.take("I am");
        assert_eq!(words.rest_of("Iam here"), None);
        assert_eq!(CertainWords::default().rest_of("Yes.").as_deref(), Some("Yes."));
        assert_eq!(CertainWords::default().rest_of(""), None);
    }
}
