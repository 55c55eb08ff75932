//! Addresses of mail and of the web, hashtags, handles and names of files.

use super::rule::Rule;
use super::words::{digits, spelled, value, whole};

/// Ends of a name that make it an address. Those that are words too ("me", "is", "it", "so") need a path or a scheme.
const ENDS: &str = "com|org|net|edu|gov|int|info|biz|io|co|ai|app|dev|uk|us|eu|de|ch|at|fr|es|nl|be|ie|ca|au|nz|jp|cn|br|pl|se|no|dk|fi|pt|cz|ru";

const FILES: &str =
    "txt|pdf|docx?|xlsx?|pptx?|csv|json|toml|yaml|xml|html?|css|js|ts|rs|py|md|jpe?g|png|gif|svg|mp3|mp4|wav|zip|exe";

/// Parts of an address that are said as words although no vowel, or by their letters although they have some.
const SPELLED: &[&str] = &["edu", "io", "uk", "us", "eu", "de", "ie", "ca", "au", "ai", "fr", "co"];

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule::new(r"[\p{L}0-9][\p{L}0-9._%+-]{0,63}@[\p{L}0-9-]{1,63}(?:\.[\p{L}0-9-]{1,63})+", |found| {
            Some(address(found.whole()))
        }),
        Rule::new(r"(?i)(?:mailto:|https?://|wss?://|ftp://)(?P<a>[^\s<>\x22”)\]]{1,500})", |found| {
            let address = found.text("a");
            let body = address.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '’', '*', '_']);
            let marks = &address[body.len()..];
            Some(format!("{}{marks}", self::address(body)))
        }),
        Rule::new(
            &format!(r"(?i)\b(?:[a-z0-9-]{{1,63}}\.){{1,4}}(?:{ENDS})\b(?P<path>/[^\s<>\x22”)\]]{{0,300}})?"),
            |found| {
                let joined = found.last().is_some_and(|c| matches!(c, '.' | '@' | '/' | '-'));
                let whole = found.whole();
                let (host, path) = whole.split_once('/').unwrap_or((whole, ""));
                // "at the end.So it was" has no blank, but no address either; nor has "3.no".
                let end = host.rsplit('.').next().unwrap_or_default();
                let word =
                    matches!(end.to_lowercase().as_str(), "no" | "at" | "be" | "us" | "es" | "de" | "co" | "se" | "fi");
                let start = host.split('.').next().unwrap_or_default();
                let capital = end.starts_with(char::is_uppercase) && !start.starts_with(char::is_uppercase);
                let number = host[..host.len() - end.len()].bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
                let sure = host.to_lowercase().starts_with("www.") || !path.is_empty() || host.matches('.').count() > 1;
                if joined || number || capital || word && !sure {
                    return None;
                }
                let body = whole.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '’', '*', '_']);
                Some(format!("{}{}", address(body), &whole[body.len()..]))
            },
        ),
        Rule::new(&format!(r"(?i)\b(?P<name>[a-z0-9_-]{{1,64}})\.(?P<end>{FILES})\b"), |found| {
            let joined = found.last().is_some_and(|c| matches!(c, '.' | '@' | '-'));
            let end = found.text("end");
            let lower = !end.contains(char::is_uppercase) || !end.contains(char::is_lowercase);
            (!joined && lower).then(|| address(found.whole()))
        }),
        Rule::new(r"#(?P<tag>[\p{L}_][\p{L}0-9_]*)", |found| {
            let joined = found.last().is_some_and(char::is_alphanumeric);
            (!joined).then(|| format!("hashtag {}", camel(found.text("tag"))))
        }),
        Rule::new(r"@(?P<name>[\p{L}_][\p{L}0-9_]*)", |found| {
            let joined = found.last().is_some_and(char::is_alphanumeric);
            (!joined).then(|| format!("at {}", camel(found.text("name"))))
        }),
    ]
}

/// Every part of an address with the names of the marks between them.
fn address(text: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut part = String::new();
    let flush = |part: &mut String, words: &mut Vec<String>| {
        if !part.is_empty() {
            words.push(said(part));
            part.clear();
        }
    };
    for c in text.chars() {
        let mark = match c {
            '.' => "dot",
            '@' => "at",
            '/' => "slash",
            '-' => "dash",
            '_' => "underscore",
            ':' => "colon",
            '?' => "question mark",
            '=' => "equals",
            '&' => "and",
            '#' => "hash",
            '+' => "plus",
            '%' => "percent",
            '~' => "tilde",
            _ => {
                let digit = c.is_ascii_digit();
                if part.chars().next_back().is_some_and(|last| last.is_ascii_digit() != digit) {
                    flush(&mut part, &mut words);
                }
                part.push(c);
                continue;
            }
        };
        flush(&mut part, &mut words);
        words.push(mark.to_owned());
    }
    flush(&mut part, &mut words);
    if words.last().is_some_and(|word| word == "slash") {
        words.pop();
    }
    words.join(" ")
}

fn said(part: &str) -> String {
    if part.bytes().all(|byte| byte.is_ascii_digit()) {
        return if part.len() > 2 { digits(part) } else { whole(part) };
    }
    let lower = part.to_lowercase();
    let vowels = lower.contains(['a', 'e', 'i', 'o', 'u', 'y']);
    let short = lower.is_ascii() && part.len() <= 4;
    if short && !vowels || SPELLED.contains(&lower.as_str()) && lower != "co" {
        return spelled(part);
    }
    part.to_owned()
}

/// The number of a tag: mostly a year.
fn tagged(number: &str) -> String {
    match value(number) {
        Some(year) if (1900..2100).contains(&year) => super::words::year(year),
        _ => whole(number),
    }
}

/// "MentalHealth_Day2" → "Mental Health Day 2"
fn camel(text: &str) -> String {
    let mut words = String::new();
    let mut last: Option<char> = None;
    let mut number = String::new();
    for c in text.chars() {
        if !c.is_ascii_digit() && !number.is_empty() {
            words.push_str(&format!(" {} ", tagged(&number)));
            number.clear();
        }
        if c.is_ascii_digit() {
            number.push(c);
        } else if c == '_' {
            words.push(' ');
        } else {
            if last.is_some_and(char::is_lowercase) && c.is_uppercase() {
                words.push(' ');
            }
            words.push(c);
        }
        last = Some(c);
    }
    if !number.is_empty() {
        words.push_str(&format!(" {}", tagged(&number)));
    }
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}
