//! Speakable text, as it comes, into the pieces that are spoken one by one: sentences, and for the first of them a
//! clause, so that speech starts early.
//!
//! The pieces joined are the text, but for white space and punctuation that stands alone. A piece is given out once no
//! further text can change where it ends, so they are the same however the text came.

use unicode_segmentation::UnicodeSegmentation;

/// The first piece may be a clause of at least this length, in bytes and in words; a shorter one sounds torn off.
const FIRST_CLAUSE_LENGTH: usize = 20;
const FIRST_CLAUSE_WORDS: usize = 4;

/// How much of the same sentence must stand behind a first clause, in bytes: a word or two are better spoken with it.
const BEHIND_CLAUSE: usize = 8;

/// A sentence longer than this, in bytes, is cut at a clause, else between words.
const LONGEST: usize = 260;

/// A clause of an endless sentence is at least this long, in bytes.
const SHORTEST_CUT: usize = 60;

/// A full stop behind these doesn't end a sentence: what they belong to comes next.
const GOES_ON: &[&str] = &[
    "Mr", "Mrs", "Ms", "Mx", "Dr", "Prof", "St", "Mt", "Rev", "Fr", "Hon", "Gen", "Col", "Capt", "Lt", "Sgt", "Gov",
    "Sen", "Pres", "e.g", "i.e", "eg", "ie", "vs", "cf", "viz", "approx", "ca", "incl", "resp",
];

/// A full stop behind these ends a sentence only where the next word has a capital. Letters with dots between them,
/// such as "U.S.", are like them.
const MAY_GO_ON: &[&str] = &[
    "etc", "al", "Jr", "Sr", "Inc", "Ltd", "Co", "Corp", "am", "pm", "Ph.D", "Ave", "Blvd", "Rd", "Jan", "Feb", "Mar",
    "Apr", "Aug", "Sept", "Sep", "Oct", "Nov", "Dec", "min", "max", "hr", "hrs", "oz", "lb", "lbs", "tsp", "tbsp",
];

/// A full stop behind these is an abbreviation's before a number: "No. 5", "p. 12".
const BEFORE_NUMBERS: &[&str] =
    &["No", "Nos", "no", "nos", "p", "pp", "art", "sec", "ch", "op", "fig", "Fig", "vol", "Vol"];

/// Cuts one reply.
#[derive(Debug, Default)]
pub struct Sentences {
    pending: String,
    /// A piece has been given out.
    begun: bool,
}

impl Sentences {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what came; gives the pieces whose end is certain, in order.
    pub fn push(&mut self, delta: &str) -> Vec<String> {
        self.pending.push_str(delta);
        let mut pieces = Vec::new();
        let mut from = 0;
        while let Some(length) = self.cut(&self.pending[from..]) {
            if let Some(piece) = fold(&self.pending[from..from + length]) {
                pieces.push(piece);
                self.begun = true;
            }
            from += length;
        }
        self.pending.drain(..from);
        pieces
    }

    /// The rest, in one piece. No more text will come.
    pub fn finish(self) -> Option<String> {
        fold(&self.pending)
    }

    /// The length of the first piece of `text`, where it is certain.
    fn cut(&self, text: &str) -> Option<usize> {
        let mut clause: Option<usize> = None;
        for (at, c) in text.char_indices() {
            if c == '\n' {
                return Some(at + 1);
            }
            if at >= LONGEST {
                return Some(cut_long(&text[..text.floor_char_boundary(LONGEST)]));
            }
            if let Some(clause) = clause.filter(|clause| at > clause + BEHIND_CLAUSE) {
                return Some(clause);
            }
            if ends_sentences(c) && !text[..at].ends_with(ends_sentences) {
                match sentence_end(text, at) {
                    End::At(end) => return Some(end),
                    End::No => {}
                    End::Unknown => return None,
                }
            }
            if !self.begun && clause.is_none() {
                clause = clause_end(text, at).filter(|end| is_long_enough(&text[..*end]));
            }
        }
        None
    }
}

/// White space folded. `None` where there is no word: punctuation alone can't be spoken.
fn fold(piece: &str) -> Option<String> {
    piece.contains(char::is_alphanumeric).then(|| piece.split_whitespace().collect::<Vec<_>>().join(" "))
}

enum End {
    /// Behind the closing quotes.
    At(usize),
    No,
    /// The next characters tell.
    Unknown,
}

fn ends_sentences(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '…' | '。' | '！' | '？' | '؟' | '।')
}

fn closes(c: char) -> bool {
    matches!(c, '"' | '\'' | '”' | '’' | ')' | ']' | '»' | '」' | '』')
}

/// Whether the run of marks that starts at `at` ends a sentence.
fn sentence_end(text: &str, at: usize) -> End {
    let marks = &text[at..at + run(&text[at..], ends_sentences)];
    let closing = run(&text[at + marks.len()..], closes);
    let end = at + marks.len() + closing;
    let Some(next) = text[end..].chars().next() else { return End::Unknown };
    if next == '\n' || marks.contains(['。', '！', '？', '؟', '।']) {
        return End::At(end);
    }
    let word = last_word(&text[..at]);
    if !next.is_whitespace() {
        return joined(marks, word, &text[end..], end, closing > 0);
    }
    let full_stop = marks == ".";
    let asks_next_word = closing > 0
        || matches!(marks, "…" | ".." | "..." | "....")
        || full_stop && (MAY_GO_ON.contains(&word) || is_dotted(word) || BEFORE_NUMBERS.contains(&word));
    if full_stop && closing == 0 && (GOES_ON.contains(&word) || is_initial(word)) {
        return End::No;
    }
    if !asks_next_word {
        return End::At(end);
    }
    let Some(start) = text[end..].trim_start_matches([' ', '\t']).chars().find(|c| !closes(*c)) else {
        return End::Unknown;
    };
    let goes_on = if full_stop && closing == 0 && BEFORE_NUMBERS.contains(&word) {
        start.is_ascii_digit()
    } else {
        start.is_lowercase() || full_stop && closing == 0 && start.is_ascii_digit()
    };
    if goes_on { End::No } else { End::At(end) }
}

/// Marks with no white space behind them: a decimal, an address, or a space that the model forgot.
fn joined(marks: &str, word: &str, behind: &str, end: usize, closed: bool) -> End {
    let mut behind = behind.chars();
    let (next, after) = (behind.next().unwrap_or(' '), behind.next());
    if word.contains(['/', '@', '.']) || closed || !next.is_alphabetic() {
        return End::No;
    }
    if marks.contains(['!', '?']) {
        return End::At(end);
    }
    // "home.How are you": a small letter, the mark, a capital and a small letter.
    if !next.is_uppercase() || !word.ends_with(char::is_lowercase) || word.chars().count() < 2 {
        return End::No;
    }
    match after {
        None => End::Unknown,
        Some(after) if after.is_lowercase() || after.is_whitespace() || after == '\'' => End::At(end),
        Some(_) => End::No,
    }
}

/// How many bytes of the start of `text` are of the kind.
fn run(text: &str, kind: fn(char) -> bool) -> usize {
    text.len() - text.trim_start_matches(kind).len()
}

fn last_word(text: &str) -> &str {
    let start = text.rfind(|c: char| c.is_whitespace() || matches!(c, '"' | '“' | '‘' | '(' | '[' | '—' | '–' | '\''));
    match start {
        None => text,
        Some(at) => text[at..].trim_start_matches(|c: char| !c.is_alphanumeric()),
    }
}

/// "J" in "J. K. Rowling". "I" ends many a sentence.
fn is_initial(word: &str) -> bool {
    let mut letters = word.chars();
    matches!((letters.next(), letters.next()), (Some(c), None) if c.is_uppercase() && c != 'I')
}

/// "U.S", "a.m", "J.R.R"
fn is_dotted(word: &str) -> bool {
    word.contains('.') && word.split('.').all(|part| part.chars().count() == 1 && part.chars().all(char::is_alphabetic))
}

/// Behind the mark at `at` and its closing quotes, where it ends a clause.
fn clause_end(text: &str, at: usize) -> Option<usize> {
    let mark = text[at..].chars().next()?;
    let marked = at + mark.len_utf8();
    let end = marked + run(&text[marked..], closes);
    let spaced = text[end..].starts_with(char::is_whitespace);
    let ends = match mark {
        ',' | ';' | ':' => spaced,
        '—' => true,
        '-' | '–' => spaced && text[..at].ends_with(char::is_whitespace),
        _ => false,
    };
    ends.then_some(end)
}

fn is_long_enough(clause: &str) -> bool {
    clause.len() >= FIRST_CLAUSE_LENGTH && clause.split_whitespace().count() >= FIRST_CLAUSE_WORDS
}

/// Where to cut text without an end: behind its last clause, else its last word, else anywhere between characters.
fn cut_long(text: &str) -> usize {
    let clause = text.char_indices().filter_map(|(at, _)| clause_end(text, at)).next_back();
    let word = || text.char_indices().rev().find(|(_, c)| c.is_whitespace()).map(|(at, c)| at + c.len_utf8());
    // The last one may have lost a part of itself to the cut.
    let character = || text.grapheme_indices(true).next_back().map(|(at, _)| at).filter(|at| *at > 0);
    let leading = text.len() - text.trim_start().len();
    clause
        .filter(|end| *end >= SHORTEST_CUT)
        .or_else(|| word().filter(|end| *end > leading))
        .or_else(character)
        .unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<String> {
        let mut sentences = Sentences::new();
        let mut pieces = sentences.push(text);
        pieces.extend(sentences.finish());
        pieces
    }

    /// After a first piece, so that only whole sentences are cut.
    fn whole(text: &str) -> Vec<String> {
        pieces(&format!("First.\n{text}")).split_off(1)
    }

    #[test]
    fn sentences_end_where_they_end() {
        for (text, expected) in [
            ("I am here. You are safe.", vec!["I am here.", "You are safe."]),
            ("Really?! Yes! Good.", vec!["Really?!", "Yes!", "Good."]),
            ("One line\nAnother line", vec!["One line", "Another line"]),
            ("No end", vec!["No end"]),
            ("So did I. Then we slept.", vec!["So did I.", "Then we slept."]),
            ("\"Come in.\" He sat down.", vec!["\"Come in.\"", "He sat down."]),
            ("(It rained.) We stayed.", vec!["(It rained.)", "We stayed."]),
            ("Hi!How are you?Good.", vec!["Hi!", "How are you?", "Good."]),
            ("I went home.How are you?", vec!["I went home.", "How are you?"]),
            ("Wait... Come back.", vec!["Wait...", "Come back."]),
            ("你好。今天好吗？很好", vec!["你好。", "今天好吗？", "很好"]),
            ("It is 5 p.m. Let us eat.", vec!["It is 5 p.m.", "Let us eat."]),
            ("I said no. You left.", vec!["I said no.", "You left."]),
        ] {
            assert_eq!(whole(text), expected, "{text}");
        }
    }

    #[test]
    fn other_marks_do_not_end_a_sentence() {
        for text in [
            "Dr. Smith met Mrs. Jones at St. Mary's.",
            "Herbs, e.g. chamomile, i.e. tea, etc. and so on.",
            "It weighs 3.5 kg and costs 1,234.50 euros.",
            "The U.S. economy and J. R. R. Tolkien.",
            "Well... maybe tomorrow… or never.",
            "\"Really?\" she asked, \"Yes!\" he said.",
            "See example.com and me@example.org for more.",
            "At 5 p.m. we eat, at No. 5 we sleep.",
            "Version 2.0.1 is out.",
        ] {
            assert_eq!(whole(text), [text], "{text}");
        }
    }

    #[test]
    fn the_first_clause_comes_early() {
        assert_eq!(
            pieces("It sounds as if today was hard, and I am glad that you told me. Rest now."),
            ["It sounds as if today was hard,", "and I am glad that you told me.", "Rest now."]
        );
        assert_eq!(
            pieces("Good evening, dear, come in and sit by the fire."),
            ["Good evening, dear, come in and sit by the fire."],
            "too short a clause is torn off"
        );
        assert_eq!(
            pieces("I will sit here beside you all night, my dear. Rest now."),
            ["I will sit here beside you all night, my dear.", "Rest now."],
            "two words are left alone"
        );
    }

    #[test]
    fn the_first_clause_does_not_wait_for_the_end_of_the_sentence() {
        let mut sentences = Sentences::new();
        assert!(sentences.push("It sounds as if today was hard, and I am").is_empty());
        assert_eq!(sentences.push(" glad that"), ["It sounds as if today was hard,"]);
    }

    #[test]
    fn an_endless_sentence_is_cut() {
        for text in ["word ".repeat(1000), "and then we walked on, ".repeat(100), "长".repeat(2000), "x".repeat(5000)]
        {
            let pieces = pieces(&text);
            assert!(pieces.len() > 4);
            assert!(pieces.iter().all(|piece| piece.len() <= LONGEST));
        }
        assert!(pieces(&"and then we walked on, ".repeat(100)).iter().all(|piece| piece.ends_with(',')));
    }

    const TEXTS: [&str; 4] = [
        "Dr. Smith said: \"Come in, sit down, and rest...\" Then he left!Was it 3.5 or 4? I don't know. e.g. this — that\n\nEnd",
        "It sounds as if today was hard, and I am glad that you told me. No. 5 is next... and so on. U.S. Army. 你好。 Ok?!",
        "a very long sentence that never seems to find its end, because whoever wrote it went on and on, adding one clause \
         after the other, like beads on a string, until nobody could remember how it began, nor why, nor where it was to \
         lead, and yet it went on and on and on and on without an end",
        "",
    ];

    #[test]
    fn the_pieces_are_the_same_however_the_text_comes() {
        for text in TEXTS {
            let expected = pieces(text);
            for step in [1, 2, 3, 7, 20] {
                let mut sentences = Sentences::new();
                let mut found = Vec::new();
                for part in text.chars().collect::<Vec<_>>().chunks(step) {
                    found.extend(sentences.push(&part.iter().collect::<String>()));
                }
                found.extend(sentences.finish());
                assert_eq!(found, expected, "in steps of {step}");
            }
        }
    }

    #[test]
    fn marks_alone_are_no_piece() {
        assert_eq!(whole("... !\n— — —\nYes. \"?\""), ["Yes."]);
    }

    #[test]
    fn nothing_is_lost_and_nothing_is_added() {
        let folded = |text: &str| text.split_whitespace().collect::<String>();
        for text in TEXTS {
            assert_eq!(folded(&pieces(text).concat()), folded(text));
        }
    }
}
