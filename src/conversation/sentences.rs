//! Cuts speakable text, as it is written, into pieces that can be spoken on their own.
//!
//! A piece ends at a sentence's end. The first one may end earlier, at a clause, so that speaking starts while the
//! model still writes; a sentence that doesn't end is cut at a clause or a word. The pieces joined by spaces are the
//! text, white space folded.

/// A first clause shorter than this sounds chopped.
const FIRST_CLAUSE_CHARS: usize = 24;
const FIRST_CLAUSE_WORDS: usize = 5;
/// A sentence longer than this is spoken in parts.
const LONGEST_CHARS: usize = 220;

/// Words whose full stop does not end a sentence, lower case, without it.
const ABBREVIATIONS: &[&str] = &[
    "dr", "mr", "mrs", "ms", "prof", "st", "sr", "jr", "vs", "etc", "e.g", "i.e", "a.m", "p.m", "no", "approx", "dept",
    "est", "fig", "gen", "gov", "inc", "ltd", "mt", "rev", "sen", "u.s", "u.k",
];

/// Of these, the ones that may well end a sentence when a capital follows.
const MAY_END: &[&str] = &["etc", "a.m", "p.m", "u.s", "u.k", "no", "inc", "ltd", "jr", "sr"];

/// Text in, pieces out.
#[derive(Debug, Default)]
pub struct Sentences {
    buffer: String,
    started: bool,
}

impl Sentences {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next text and gives the pieces that are now whole, in order.
    pub fn push(&mut self, text: &str) -> Vec<String> {
        self.buffer.push_str(text);
        let mut pieces = Vec::new();
        while let Some(end) = self.next_end() {
            let rest = self.buffer.split_off(end);
            let piece = std::mem::replace(&mut self.buffer, rest);
            self.keep(&piece, &mut pieces);
        }
        pieces
    }

    /// What is left when no more text comes.
    pub fn finish(mut self) -> Option<String> {
        let mut pieces = Vec::new();
        let rest = std::mem::take(&mut self.buffer);
        self.keep(&rest, &mut pieces);
        pieces.pop()
    }

    fn keep(&mut self, piece: &str, pieces: &mut Vec<String>) {
        let folded = piece.split_whitespace().collect::<Vec<_>>().join(" ");
        // Punctuation alone can't be spoken; it belongs to what came before, which is gone.
        if folded.chars().any(char::is_alphanumeric) {
            self.started = true;
            pieces.push(folded);
        }
    }

    /// The byte at which the next piece ends, where that is certain.
    fn next_end(&self) -> Option<usize> {
        let text = &self.buffer;
        let mut clause = None;
        for (at, c) in text.char_indices() {
            let after = at + c.len_utf8();
            if c == '\n' {
                return Some(after);
            }
            // "..." is judged once, at its first mark.
            let continues = text[..at].chars().next_back().is_some_and(is_terminator);
            if is_terminator(c)
                && !continues
                && let Some(end) = sentence_end(text, at)
            {
                return Some(end);
            }
            if matches!(c, ',' | ';' | ':' | '—') && text[after..].starts_with(char::is_whitespace) {
                let head = &text[..after];
                let long_enough = head.trim_start().len() >= FIRST_CLAUSE_CHARS
                    && head.split_whitespace().count() >= FIRST_CLAUSE_WORDS;
                if !self.started && long_enough {
                    return Some(after);
                }
                clause = Some(after);
            }
            if after >= LONGEST_CHARS && c.is_whitespace() {
                return Some(clause.unwrap_or(after));
            }
        }
        None
    }
}

fn is_terminator(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '…' | '。' | '！' | '？')
}

/// Where the sentence whose terminator stands at `at` ends, behind closing quotes and white space; `None` where it does
/// not end there or more text is needed to tell.
fn sentence_end(text: &str, at: usize) -> Option<usize> {
    let mut end = at;
    let mut rest = text[at..].char_indices().peekable();
    while let Some((offset, c)) =
        rest.next_if(|(_, c)| is_terminator(*c) || matches!(c, '"' | '\'' | '”' | '’' | ')' | ']'))
    {
        end = at + offset + c.len_utf8();
    }
    // Scripts without spaces end a sentence with their own full stop.
    if text[at..].starts_with(['。', '！', '？']) {
        return Some(end);
    }
    let following = &text[end..];
    if !following.starts_with(char::is_whitespace) {
        // "3.5", "example.org", or the next text decides.
        return None;
    }
    let next = following.trim_start().chars().next()?;
    let marks = &text[at..end];
    if marks.starts_with('.') && !marks.starts_with("..") {
        let word = text[..at].rsplit(char::is_whitespace).next().unwrap_or_default();
        let word = word.trim_start_matches(['"', '\'', '(', '“', '‘']).to_lowercase();
        let initial = word.chars().count() == 1 && word.chars().all(|c| c.is_alphabetic() && c != 'i');
        if initial
            || (ABBREVIATIONS.contains(&word.as_str()) && !(MAY_END.contains(&word.as_str()) && next.is_uppercase()))
        {
            return None;
        }
    }
    // "Well... maybe": an ellipsis before a small letter is a pause.
    if (marks.starts_with("..") || marks.starts_with('…')) && next.is_lowercase() {
        return None;
    }
    // "Stop!" he said: the quotation ends, the sentence goes on.
    let quoted = marks.ends_with(['"', '\'', '”', '’']);
    (!(quoted && next.is_lowercase())).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, step: usize) -> Vec<String> {
        let mut sentences = Sentences::new();
        let letters: Vec<char> = text.chars().collect();
        let mut pieces: Vec<String> =
            letters.chunks(step).flat_map(|chunk| sentences.push(&chunk.iter().collect::<String>())).collect();
        pieces.extend(sentences.finish());
        pieces
    }

    #[test]
    fn sentences_end_where_they_end() {
        for step in [1, 3, 1000] {
            assert_eq!(cut("Hello. How are you?! I am well.", step), ["Hello.", "How are you?!", "I am well."]);
            assert_eq!(cut("Dr. Smith paid 3.50 today. Fine.", step), ["Dr. Smith paid 3.50 today.", "Fine."]);
            assert_eq!(
                cut("See J. R. Tolkien, e.g. the songs. Yes.", step),
                ["See J. R. Tolkien, e.g. the songs.", "Yes."]
            );
            assert_eq!(cut("Well... maybe not. No.", step), ["Well... maybe not.", "No."]);
            assert_eq!(cut("\"Stop!\" he said. \"Why?\" Nobody knew.", step)[1..], ["\"Why?\"", "Nobody knew."]);
            assert_eq!(cut("It was 5 p.m. The bell rang.", step), ["It was 5 p.m.", "The bell rang."]);
        }
    }

    #[test]
    fn the_first_clause_comes_early_and_only_the_first() {
        let pieces =
            cut("I am glad that you told me this, and I am here. We can wait, as long as you like, together.", 4);
        assert_eq!(
            pieces,
            ["I am glad that you told me this,", "and I am here.", "We can wait, as long as you like, together."]
        );
        assert_eq!(cut("Yes, of course.", 2), ["Yes, of course."]);
    }

    #[test]
    fn an_endless_sentence_is_cut_at_a_word() {
        let endless = "and then we went on ".repeat(40);
        let pieces = cut(&endless, 7);
        assert!(pieces.len() > 3);
        assert!(pieces.iter().all(|piece| piece.len() <= LONGEST_CHARS + 20));
        assert_eq!(pieces.join(" "), endless.trim());
    }

    #[test]
    fn nothing_is_lost_and_punctuation_alone_is_not_spoken() {
        let text = "One two.\n\nThree — four; five … six? \"Seven\" (eight). ...";
        assert_eq!(cut(text, 1).join(" "), "One two. Three — four; five … six? \"Seven\" (eight).");
        assert!(cut("... !", 1).is_empty());
    }
}
