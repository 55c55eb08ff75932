//! Signs that are said as words: "&", "@", "²", "§".

use super::rule::Rule;
use super::words::whole;

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule::new("&", |_| Some(" and ".to_owned())),
        Rule::new("@", |_| Some(" at ".to_owned())),
        Rule::new("²", |found| power(found.last(), " squared")),
        Rule::new("³", |found| power(found.last(), " cubed")),
        Rule::new(r"§§?[ ]?", |_| Some("section ".to_owned())),
        Rule::new("°", |found| found.last().is_some_and(char::is_alphanumeric).then(|| " degrees".to_owned())),
        Rule::new("~", |found| found.after().starts_with(|c: char| c.is_ascii_digit()).then(|| "about ".to_owned())),
        Rule::new(r"\^(?P<n>[0-9]{1,3})\b", |found| {
            let words = match found.text("n") {
                "2" => " squared".to_owned(),
                "3" => " cubed".to_owned(),
                power => format!(" to the power of {}", whole(power)),
            };
            power(found.last(), &words)
        }),
        // "7 days/wk"
        Rule::new(r"/(?P<per>day|night|week|wk|month|mo|year|yr|hour|hr|min|person|head)\b", |found| {
            let per = match found.text("per") {
                "wk" => "week",
                "mo" => "month",
                "yr" => "year",
                "hr" => "hour",
                "min" => "minute",
                per => per,
            };
            // "day/night" is a pair.
            let before = found.before();
            let word = &before[before.trim_end_matches(char::is_alphabetic).len()..];
            let counted = word.is_empty() || word.ends_with('s') || word.len() < 3;
            (counted && found.last().is_some_and(char::is_alphanumeric)).then(|| format!(" per {per}"))
        }),
        // "and/or", "he/she"
        Rule::new(r"/", |found| {
            let before = found.before();
            let word = &before[before.trim_end_matches(char::is_alphanumeric).len()..];
            let next = found.after();
            let next = &next[..next.len() - next.trim_start_matches(char::is_alphanumeric).len()];
            let letters = word.contains(char::is_alphabetic) || next.contains(char::is_alphabetic);
            if word.is_empty() || next.is_empty() || !letters {
                return None;
            }
            let pair = |word: &str| matches!(word.to_lowercase().as_str(), "and" | "or");
            let either = |word: &str| {
                matches!(
                    word.to_lowercase().as_str(),
                    "he" | "she"
                        | "him"
                        | "her"
                        | "his"
                        | "hers"
                        | "they"
                        | "them"
                        | "yes"
                        | "no"
                        | "s"
                        | "mother"
                        | "father"
                        | "mum"
                        | "dad"
                )
            };
            Some(if pair(word) || pair(next) {
                " ".to_owned()
            } else if either(word) && either(next) {
                " or ".to_owned()
            } else {
                " slash ".to_owned()
            })
        }),
    ]
}

fn power(last: Option<char>, word: &str) -> Option<String> {
    last.is_some_and(|c| c.is_alphanumeric() || c == ')').then(|| word.to_owned())
}
