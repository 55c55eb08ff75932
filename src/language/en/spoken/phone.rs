//! Numbers whose digits are said one by one: telephones, crisis lines, releases, addresses of machines.

use super::rule::{Found, Rule};
use super::words::{digits, whole};

/// Those that are known by their digits wherever they stand beside a call.
const LINES: &[&str] = &["911", "999", "112", "988", "111", "101", "000", "110", "119", "211", "311", "411", "811"];

const CALLS: &[&str] = &[
    "call",
    "dial",
    "ring",
    "phone",
    "text",
    "calling",
    "dialling",
    "dialing",
    "dialed",
    "dialled",
    "texting",
    "talk",
    "reach",
    "contact",
    "number",
    "line",
    "helpline",
    "lines",
    "lifeline",
    "hotline",
    "numbers",
    "emergency",
    "crisis",
];

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule::new(r"\+[0-9][0-9() .-]{5,18}[0-9]", |found| {
            found.stands_alone().then(|| format!("plus {}", grouped(&found.whole()[1..])))
        }),
        Rule::new(r"\([0-9]{2,5}\)[ ]?[0-9]{3,4}[ -]?[0-9]{3,4}", said),
        Rule::new(r"(?:1-)?[0-9]{3}[-. ][0-9]{3}[-. ][0-9]{4}", said),
        Rule::new(r"0[0-9]{2,4}[ -][0-9]{3,4}(?:[ -][0-9]{3,4})?", said),
        Rule::new(r"0[0-9]{9,10}", said),
        Rule::new(r"[0-9]{3}-[0-9]{4}", said),
        Rule::new(r"[0-9]{4}(?:[ -][0-9]{4}){2,4}", said),
        // "116 123"
        Rule::new(r"[1-9][0-9]{2} [0-9]{3}", |found| {
            (found.stands_alone() && !found.whole().ends_with("000")).then(|| grouped(found.whole()))
        }),
        Rule::new(r"[0-9]{3}", line),
        Rule::new(r"(?P<v>\b[vV])?(?P<n>[0-9]{1,5}(?:\.[0-9]{1,5}){2,5})\b", |found| {
            if !alone(found) {
                return None;
            }
            let parts: Vec<&str> = found.text("n").split('.').collect();
            // Four of them are a machine's address, whose parts are no amounts.
            let machine = parts.len() == 4 && found.part("v").is_none();
            let said: Vec<String> = parts.iter().map(|part| if machine { digits(part) } else { whole(part) }).collect();
            let version = if found.part("v").is_some() { "version " } else { "" };
            Some(format!("{version}{}", said.join(if machine { " dot " } else { " point " })))
        }),
        Rule::new(r"\b[vV](?P<n>[0-9]{1,3}(?:\.[0-9]{1,4})?)\b", |found| {
            alone(found).then(|| format!("version {}", super::words::decimal(found.text("n"))))
        }),
    ]
}

fn alone(found: &Found<'_>) -> bool {
    found.last().is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '.' | '-' | '/'))
        && found.next().is_none_or(|c| !c.is_alphanumeric())
}

fn said(found: &Found<'_>) -> Option<String> {
    let joined = found.last().is_some_and(|c| matches!(c, '$' | '£' | '€' | '-'));
    (found.stands_alone() && !joined).then(|| grouped(found.whole()))
}

/// The digits, with a pause between the groups they are written in.
/// "116 123" → "one one six, one two three".
pub(super) fn grouped(text: &str) -> String {
    let groups: Vec<String> =
        text.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty()).map(digits).collect();
    groups.join(", ")
}

fn line(found: &Found<'_>) -> Option<String> {
    if !found.stands_alone() || found.last().is_some_and(|c| matches!(c, '$' | '£' | '€' | '-')) {
        return None;
    }
    let number = found.whole();
    // Within the sentence.
    let before = found.before();
    let sentence = &before[before.rfind(['!', '?', ';']).map_or(0, |at| at + 1)..];
    let mut words = sentence.rsplit(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).take(8);
    let called =
        words.any(|word| CALLS.contains(&word.to_lowercase().as_str()) || word != number && LINES.contains(&word));
    let direct = matches!(found.word_before().to_lowercase().as_str(), "dial" | "dialed" | "dialled" | "ring");
    let known = LINES.contains(&number);
    let follows = matches!(found.word_after(), "call" | "calls" | "operator" | "lifeline" | "Lifeline");
    let counts = found.word_after().ends_with('s') && !matches!(found.word_after(), "is" | "was" | "calls");
    (direct || known && !counts && (called || follows || number == "911")).then(|| digits(number))
}
