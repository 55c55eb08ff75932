//! Times of day: "8:00", "7:45am", "9 p.m.", "19:30".

use super::rule::{Found, Rule};
use super::words::{cardinal, value};

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule::new(
            r"(?P<h>[0-9]{1,2}):(?P<m>[0-9]{2})(?::(?P<s>[0-9]{2}))?(?:\s?(?P<half>[AaPp]\.?\s?[Mm]\b\.?))?",
            clock,
        ),
        Rule::new(r"(?P<h>[0-9]{1,2})\s?(?P<half>[AaPp]\.?[Mm]\b\.?)", |found| {
            let hour = value(found.text("h")).filter(|hour| *hour <= 12)?;
            (alone_before(found) && alone_behind(found)).then(|| format!("{} {}", cardinal(hour), half(found)))
        }),
        // "nine a.m.", where the hour is written out
        Rule::new(r"\b(?P<half>[ap]\.\s?m\b\.?)", |found| alone_behind(found).then(|| half(found))),
        Rule::new(r"(?P<h>[0-9]{1,2})(?P<clock>\s?o['’]\s?clock)\b", |found| {
            let hour = value(found.text("h"))?;
            alone_before(found).then(|| format!("{} o'clock", cardinal(hour)))
        }),
        // "24/7"
        Rule::new(r"\b24/7\b", |found| found.stands_alone().then(|| "twenty-four seven".to_owned())),
    ]
}

fn alone_before(found: &Found<'_>) -> bool {
    found.last().is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '.' | ',' | ':' | '/'))
}

fn alone_behind(found: &Found<'_>) -> bool {
    found.next().is_none_or(|c| !c.is_alphanumeric())
}

/// "A.M" or "P.M", with the full stop of the sentence where it ended there.
fn half(found: &Found<'_>) -> String {
    let letter = if found.text("half").starts_with(['a', 'A']) { "A.M" } else { "P.M" };
    let dated = DAYS.iter().any(|day| found.word_after().starts_with(day));
    format!("{letter}{}", if dated { "" } else { found.stop() })
}

/// Capitals that go on with the sentence.
const DAYS: &[&str] = &[
    "Mon", "Tues", "Wed", "Thu", "Fri", "Sat", "Sun", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep",
    "Oct", "Nov", "Dec", "GMT", "UTC", "BST", "CET", "CEST", "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT",
];

fn clock(found: &Found<'_>) -> Option<String> {
    let (hour, minute) = (value(found.text("h"))?, value(found.text("m"))?);
    // "2026-01-05T19:30:00": the letter parts date and time.
    let dated = found.before().strip_suffix('T').is_some_and(|date| date.ends_with(|c: char| c.is_ascii_digit()));
    if hour > 24 || minute > 59 || !(dated || alone_before(found)) || !alone_behind(found) {
        return None;
    }
    let halved = found.part("half").is_some();
    let mut words = match (hour, minute) {
        (_, 0) if halved => cardinal(hour),
        (0 | 24, 0) => "midnight".to_owned(),
        (1..=12, 0) => format!("{} o'clock", cardinal(hour)),
        (_, 0) => format!("{} P.M", cardinal(hour - 12)),
        (_, 1..=9) => format!("{} oh {}", cardinal(hour), cardinal(minute)),
        _ => format!("{} {}", cardinal(hour), cardinal(minute)),
    };
    if let Some(second) = found.part("s").and_then(value).filter(|second| *second > 0) {
        words = format!("{words} and {} second{}", cardinal(second), if second == 1 { "" } else { "s" });
    }
    if halved {
        words = format!("{words} {}", half(found));
    }
    Some(words)
}
