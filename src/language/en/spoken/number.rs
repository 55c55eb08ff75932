//! Numbers by themselves: whole ones, decimals, ordinals, negatives, magnitudes, and years.

use super::rule::{Found, Rule};
use super::words::{cardinal, decimal, digits, ordinal, pairs, plural, value, whole, year};

/// A whole number, or one with a fraction.
pub(super) const NUMBER: &str = r"(?:(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)";

/// Words before a year.
const YEAR_BEFORE: &[&str] = &[
    "in",
    "since",
    "from",
    "until",
    "till",
    "by",
    "before",
    "after",
    "around",
    "circa",
    "during",
    "of",
    "year",
    "years",
    "early",
    "late",
    "mid",
    "spring",
    "summer",
    "autumn",
    "fall",
    "winter",
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "jan",
    "feb",
    "mar",
    "apr",
    "jun",
    "jul",
    "aug",
    "sep",
    "sept",
    "oct",
    "nov",
    "dec",
];

/// Words in -s that count nothing.
const NOT_COUNTED: &[&str] = &["is", "was", "has", "as", "this", "its", "his", "us", "does", "yes", "thus", "always"];

/// What is known by a number that is said in pairs: "room 204" is "two oh four".
const IN_PAIRS: &[&str] = &["room", "flight", "bus", "train", "suite", "highway", "boeing", "airbus"];

/// What is known by a number whose digits are said one by one.
const BY_DIGIT: &[&str] =
    &["code", "pin", "zip", "postcode", "extension", "account", "password", "id", "dial", "extn", "ext"];

/// Whose number has a release behind its point: "Python 3.12" is "three point twelve".
const RELEASES: &[&str] = &["version", "release", "python", "ios", "android", "macos", "ubuntu", "firmware", "v"];

/// Before the units, since "s" is one: "the 1980s", "the '90s", "in her 30s".
pub(super) fn decades() -> Vec<Rule> {
    vec![Rule::new(r"['’‘]?\b(?P<n>[0-9]{2,4})['’]?s\b", decade)]
}

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule::new(r"\b(?P<n>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:st|nd|rd|th)\b", |found| {
            alone_before(found).then(|| value(found.text("n")).map(ordinal))?
        }),
        // "the class of '99"
        Rule::new(r"['’‘](?P<n>[0-9]{2})\b", |found| {
            let opens = found.last().is_none_or(|c| c.is_whitespace() || matches!(c, '(' | '-' | '–'));
            let closes = found.next().is_none_or(|c| !matches!(c, '\'' | '’' | '"') && !c.is_alphanumeric());
            let rest = value(found.text("n"))?;
            (opens && closes).then(|| if rest < 10 { format!("oh {}", cardinal(rest)) } else { cardinal(rest) })
        }),
        Rule::new(&format!(r"(?P<sign>[-−–])?(?P<n>{NUMBER})[ ]?(?P<mag>bn|tn|mn|mln|k|K)\b"), magnitude),
        Rule::new(&format!(r"(?P<sign>[-−–])(?P<n>{NUMBER})"), |found| {
            let opens = found.last().is_none_or(|c| c.is_whitespace() || matches!(c, '(' | '[' | '=' | '"' | '“'));
            (opens && alone_behind(found)).then(|| format!("minus {}", decimal(found.text("n"))))
        }),
        Rule::new(r"(?P<n>[0-9]{1,3}(?: 000)+)\b", |found| found.stands_alone().then(|| whole(found.text("n")))),
        Rule::new(r"[0-9]+\.[0-9]+", release),
        Rule::new(r"[0-9]{3,6}", in_context),
        Rule::new(r"[0-9]{4}", lone_year),
        Rule::new(NUMBER, plain),
    ]
}

/// No letter or number is joined to its start.
fn alone_before(found: &Found<'_>) -> bool {
    let mut before = found.before().chars().rev();
    match before.next() {
        Some('.' | ',') => before.next().is_none_or(|c| !c.is_ascii_digit()),
        Some(c) => !c.is_alphanumeric(),
        None => true,
    }
}

fn alone_behind(found: &Found<'_>) -> bool {
    let mut after = found.after().chars();
    match after.next() {
        Some('.' | ',') => after.next().is_none_or(|c| !c.is_ascii_digit()),
        Some(c) => !c.is_alphanumeric(),
        None => true,
    }
}

fn decade(found: &Found<'_>) -> Option<String> {
    let text = found.text("n");
    let number = value(text)?;
    match text.len() {
        4 if number % 10 == 0 => Some(plural(&year(number))),
        // "wait 30s" is a time, "in his 30s" an age; the mark of omission says it is a decade.
        2 if number % 10 == 0 && number >= 20 => {
            let marked = found.whole().starts_with(['\'', '’', '‘']);
            let word = found.word_before().to_lowercase();
            let of_somebody =
                ["the", "his", "her", "their", "my", "your", "our", "early", "late", "mid", "and", "or", "to"];
            (marked || of_somebody.contains(&word.as_str())).then(|| plural(&cardinal(number)))
        }
        _ => None,
    }
}

fn magnitude(found: &Found<'_>) -> Option<String> {
    let name = match found.text("mag") {
        "bn" => "billion",
        "tn" => "trillion",
        "mn" | "mln" => "million",
        _ => "thousand",
    };
    let sign = sign(found)?;
    // A race is called by its letter.
    let article = matches!(found.word_before(), "a" | "A");
    if name == "thousand"
        && (article || matches!(found.word_after(), "run" | "race" | "runs" | "TV" | "video" | "screen"))
    {
        return Some(format!("{sign}{} K", decimal(found.text("n"))));
    }
    alone_before(found).then(|| format!("{sign}{} {name}", decimal(found.text("n"))))
}

/// "minus " where a sign is one; `None` where it is a hyphen behind a word.
pub(super) fn sign(found: &Found<'_>) -> Option<&'static str> {
    if found.part("sign").is_none() {
        return Some("");
    }
    found.last().is_none_or(|c| c.is_whitespace() || matches!(c, '(' | '[' | '=' | '"' | '“')).then_some("minus ")
}

fn release(found: &Found<'_>) -> Option<String> {
    let word = found.word_before().to_lowercase();
    let (number, part) = found.whole().split_once('.')?;
    let known = RELEASES.contains(&word.as_str()) && !part.starts_with('0');
    (known && found.stands_alone()).then(|| format!("{} point {}", whole(number), whole(part)))
}

fn in_context(found: &Found<'_>) -> Option<String> {
    if !found.stands_alone() || found.next() == Some('-') {
        return None;
    }
    let word = found.word_before().to_lowercase();
    let text = found.whole();
    let mut before = found.before().rsplit(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).take(7);
    let ends = found.word_after().is_empty() || matches!(found.word_after(), "and" | "or" | "to" | "for" | "is");
    // "NY 10001"
    let state = text.len() == 5 && found.word_before().len() == 2 && !found.word_before().contains(char::is_lowercase);
    if BY_DIGIT.contains(&word.as_str())
        || state && found.word_before().bytes().all(|byte| byte.is_ascii_uppercase())
        || ends && text.len() > 3 && before.any(|word| BY_DIGIT.contains(&word.to_lowercase().as_str()))
    {
        return Some(digits(text));
    }
    if !IN_PAIRS.contains(&word.as_str()) || text.starts_with('0') || text.len() > 4 {
        return None;
    }
    value(text).map(pairs)
}

/// Four digits are mostly a year; behind a preposition always, before what is counted never.
fn lone_year(found: &Found<'_>) -> Option<String> {
    if !found.stands_alone() {
        return None;
    }
    let number = value(found.whole())?;
    let word = found.word_before().to_lowercase();
    let dated = YEAR_BEFORE.contains(&word.as_str())
        || matches!(found.word_after(), "AD" | "BC" | "BCE" | "CE" | "B.C" | "A.D");
    let next = found.word_after();
    let counts = next.starts_with(char::is_lowercase)
        && next.len() > 2
        && next.ends_with('s')
        && !next.ends_with("ss")
        && !NOT_COUNTED.contains(&next)
        || matches!(next, "people" | "men" | "women" | "children" | "feet");
    let likely = (1100..=2099).contains(&number) && !counts;
    let possible = (1001..=2199).contains(&number) && dated;
    (likely || possible).then(|| year(number))
}

fn plain(found: &Found<'_>) -> Option<String> {
    let text = found.whole();
    // A full stop before a number is a point only where a word doesn't end there.
    if text.starts_with('.') && found.last().is_some_and(|c| c.is_alphanumeric() || c == '.') {
        return None;
    }
    // What is too long to be an amount and isn't round is a number of a document or an account.
    if text.len() >= 8 && text.bytes().all(|byte| byte.is_ascii_digit()) && !text.ends_with("000") {
        return Some(digits(text));
    }
    Some(decimal(text))
}
