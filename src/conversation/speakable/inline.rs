//! Marks within a line: emphasis, stage directions, links, tags, addresses, emoji.

use super::direction::is_direction;
use super::role::Marker;
use super::symbol::is_speakable;
use super::tag::markup;
use super::{Found, Line, Speakable, Step, find_within};

/// The longest stage direction, and the longest text between brackets, in bytes.
const INNER_LIMIT: usize = 160;
/// The longest address, and the longest tag.
const ADDRESS_LIMIT: usize = 512;
/// The longest `<|control token|>`.
const CONTROL_LIMIT: usize = 40;

const FACES: &[&str] =
    &[":-)", ":)", ";-)", ";)", ":-D", ":D", ":-(", ":(", ":-P", ":P", ":')", ":'(", ":-/", ":-|", ":3", ":*"];

const ENTITIES: &[(&str, &str)] = &[
    ("&amp;", " and "),
    ("&nbsp;", " "),
    ("&quot;", "\""),
    ("&#39;", "'"),
    ("&apos;", "'"),
    ("&lt;", "<"),
    ("&gt;", ">"),
];

impl Speakable {
    pub(super) fn inline(&self, rest: &str, last: bool) -> Step {
        let mut characters = rest.chars();
        let Some(c) = characters.next() else { return Step::Wait };
        let next = characters.next();
        if next.is_none() && !last && (needs_neighbour(c) || c == '|' && self.says_every_word()) {
            return Step::Wait;
        }
        if self.output.at_sentence_start() && c.is_alphabetic() {
            match self.role(rest, last, false) {
                Marker::Own(length) => return Step::Drop(length),
                Marker::Other => return Step::End,
                Marker::Unknown => return Step::Wait,
                Marker::None => {}
            }
        }
        match c {
            '\n' => Step::EndLine(1),
            c if c.is_whitespace() => Step::Gap(c.len_utf8()),
            '*' | '_' => self.emphasis(rest, c, last),
            '~' => tilde(rest, next),
            '(' if !self.says_every_word() => parenthesis(rest, last),
            '[' => self.bracket(rest, last),
            // Read as a link's: what it shows in words.
            '!' if next == Some('[') && self.says_every_word() => Step::Drop(1),
            '!' if next == Some('[') => image(rest, last),
            '<' if self.says_every_word() => markup(rest, last),
            '<' => self.tag(rest, next, last),
            '|' if next == Some('>') && self.says_every_word() => Step::Gap(2),
            '>' if self.output.neighbour().is_some() => Step::Gap(1),
            '&' => entity(rest, last),
            ':' | ';' if self.output.neighbour().is_none() => face(rest, c, last, self.says_every_word()),
            'h' | 'H' | 'w' | 'W' if self.output.at_word_start() => address(rest, c, last, self.says_every_word()),
            '|' if self.line == Line::TableRow => cell_end(rest, last),
            '|' | '\\' | '{' | '}' => Step::Gap(1),
            '#' if next.is_some_and(|next| next.is_ascii_digit()) => Step::Say(1, "number ".into()),
            // "#rest" and "C#" are read with it.
            '#' if self.says_every_word()
                && (self.output.neighbour().is_some() || next.is_some_and(char::is_alphabetic)) =>
            {
                Step::Say(1, "#".into())
            }
            '#' => Step::Drop(1),
            // A keycap: the digit is a picture.
            '0'..='9' if next == Some('\u{FE0F}') => Step::Gap(1),
            c if is_speakable(c) => Step::Say(c.len_utf8(), c.into()),
            '`' | ']' => Step::Drop(1),
            c => Step::Gap(c.len_utf8()),
        }
    }

    fn emphasis(&self, rest: &str, mark: char, last: bool) -> Step {
        let run = rest.len() - rest.trim_start_matches(mark).len();
        let after = rest[run..].chars().next();
        if after.is_none() && !last {
            return Step::Wait;
        }
        if run > 1 {
            return Step::Drop(run);
        }
        let before = self.output.neighbour();
        let joins = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        if joins(before) && joins(after) {
            let product = mark == '*' && before.is_some_and(|c| c.is_ascii_digit());
            return if product { Step::Say(1, " times ".into()) } else { Step::Gap(1) };
        }
        if after.is_none_or(char::is_whitespace) {
            return self.lone_mark(rest, mark, last);
        }
        if before.is_some_and(|c| !matches!(c, '(' | '"' | '\'' | '“' | '‘' | '—' | '–' | '-')) {
            return Step::Drop(1);
        }
        if self.says_every_word() {
            return Step::Drop(1);
        }
        let inner = &rest[1..];
        let length = match find_within(inner, INNER_LIMIT, last, |text| text.starts_with(mark)) {
            Found::At(length) => length,
            Found::Nowhere => return Step::Drop(1),
            Found::Unknown => return Step::Wait,
        };
        let behind = inner[length + 1..].trim_start_matches([' ', '\t', '\r']);
        let follows = match behind.chars().next() {
            None if !last => return Step::Wait,
            follows => follows,
        };
        let standalone = self.output.at_sentence_start()
            && follows.is_none_or(|c| c == '\n' || c == '"' || c == mark || c.is_uppercase());
        if is_direction(&inner[..length], standalone) { Step::Gap(length + 2) } else { Step::Drop(1) }
    }

    /// A mark before white space: it closes emphasis, multiplies two numbers, or stands for nothing.
    fn lone_mark(&self, rest: &str, mark: char, last: bool) -> Step {
        let number_before = self.output.last().is_some_and(|c| c.is_ascii_digit());
        if mark != '*' || self.output.neighbour().is_some() || !number_before {
            return Step::Drop(1);
        }
        match rest[1..].trim_start_matches(' ').chars().next() {
            None if !last => Step::Wait,
            Some('0'..='9') => Step::Say(1, "times".into()),
            _ => Step::Drop(1),
        }
    }

    /// `[text](address)`, `[sighs]`, `[1]`, `[ ]`, or a template's mark.
    fn bracket(&self, rest: &str, last: bool) -> Step {
        let length = match find_within(&rest[1..], INNER_LIMIT, last, |text| text.starts_with(']')) {
            Found::At(length) => length,
            Found::Nowhere => return Step::Drop(1),
            Found::Unknown => return Step::Wait,
        };
        let inner = &rest[1..=length];
        let behind = &rest[length + 2..];
        if matches!(inner, "INST" | "/INST") && !self.says_every_word() {
            return self.control(length + 2);
        }
        let mut whole = length + 2;
        match behind.chars().next() {
            None if !last => return Step::Wait,
            Some('(') => match find_within(behind, ADDRESS_LIMIT, last, |text| text.starts_with(')')) {
                Found::At(end) => {
                    let target = behind[1..end].to_owned();
                    let unsaid = self.says_every_word() && !inner.contains(char::is_alphanumeric);
                    return Step::Unwrap(whole + end + 1, if unsaid { target } else { inner.to_owned() });
                }
                Found::Nowhere => {}
                Found::Unknown => return Step::Wait,
            },
            Some(':') if inner.starts_with('^') => whole += 1,
            _ => {}
        }
        let footnote = inner.trim_start_matches('^').chars().all(|c| c.is_ascii_digit());
        let tick = matches!(inner.trim(), "" | "x" | "X");
        if !self.says_every_word() && (footnote || tick || is_direction(inner, false)) {
            return Step::Gap(whole);
        }
        Step::Unwrap(whole, inner.to_owned())
    }

    /// A control token, a tag, a heart, or "less than".
    fn tag(&self, rest: &str, next: Option<char>, last: bool) -> Step {
        match next {
            Some('|') => match find_within(rest, CONTROL_LIMIT, last, |text| text.starts_with("|>")) {
                Found::At(end) => {
                    let opens = matches!(&rest[2..end.max(2)], "im_start" | "start_header_id");
                    if opens && !self.output.said_anything() {
                        return header(rest, end + 2, last);
                    }
                    self.control(end + 2)
                }
                Found::Nowhere => Step::Drop(2),
                Found::Unknown => Step::Wait,
            },
            Some('3') => Step::Gap(2),
            Some(c) if c.is_ascii_alphabetic() || matches!(c, '/' | '!') => {
                // `<https://…>`: the address is read next.
                if ["http", "www."].iter().any(|start| rest[1..].starts_with(start)) {
                    return Step::Drop(1);
                }
                match find_within(rest, ADDRESS_LIMIT, last, |text| text.starts_with('>')) {
                    Found::At(end) => match rest[1..end].to_ascii_lowercase().as_str() {
                        "s" | "/s" => self.control(end + 1),
                        "think" => Step::Hide(end + 1, "</think>"),
                        "thinking" => Step::Hide(end + 1, "</thinking>"),
                        _ => Step::Gap(end + 1),
                    },
                    Found::Nowhere => Step::Drop(1),
                    Found::Unknown => Step::Wait,
                }
            }
            _ => Step::Say(1, "<".into()),
        }
    }

    /// A template's own mark: a message ends or begins. Before the first word it is a leftover of the prompt.
    fn control(&self, length: usize) -> Step {
        if self.output.said_anything() { Step::End } else { Step::Drop(length) }
    }
}

/// Whether what a character is depends on the next one.
fn needs_neighbour(c: char) -> bool {
    matches!(c, '!' | '<' | '#' | '~' | '*' | '_' | '0'..='9')
}

/// Between two cells of a table, or behind the last.
fn cell_end(rest: &str, last: bool) -> Step {
    match rest[1..].chars().find(|c| !matches!(c, ' ' | '\t' | '\r')) {
        None if !last => Step::Wait,
        None | Some('\n') => Step::Gap(1),
        Some(_) => Step::Say(1, ", ".into()),
    }
}

/// Whose message begins: `<|im_start|>assistant\n`, `<|start_header_id|>assistant<|end_header_id|>`.
fn header(rest: &str, start: usize, last: bool) -> Step {
    let body = &rest[start..];
    let name = body.len() - body.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
    if name == body.len() && !last {
        return Step::Wait;
    }
    match &body[..name] {
        "user" | "system" | "tool" => Step::End,
        _ => Step::Drop(start + name),
    }
}

/// `~~struck~~`, "~5", "hello~"
fn tilde(rest: &str, next: Option<char>) -> Step {
    match next {
        Some(c) if c.is_ascii_digit() => Step::Say(1, "about ".into()),
        _ => Step::Drop(rest.len() - rest.trim_start_matches('~').len()),
    }
}

/// An aside is said; a stage direction isn't.
fn parenthesis(rest: &str, last: bool) -> Step {
    match find_within(&rest[1..], INNER_LIMIT, last, |text| text.starts_with(')')) {
        Found::At(length) if is_direction(&rest[1..=length], false) => Step::Gap(length + 2),
        Found::At(_) | Found::Nowhere => Step::Say(1, "(".into()),
        Found::Unknown => Step::Wait,
    }
}

/// `![what it shows](address)`: a picture is not said.
fn image(rest: &str, last: bool) -> Step {
    match find_within(rest, INNER_LIMIT, last, |text| text.starts_with("](")) {
        Found::At(middle) => match find_within(&rest[middle..], ADDRESS_LIMIT, last, |text| text.starts_with(')')) {
            Found::At(end) => Step::Gap(middle + end + 1),
            Found::Nowhere => Step::Say(1, "!".into()),
            Found::Unknown => Step::Wait,
        },
        Found::Nowhere => Step::Say(1, "!".into()),
        Found::Unknown => Step::Wait,
    }
}

fn entity(rest: &str, last: bool) -> Step {
    for (entity, text) in ENTITIES {
        if rest.starts_with(entity) {
            return Step::Say(entity.len(), (*text).to_owned());
        }
        if entity.starts_with(rest) && !last {
            return Step::Wait;
        }
    }
    Step::Say(1, "&".into())
}

/// A face is a picture. Where every word counts, one with a digit in it may be a number behind a mark.
fn face(rest: &str, c: char, last: bool, every_word: bool) -> Step {
    for face in FACES.iter().filter(|face| !every_word || !face.contains(|c: char| c.is_ascii_digit())) {
        if let Some(behind) = rest.strip_prefix(face) {
            match behind.chars().next() {
                None if !last => return Step::Wait,
                Some(c) if c.is_alphanumeric() => {}
                _ => return Step::Gap(face.len()),
            }
        }
        if face.starts_with(rest) && !last {
            return Step::Wait;
        }
    }
    Step::Say(1, c.into())
}

/// An address is said as its host: "https://www.example.org/a?b" → "example.org"; where every word counts, whole.
fn address(rest: &str, c: char, last: bool, every_word: bool) -> Step {
    const STARTS: [&str; 3] = ["https://", "http://", "www."];
    let is_start = |text: &str, start: &str| {
        let length = text.len().min(start.len());
        text.get(..length).is_some_and(|text| text.eq_ignore_ascii_case(&start[..length]))
    };
    let Some(start) = STARTS.iter().find(|start| is_start(rest, start)) else {
        return Step::Say(c.len_utf8(), c.into());
    };
    if rest.len() < start.len() {
        return if last { Step::Say(c.len_utf8(), c.into()) } else { Step::Wait };
    }
    let end = rest.floor_char_boundary(ADDRESS_LIMIT);
    let end =
        rest[..end].find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | ')' | ']' | '}' | '”' | '*'));
    let end = match end {
        None if !last && rest.len() < ADDRESS_LIMIT => return Step::Wait,
        end => end.unwrap_or(rest.floor_char_boundary(ADDRESS_LIMIT)),
    };
    let whole = rest[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', '\'']);
    if every_word {
        return Step::Say(whole.len().max(1), whole.to_owned());
    }
    if whole.len() <= start.len() {
        return Step::Gap(whole.len().max(1));
    }
    let host = whole[start.len()..].split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    let host = if start.starts_with("http") { host.strip_prefix("www.").unwrap_or(host) } else { host };
    Step::Say(whole.len(), host.to_owned())
}
