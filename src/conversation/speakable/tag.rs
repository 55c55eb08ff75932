//! Marks between `<` and `>` in a text whose every word is said: HTML's own are none, anything else is.

use super::{Found, Step, find_within};

/// The longest tag, in bytes.
const LIMIT: usize = 512;

/// HTML's elements that stand within or around a text.
const ELEMENTS: &[&str] = &[
    "a",
    "abbr",
    "article",
    "aside",
    "b",
    "big",
    "blockquote",
    "body",
    "br",
    "button",
    "caption",
    "center",
    "cite",
    "code",
    "dd",
    "del",
    "details",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "font",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "header",
    "hr",
    "html",
    "i",
    "img",
    "ins",
    "kbd",
    "label",
    "li",
    "main",
    "mark",
    "nav",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "samp",
    "section",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
    "wbr",
];

/// What `<` begins: an element's tag, which isn't said; words between marks, which are; or "less than".
pub(super) fn markup(rest: &str, last: bool) -> Step {
    match rest[1..].chars().next() {
        Some('|') => return Step::Gap(2),
        Some(c) if c.is_alphabetic() || matches!(c, '/' | '!') => {}
        _ => return Step::Say(1, "<".into()),
    }
    match find_within(rest, LIMIT, last, |text| text.starts_with('>')) {
        Found::At(end) => match element(&rest[1..end]) {
            None => Step::Gap(1),
            // "a<b>c" compares, unless the element is closed.
            Some(name) if name.len() == 1 && !rest.starts_with("</") => {
                match rest[end..].contains(&format!("</{name}>")) {
                    true => Step::Gap(end + 1),
                    false if last => Step::Gap(1),
                    false => Step::Wait,
                }
            }
            Some(_) => Step::Gap(end + 1),
        },
        Found::Nowhere => Step::Say(1, "<".into()),
        Found::Unknown => Step::Wait,
    }
}

/// The name of `b`, `/b`, `br/`, `a href="…"`. One with words behind it that are no attributes is a text.
fn element(inner: &str) -> Option<&str> {
    let inner = inner.strip_prefix('/').unwrap_or(inner);
    let inner = inner.strip_suffix('/').unwrap_or(inner).trim_end();
    let (name, attributes) = inner.split_once(char::is_whitespace).unwrap_or((inner, ""));
    let known = ELEMENTS.contains(&name.to_ascii_lowercase().as_str());
    (known && (attributes.trim().is_empty() || attributes.contains('='))).then_some(name)
}
