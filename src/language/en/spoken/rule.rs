//! Rules that say a written token in words, and the one pass in which they meet a text.

use regex::{Captures, Regex};

/// A token's pattern, and how it is said there; `None` leaves it to the rules behind.
pub(super) struct Rule {
    pattern: Regex,
    say: fn(&Found<'_>) -> Option<String>,
}

impl Rule {
    /// # Panics
    /// Where the pattern is none: patterns are constants of this module.
    pub(super) fn new(pattern: &str, say: fn(&Found<'_>) -> Option<String>) -> Self {
        Self { pattern: Regex::new(pattern).expect("the pattern is constant"), say }
    }

    /// The first token at or behind byte `from` that this rule says.
    fn next(&self, text: &str, mut from: usize) -> Option<Said> {
        while let Some(captures) = self.pattern.captures_at(text, from) {
            let whole = captures.get(0)?;
            let (start, end) = (whole.start(), whole.end());
            if end > start
                && let Some(words) = (self.say)(&Found { text, start, end, captures })
            {
                return Some(Said { start, end, words });
            }
            from = start + text[start..].chars().next()?.len_utf8();
        }
        None
    }
}

/// A token with what stands around it.
pub(super) struct Found<'t> {
    text: &'t str,
    start: usize,
    end: usize,
    captures: Captures<'t>,
}

impl<'t> Found<'t> {
    pub(super) fn whole(&self) -> &'t str {
        &self.text[self.start..self.end]
    }

    /// The named group, or nothing.
    pub(super) fn part(&self, name: &str) -> Option<&'t str> {
        self.captures.name(name).map(|part| part.as_str())
    }

    pub(super) fn text(&self, name: &str) -> &'t str {
        self.part(name).unwrap_or_default()
    }

    pub(super) fn before(&self) -> &'t str {
        &self.text[..self.start]
    }

    pub(super) fn after(&self) -> &'t str {
        &self.text[self.end..]
    }

    /// The character right before.
    pub(super) fn last(&self) -> Option<char> {
        self.before().chars().next_back()
    }

    /// The character right behind.
    pub(super) fn next(&self) -> Option<char> {
        self.after().chars().next()
    }

    /// The word before, past white space, with its marks cut off; empty where a sentence begins or there is none.
    pub(super) fn word_before(&self) -> &'t str {
        let before = self.before().trim_end();
        let word = before.rsplit(char::is_whitespace).next().unwrap_or_default();
        if word.ends_with(['!', '?', ';', ':']) { "" } else { trim_marks(word) }
    }

    /// The word behind, past white space; empty where a mark stands between.
    pub(super) fn word_after(&self) -> &'t str {
        let after = self.after();
        let word = after.trim_start();
        if word.len() == after.len() {
            return "";
        }
        let end = word.find(|c: char| !c.is_alphanumeric() && !matches!(c, '\'' | '’' | '-')).unwrap_or(word.len());
        &word[..end]
    }

    /// Whether the token stands alone: no letter, digit or part of a number touches it.
    pub(super) fn stands_alone(&self) -> bool {
        let mut before = self.before().chars().rev();
        let joined_before = match before.next() {
            Some(c) if c.is_alphanumeric() || c == '_' => true,
            Some('.' | ',' | ':' | '/') => before.next().is_some_and(|c| c.is_ascii_digit()),
            _ => false,
        };
        let mut after = self.after().chars();
        let joined_after = match after.next() {
            Some(c) if c.is_alphanumeric() || c == '_' => true,
            Some('.' | ',' | ':' | '/') => after.next().is_some_and(|c| c.is_ascii_digit()),
            _ => false,
        };
        !joined_before && !joined_after
    }

    /// Whether a full stop at the token's end also ends the sentence.
    pub(super) fn ends_sentence(&self) -> bool {
        let after = self.after().trim_start_matches(['"', '”', '\'', '’', ')']);
        let rest = after.trim_start();
        let next = rest.trim_start_matches(['"', '“', '\'', '‘', '(']).chars().next();
        rest.is_empty() || rest.len() < after.len() && next.is_some_and(char::is_uppercase)
    }

    /// The full stop that the token's own took along, where it ended the sentence.
    pub(super) fn stop(&self) -> &'static str {
        if self.whole().ends_with('.') && self.ends_sentence() { "." } else { "" }
    }
}

fn trim_marks(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric())
}

struct Said {
    start: usize,
    end: usize,
    words: String,
}

/// Says each token once, the earliest first, and of those that begin together the one whose rule stands first. What no
/// rule says stays as it is.
pub(super) fn rewrite(text: &str, rules: &[Rule]) -> String {
    let mut said: Vec<Option<Said>> = rules.iter().map(|rule| rule.next(text, 0)).collect();
    let mut output = String::with_capacity(text.len() * 2);
    let mut at = 0;
    loop {
        let first =
            said.iter().enumerate().filter_map(|(index, said)| said.as_ref().map(|said| (said.start, index))).min();
        let Some(token) = first.and_then(|(_, index)| said[index].take()) else { break };
        output.push_str(&text[at..token.start]);
        append(&mut output, &token.words, &text[token.end..]);
        at = token.end;
        for (rule, next) in rules.iter().zip(&mut said) {
            // A rule that has found nothing more stays without; the one just taken looks on.
            if next.as_ref().is_some_and(|next| next.start < at) {
                *next = rule.next(text, at);
            }
        }
        if let Some((_, index)) = first
            && said[index].is_none()
        {
            said[index] = rules[index].next(text, at);
        }
    }
    output.push_str(&text[at..]);
    output
}

fn begins_sentence(output: &str) -> bool {
    let before = output.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '“' | '\'' | '‘' | '('));
    let ended = before.trim_end_matches(['"', '”', '\'', '’', ')']);
    ended.ends_with(['.', '!', '?']) && !ended.ends_with("..") && output[ended.len()..].contains(char::is_whitespace)
}

/// Words don't grow together with what was written close to the token.
fn append(output: &mut String, words: &str, after: &str) {
    let joins = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    if joins(output.chars().next_back()) && joins(words.chars().next()) {
        output.push(' ');
    }
    // Words of a sign bring blanks of their own.
    let words = if output.is_empty() || output.ends_with(char::is_whitespace) { words.trim_start() } else { words };
    let mut letters = words.chars();
    match letters.next() {
        // espeak-ng makes no pause at a full stop before a small letter.
        Some(first) if begins_sentence(output) => {
            output.extend(first.to_uppercase());
            output.push_str(letters.as_str());
        }
        _ => output.push_str(words),
    }
    if joins(words.chars().next_back()) && joins(after.chars().next()) {
        output.push(' ');
    }
    if words.ends_with(' ') && after.starts_with(' ') {
        output.pop();
    }
}
