//! Marks that stand at the start of a line: headings, lists, quotes, rules, fences, tables, role markers.

use super::role::Marker;
use super::{Found, Line, Speakable, Step};

/// The longest line that may turn out to be nothing but marks.
const MARKS_LIMIT: usize = 200;

const FENCE: &str = "```";

impl Speakable {
    pub(super) fn line_start(&self, rest: &str, last: bool) -> Step {
        let body = rest.trim_start_matches([' ', '\t', '\r']);
        let indent = rest.len() - body.len();
        let Some(first) = body.chars().next() else {
            return if last { Step::Drop(rest.len()) } else { Step::Wait };
        };
        if first == '\n' {
            return Step::EndParagraph(indent + 1);
        }
        match self.role(body, last, true) {
            Marker::Own(length) => return Step::Drop(indent + length),
            Marker::Other => return Step::End,
            Marker::Unknown => return Step::Wait,
            Marker::None => {}
        }
        let mark = match first {
            '#' => heading(body, last),
            '>' => Some(Step::Becomes(self.line, 1)),
            '`' if self.says_every_word() => fence_around_words(body, last),
            '`' => fence(body, last),
            '|' => table(body, last),
            '-' | '*' | '_' | '=' | '+' | '•' | '–' => marks(body, first, last),
            // The number of an item is a word of it; behind it the line is an item's.
            '0'..='9' if self.says_every_word() => match number(body, last) {
                Some(Step::Becomes(..)) if self.line == Line::Item => None,
                Some(Step::Becomes(line, _)) => return Step::Becomes(line, 0),
                step => step,
            },
            '0'..='9' => number(body, last),
            _ => None,
        };
        match mark {
            None => Step::Text,
            Some(Step::Becomes(line, length)) => Step::Becomes(line, indent + length),
            Some(Step::EndParagraph(length)) => Step::EndParagraph(indent + length),
            Some(step) => step,
        }
    }
}

/// `## Rest`
fn heading(body: &str, last: bool) -> Option<Step> {
    let marks = body.len() - body.trim_start_matches('#').len();
    match body[marks..].chars().next() {
        None if !last && marks <= 6 => Some(Step::Wait),
        Some(' ') if marks <= 6 => Some(Step::Becomes(Line::Item, marks)),
        _ => None,
    }
}

/// The line of a code fence. Code of a language isn't said, anything else between fences is read as text.
fn fence(body: &str, last: bool) -> Option<Step> {
    if !body.starts_with(FENCE) {
        return (FENCE.starts_with(body) && !last).then_some(Step::Wait);
    }
    match line_end(body, last) {
        Found::At(end) => {
            let language = body[FENCE.len()..end].trim();
            let text = matches!(language, "" | "text" | "txt" | "plaintext" | "markdown" | "md");
            Some(if text { Step::EndParagraph(end) } else { Step::Hide(end, FENCE) })
        }
        // A language's name is short; a longer line is text between marks.
        Found::Nowhere => None,
        Found::Unknown => Some(Step::Wait),
    }
}

/// As [`fence`], where what stands between the fences is said whatever it is. The name of its language belongs to the
/// fence; without a fence that closes it, it is a word.
fn fence_around_words(body: &str, last: bool) -> Option<Step> {
    if !body.starts_with(FENCE) {
        return (FENCE.starts_with(body) && !last).then_some(Step::Wait);
    }
    let Some((info, code)) = body[FENCE.len()..].split_once('\n') else {
        return (!last).then_some(Step::Wait);
    };
    let name = info.trim();
    let named = !name.contains(|c: char| c.is_whitespace() || c == '`');
    match code.contains(FENCE) {
        true if named => Some(Step::EndParagraph(FENCE.len() + info.len())),
        false if named && !name.is_empty() && !last => Some(Step::Wait),
        _ if name.is_empty() => Some(Step::EndParagraph(FENCE.len() + info.len())),
        _ => None,
    }
}

/// A row of a table, or the line under its head, which nobody says.
fn table(body: &str, last: bool) -> Option<Step> {
    Some(match only(body, &['|', '-', ':'], last) {
        Found::At(end) => Step::EndParagraph(end),
        Found::Nowhere => Step::Becomes(Line::TableRow, 1),
        Found::Unknown => Step::Wait,
    })
}

/// A rule or underline (`---`, `* * *`, `====`), or an item of a list.
fn marks(body: &str, mark: char, last: bool) -> Option<Step> {
    match only(body, &[mark], last) {
        Found::Unknown => return Some(Step::Wait),
        Found::At(end) if body[..end].matches(mark).count() >= 2 => return Some(Step::EndParagraph(end)),
        _ => {}
    }
    let bullet = mark.len_utf8();
    let item = !matches!(mark, '_' | '=') && body[bullet..].starts_with([' ', '\t']);
    if !item {
        return None;
    }
    // The box of a task: "- [x] eat".
    let text = body[bullet..].trim_start_matches([' ', '\t']);
    let at = body.len() - text.len();
    let mut marks = text.chars().take(4);
    let ticked = [marks.next(), marks.next(), marks.next(), marks.next()];
    Some(match ticked {
        [None, ..] | [Some('['), None, ..] | [Some('['), Some(' ' | 'x' | 'X'), None, _] if !last => Step::Wait,
        [Some('['), Some(' ' | 'x' | 'X'), Some(']'), None] if !last => Step::Wait,
        [Some('['), Some(' ' | 'x' | 'X'), Some(']'), Some(' ')] => Step::Becomes(Line::Item, at + 3),
        _ => Step::Becomes(Line::Item, bullet),
    })
}

/// `1. ` or `2) `; longer numbers are years and amounts.
fn number(body: &str, last: bool) -> Option<Step> {
    let digits = body.len() - body.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if digits > 2 {
        return None;
    }
    let mut after = body[digits..].chars();
    match (after.next(), after.next()) {
        (None, _) | (Some('.' | ')'), None) if !last => Some(Step::Wait),
        (Some('.' | ')'), Some(' ' | '\t')) => Some(Step::Becomes(Line::Item, digits + 1)),
        _ => None,
    }
}

/// The end of a line that holds nothing but `marks` and white space.
fn only(body: &str, marks: &[char], last: bool) -> Found {
    let marked = body.trim_start_matches(|c| marks.contains(&c) || matches!(c, ' ' | '\t' | '\r'));
    match marked.chars().next() {
        Some('\n') | None => line_end(body, last),
        Some(_) => Found::Nowhere,
    }
}

/// Behind the newline, or at the end of the text.
fn line_end(body: &str, last: bool) -> Found {
    match body.bytes().take(MARKS_LIMIT).position(|byte| byte == b'\n') {
        Some(at) => Found::At(at + 1),
        None if body.len() >= MARKS_LIMIT => Found::Nowhere,
        None if last => Found::At(body.len()),
        None => Found::Unknown,
    }
}
