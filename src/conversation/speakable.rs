//! Turns what a model writes, as it writes it, into text that can be spoken: no markdown, emoji, stage directions, role
//! markers or addresses. Only what is certain leaves; a construct that isn't closed yet is held back.

use std::sync::LazyLock;

use regex::Regex;

/// A bracket or an emphasis that isn't closed within this many bytes is taken literally.
const LONGEST_CONSTRUCT: usize = 80;
/// The longest line start that may still turn out to be a role marker or a list mark.
const LONGEST_LINE_MARK: usize = 24;

/// The first words of stage directions, cut to what their forms share.
const STAGE_STEMS: &[&str] = &[
    "smil", "laugh", "sigh", "nod", "paus", "chuckl", "giggl", "whisper", "wink", "gasp", "cough", "hug", "breath",
    "inhal", "exhal", "cry", "cries", "sob", "grin", "frown", "shrug", "blush", "lean", "look", "gently", "softly",
    "quietly", "warmly", "clear", "tak", "silence", "music", "applause", "hum", "sniff", "yawn", "gaz", "reach",
    "place", "turn", "wav", "tilt", "thought",
];

static OWN_MARKER: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)^(rose( the healer( shaman)?)?|assistant|ai)\s*:\s*"));
static OTHER_MARKER: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)^(user|human|you|person|the person|me|friend|patient|client|system)\s*:"));
static LIST_MARK: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(#{1,6}|[-*+•>]|\d{1,2}[.)])\s+"));
static PICTOGRAPH: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"[\p{Extended_Pictographic}\p{Regional_Indicator}\p{Emoji_Modifier}\x{FE0F}\x{200D}\x{20E3}]")
});
static ADDRESS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)^(?:https?://|www\.)(?:www\.)?([^/\s?#]+)[^\s]*?([.,;:!?)]*)$"));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the pattern is constant and valid")
}

/// Text in, speakable text out. The outputs joined are the reply.
#[derive(Debug)]
pub struct Speakable {
    pending: String,
    line_start: bool,
    /// The line now read is a heading or a list item: its end is a pause.
    listed: bool,
    fenced: bool,
    ended: bool,
    last: Option<char>,
}

impl Default for Speakable {
    fn default() -> Self {
        Self { pending: String::new(), line_start: true, listed: false, fenced: false, ended: false, last: None }
    }
}

/// What a look at the pending text found.
enum Step {
    /// More text is needed to tell.
    Wait,
    /// The model began to speak for someone else.
    End,
    /// `usize` bytes of the pending text become the string.
    Take(usize, String),
}

impl Speakable {
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the model began to speak for the person: the reply ended there, and nothing more will come.
    pub fn ended(&self) -> bool {
        self.ended
    }

    pub fn push(&mut self, text: &str) -> String {
        self.pending.push_str(text);
        self.drain(false)
    }

    /// What was held back, when no more text comes.
    pub fn finish(&mut self) -> String {
        self.drain(true).trim_end().to_owned()
    }

    fn drain(&mut self, last: bool) -> String {
        let mut out = String::new();
        while !self.ended && !self.pending.is_empty() {
            match self.step(last) {
                Step::Wait => break,
                Step::End => {
                    self.ended = true;
                    self.pending.clear();
                }
                Step::Take(length, text) => {
                    self.pending.drain(..length);
                    self.emit(&text, &mut out);
                }
            }
        }
        out
    }

    /// Folds white space across outputs.
    fn emit(&mut self, text: &str, out: &mut String) {
        for c in text.chars() {
            let c = if c.is_whitespace() { ' ' } else { c };
            let after_space = self.last.is_none_or(|last| last == ' ');
            if c == ' ' && after_space {
                continue;
            }
            self.last = Some(c);
            out.push(c);
        }
    }

    fn step(&mut self, last: bool) -> Step {
        let text = self.pending.as_str();
        if let Some(length) = leading_space(text) {
            // A run of white space is whole once something follows it.
            if length == text.len() && !last {
                return Step::Wait;
            }
            let newlines = text[..length].matches('\n').count();
            let mut gap = " ";
            if newlines > 0 {
                let pause = (newlines > 1 || self.listed) && self.last.is_some_and(char::is_alphanumeric);
                gap = if pause { ". " } else { " " };
                self.line_start = true;
                self.listed = false;
            }
            return Step::Take(length, gap.to_owned());
        }
        if text.starts_with("```") {
            return self.fence(last);
        }
        if self.fenced {
            let end = text.find("```").or_else(|| (text.len() > 3).then(|| floor(text, text.len() - 3)));
            return match end {
                Some(end) if end > 0 => Step::Take(end, String::new()),
                _ if last => Step::Take(text.len(), String::new()),
                _ => Step::Wait,
            };
        }
        // The templates' control tokens: the model's own turn is over.
        if text.starts_with("<|") {
            return Step::End;
        }
        if self.line_start {
            if let Some(step) = self.line_mark(last) {
                return step;
            }
            self.line_start = false;
        }
        construct(&self.pending, last).unwrap_or_else(|| word(&self.pending, last))
    }

    fn fence(&mut self, last: bool) -> Step {
        let text = self.pending.as_str();
        // An opening fence takes its line, which names the language.
        let length = if self.fenced { Some(3) } else { text.find('\n') };
        match length {
            Some(length) => {
                self.fenced = !self.fenced;
                Step::Take(length, String::new())
            }
            None if last => Step::Take(text.len(), String::new()),
            None => Step::Wait,
        }
    }

    fn line_mark(&mut self, last: bool) -> Option<Step> {
        let text = self.pending.as_str();
        if OTHER_MARKER.is_match(text) {
            return Some(Step::End);
        }
        if let Some(found) = OWN_MARKER.find(text) {
            return Some(Step::Take(found.end(), String::new()));
        }
        if let Some(found) = LIST_MARK.find(text) {
            let length = found.end();
            self.listed = true;
            return Some(Step::Take(length, String::new()));
        }
        let may_be_marker = text.len() < LONGEST_LINE_MARK && begins_marker(text);
        (may_be_marker && !last).then_some(Step::Wait)
    }
}

/// Whether more text could make this line start a role marker or a list mark.
fn begins_marker(text: &str) -> bool {
    const MARKERS: &[&str] = &[
        "rose the healer shaman:",
        "assistant:",
        "ai:",
        "user:",
        "human:",
        "you:",
        "person:",
        "the person:",
        "me:",
        "friend:",
        "patient:",
        "client:",
        "system:",
    ];
    let lower = text.to_lowercase();
    let lower = lower.trim_end();
    let number = lower.trim_end_matches(['.', ')']);
    number.len() + 1 >= lower.len() && number.chars().all(|c| c.is_ascii_digit())
        || lower.chars().all(|c| matches!(c, '#' | '-' | '+' | '•' | '>' | '*'))
        || MARKERS.iter().any(|marker| marker.starts_with(lower))
        || lower == "rose"
}

fn leading_space(text: &str) -> Option<usize> {
    let length = text.len() - text.trim_start().len();
    (length > 0).then_some(length)
}

/// The nearest character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// Emphasis, brackets, links and code; `None` where the text doesn't begin with one.
fn construct(text: &str, last: bool) -> Option<Step> {
    let first = text.chars().next()?;
    let drop = |length: usize| Some(Step::Take(length, String::new()));
    match first {
        '*' => {
            let stars = text.len() - text.trim_start_matches('*').len();
            if stars == text.len() && !last {
                return Some(Step::Wait);
            }
            if stars > 1 || text[1..].starts_with(char::is_whitespace) {
                return drop(stars);
            }
            match closing(text, 1, '*', last) {
                Closing::At(end) if is_stage_direction(&text[1..end]) => drop(end + 1),
                Closing::Unknown => Some(Step::Wait),
                _ => drop(1),
            }
        }
        '(' => match closing(text, 1, ')', last) {
            Closing::At(end) if is_stage_direction(&text[1..end]) => drop(end + 1),
            Closing::Unknown => Some(Step::Wait),
            _ => Some(Step::Take(1, "(".to_owned())),
        },
        '[' => match closing(text, 1, ']', last) {
            Closing::Unknown => Some(Step::Wait),
            Closing::At(end) => {
                let rest = &text[end + 1..];
                if rest.is_empty() && !last {
                    return Some(Step::Wait);
                }
                if !rest.starts_with('(') {
                    return drop(end + 1);
                }
                match closing(rest, 1, ')', last) {
                    Closing::At(close) => Some(Step::Take(end + 1 + close + 1, text[1..end].to_owned())),
                    Closing::Unknown => Some(Step::Wait),
                    Closing::Never => Some(Step::Take(end + 1, text[1..end].to_owned())),
                }
            }
            Closing::Never => drop(1),
        },
        '!' | '<' if text.len() == 1 && !last => Some(Step::Wait),
        '!' if text.starts_with("![") => drop(1),
        '`' if (text == "`" || text == "``") && !last => Some(Step::Wait),
        '`' | '|' | '~' | '#' | '<' => drop(1),
        _ => None,
    }
}

enum Closing {
    At(usize),
    Never,
    Unknown,
}

/// Where `close` stands on this line, from byte `from` on.
fn closing(text: &str, from: usize, close: char, last: bool) -> Closing {
    let line = text[from..].find('\n').map_or(text.len(), |at| from + at);
    match text[from..line].find(close) {
        Some(at) => Closing::At(from + at),
        None if last || line < text.len() || text.len() > LONGEST_CONSTRUCT => Closing::Never,
        None => Closing::Unknown,
    }
}

fn is_stage_direction(inside: &str) -> bool {
    let inside = inside.trim().to_lowercase();
    STAGE_STEMS.iter().any(|stem| inside.starts_with(stem))
}

/// The next word, or what of it comes before a construct.
fn word(text: &str, last: bool) -> Step {
    let end = text
        .char_indices()
        .skip(1)
        .find(|(_, c)| c.is_whitespace() || matches!(c, '*' | '`' | '|' | '[' | '<'))
        .map(|(at, _)| at);
    let Some(end) = end.or_else(|| last.then_some(text.len())) else {
        // No language has words this long; a flood without spaces must not be held back for ever.
        return if text.len() > 400 { Step::Take(text.len(), spoken(text)) } else { Step::Wait };
    };
    Step::Take(end, spoken(&text[..end]))
}

fn spoken(word: &str) -> String {
    if let Some(parts) = ADDRESS.captures(word) {
        return format!("{}{}", &parts[1], &parts[2]);
    }
    // Underscores around words are emphasis, inside them gaps.
    let edges = |c: char| c == '_';
    let punctuation = word.trim_end_matches(|c: char| c.is_ascii_punctuation() && c != '_').len();
    let (word, after) = word.split_at(punctuation);
    let word = format!("{}{after}", word.trim_matches(edges));
    PICTOGRAPH.replace_all(&word, "").replace(['_', '<', '>', '{', '}', '\\', '^'], " ")
}

/// A whole text at once.
pub fn whole(text: &str) -> String {
    let mut filter = Speakable::new();
    let mut out = filter.push(text);
    out.push_str(&filter.finish());
    out.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streamed(text: &str, step: usize) -> String {
        let letters: Vec<char> = text.chars().collect();
        let mut filter = Speakable::new();
        let mut out = String::new();
        for piece in letters.chunks(step) {
            out.push_str(&filter.push(&piece.iter().collect::<String>()));
        }
        out.push_str(&filter.finish());
        out.trim().to_owned()
    }

    /// However the text is cut into deltas, the same comes out.
    fn becomes(text: &str, expected: &str) {
        for step in [1, 2, 5, 10_000] {
            assert_eq!(streamed(text, step), expected, "{step} characters at a time");
        }
        assert_eq!(whole(text), expected);
    }

    #[test]
    fn plain_text_stays() {
        becomes(
            "Good evening. It is 7:30, Dr. Lee; shall we (if you like) begin?",
            "Good evening. It is 7:30, Dr. Lee; shall we (if you like) begin?",
        );
        becomes("You are right: you did well.", "You are right: you did well.");
    }

    #[test]
    fn markdown_goes_and_its_words_stay() {
        becomes("**Yes**, _really_ *very* `much`.", "Yes, really very much.");
        becomes("# Sleep\nThree things:\n- tea\n- a walk\n2. rest", "Sleep. Three things: tea. a walk. rest");
        becomes("See [the page](https://example.org/a?b) now.", "See the page now.");
        becomes("Look:\n```rust\nfn main() {}\n```\nDone.", "Look: Done.");
        becomes("a snake_case name", "a snake case name");
    }

    #[test]
    fn stage_directions_and_emoji_go() {
        becomes("*smiles warmly* Hello there (laughs) friend [sighs].", "Hello there friend .");
        becomes("Well done 🎉👍🏽! 👩‍👩‍👧 Bye.", "Well done ! Bye.");
    }

    #[test]
    fn addresses_are_said_by_their_host() {
        becomes("Go to https://www.findahelpline.com/i/iasp?x=1, please.", "Go to findahelpline.com, please.");
    }

    #[test]
    fn own_markers_go_and_the_others_end_the_reply() {
        becomes("Rose: I am here.", "I am here.");
        becomes("I am here.\nUser: and then?\nRose: yes", "I am here.");
        becomes("I am here.<|im_end|>\n<|im_start|>user", "I am here.");
    }

    #[test]
    fn what_never_closes_is_not_held_back_for_ever() {
        let mut filter = Speakable::new();
        let text = format!("(this goes on {}", "and on ".repeat(40));
        assert!(filter.push(&text).contains("and on"));
    }
}
