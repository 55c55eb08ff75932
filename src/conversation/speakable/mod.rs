//! The text sanitizer: from what is written to what can be spoken, without Markdown and emoji. Of a character's reply,
//! read while the model is still writing it, stage directions, role markers and addresses behind their host are left out
//! too; of a text that somebody gives to be spoken, no word is (`Policy`).
//!
//! A construct is held back until it is whole, so the pieces joined are the same however the text was cut. It is not
//! text normalisation: numbers and abbreviations stay as they are, the voice reads them.

mod direction;
mod inline;
mod line;
mod output;
mod role;
mod symbol;
mod tag;

use output::Output;
use role::{Marker, Roles};

/// A streaming filter over one text.
pub struct Speakable {
    policy: Policy,
    /// Read, but not yet decided upon.
    pending: String,
    output: Output,
    line: Line,
    /// Where the next character stands at the start of a line.
    at_line_start: bool,
    /// The closing tag of a part that nobody is meant to hear, such as `</think>`.
    hidden_until: Option<&'static str>,
    ended: bool,
}

/// What of a text is said.
enum Policy {
    /// A reply of a character's, by a model: what isn't meant for the ear, and whatever is written in somebody else's
    /// name, is left out.
    Reply(Roles),
    /// A text that somebody wants to hear: every word of it.
    EveryWord,
}

/// What kind of line the text is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Plain,
    /// A heading or an item of a list: its end is the end of a sentence.
    Item,
    TableRow,
}

/// What is decided about the start of the pending text.
enum Step {
    /// So many bytes are dropped.
    Drop(usize),
    /// So many bytes are dropped, and there is a gap between the words around them.
    Gap(usize),
    /// So many bytes are said, in other words.
    Say(usize, String),
    /// So many bytes are markup around this text, which is read in turn.
    Unwrap(usize, String),
    /// The line ends here, `usize` bytes on.
    EndLine(usize),
    /// A paragraph ends here, `usize` bytes on.
    EndParagraph(usize),
    /// The line turns out to be of this kind; `usize` bytes said so.
    Becomes(Line, usize),
    /// No mark of a line's start, or none any more.
    Text,
    /// From here to the closing tag nothing is said.
    Hide(usize, &'static str),
    /// The closing tag ends here, so many bytes on.
    Show(usize),
    /// More text may change what this is.
    Wait,
    /// The reply is over: what follows is somebody else's.
    End,
}

impl Default for Speakable {
    fn default() -> Self {
        Self::of("Rose")
    }
}

impl Speakable {
    /// Of a reply by the character of this name.
    pub fn of(character: &str) -> Self {
        Self::with(Policy::Reply(Roles::of(character)))
    }

    /// Of a text that somebody gives to be spoken.
    pub fn every_word() -> Self {
        Self::with(Policy::EveryWord)
    }

    fn with(policy: Policy) -> Self {
        Self {
            policy,
            pending: String::new(),
            output: Output::default(),
            line: Line::Plain,
            at_line_start: true,
            hidden_until: None,
            ended: false,
        }
    }

    /// Takes what the model wrote; gives what is certain to be spoken.
    pub fn push(&mut self, delta: &str) -> String {
        if !self.ended {
            self.pending.push_str(delta);
            self.advance(false);
        }
        self.output.take()
    }

    /// The rest. The model has ended its reply.
    pub fn finish(&mut self) -> String {
        if !self.ended {
            self.advance(true);
        }
        self.output.take()
    }

    /// Whether the reply is over, whatever the model still writes: it has begun to speak for someone else.
    pub fn ended(&self) -> bool {
        self.ended
    }

    fn says_every_word(&self) -> bool {
        matches!(self.policy, Policy::EveryWord)
    }

    /// Whose words follow, by a mark in front of them.
    fn role(&self, text: &str, last: bool, on_a_line: bool) -> Marker {
        match &self.policy {
            Policy::Reply(roles) => roles.read(text, last, on_a_line),
            Policy::EveryWord => Marker::None,
        }
    }

    fn advance(&mut self, last: bool) {
        let mut at = 0;
        while at < self.pending.len() {
            let step = self.step(&self.pending[at..], last);
            match step {
                Step::Drop(length) => at += length,
                Step::Gap(length) => {
                    self.output.gap();
                    at += length;
                }
                Step::Say(length, text) => {
                    self.output.say(&text);
                    at += length;
                }
                Step::Unwrap(length, text) => self.pending.replace_range(at..at + length, &text),
                Step::EndLine(length) => {
                    match self.line {
                        Line::Plain => self.output.gap(),
                        Line::Item | Line::TableRow => self.output.end_sentence(),
                    }
                    self.line = Line::Plain;
                    self.at_line_start = true;
                    at += length;
                }
                Step::EndParagraph(length) => {
                    self.output.end_sentence();
                    self.line = Line::Plain;
                    self.at_line_start = true;
                    at += length;
                }
                Step::Becomes(line, length) => {
                    self.line = line;
                    at += length;
                }
                Step::Text => self.at_line_start = false,
                Step::Hide(length, closing) => {
                    self.hidden_until = Some(closing);
                    at += length;
                }
                Step::Show(length) => {
                    self.hidden_until = None;
                    self.output.gap();
                    at += length;
                }
                Step::Wait => break,
                Step::End => {
                    self.ended = true;
                    at = self.pending.len();
                }
            }
        }
        self.pending.drain(..at);
    }

    fn step(&self, rest: &str, last: bool) -> Step {
        if let Some(closing) = self.hidden_until {
            return match rest.find(closing) {
                Some(at) => Step::Show(at + closing.len()),
                None if last => Step::Drop(rest.len()),
                None => Step::Wait,
            };
        }
        if self.at_line_start { self.line_start(rest, last) } else { self.inline(rest, last) }
    }
}

/// What is spoken of a text that somebody gives: every word of it, without Markdown's marks and without emoji. The target
/// of a link is one of the marks where the link has a text.
pub fn every_word(text: &str) -> String {
    let mut speakable = Speakable::every_word();
    let mut said = speakable.push(text);
    said.push_str(&speakable.finish());
    said
}

/// What a search for a closing mark finds.
enum Found {
    /// At this byte.
    At(usize),
    Nowhere,
    /// More text may hold it.
    Unknown,
}

/// Looks for `is_end` on the same line, within `limit` bytes, so that an opening mark without its closing one never
/// holds the reply back for long.
fn find_within(text: &str, limit: usize, last: bool, is_end: impl Fn(&str) -> bool) -> Found {
    for (at, c) in text.char_indices() {
        if c == '\n' || at > limit {
            return Found::Nowhere;
        }
        if is_end(&text[at..]) {
            return Found::At(at);
        }
    }
    if last { Found::Nowhere } else { Found::Unknown }
}

#[cfg(test)]
mod tests;
