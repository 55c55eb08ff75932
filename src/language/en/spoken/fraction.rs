//! Fractions, ranges, scores and simple arithmetic: "2 1/2", "½", "3–5", "5 + 2 = 7".

use super::number::NUMBER;
use super::rule::{Found, Rule};
use super::words::{cardinal, decimal, ordinal, plural, value, whole};

const GLYPHS: &[(char, u64, u64)] = &[
    ('½', 1, 2),
    ('⅓', 1, 3),
    ('⅔', 2, 3),
    ('¼', 1, 4),
    ('¾', 3, 4),
    ('⅕', 1, 5),
    ('⅖', 2, 5),
    ('⅗', 3, 5),
    ('⅘', 4, 5),
    ('⅙', 1, 6),
    ('⅚', 5, 6),
    ('⅐', 1, 7),
    ('⅛', 1, 8),
    ('⅜', 3, 8),
    ('⅝', 5, 8),
    ('⅞', 7, 8),
    ('⅑', 1, 9),
    ('⅒', 1, 10),
];

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule::new(r"(?:(?P<w>[0-9]+)[ ]?)?(?P<g>[½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅐⅛⅜⅝⅞⅑⅒])", |found| {
            let (above, below) = glyph(found.text("g").chars().next()?)?;
            Some(with_whole(found.part("w"), above, below))
        }),
        Rule::new(r"(?P<w>[0-9]+)[ -](?P<a>[0-9]{1,2})[/⁄](?P<b>[0-9]{1,3})\b", |found| {
            let (above, below) = (value(found.text("a"))?, value(found.text("b"))?);
            (found.stands_alone() && above < below).then(|| with_whole(found.part("w"), above, below))
        }),
        Rule::new(r"(?P<a>[0-9]{1,3})[/⁄](?P<b>[0-9]{1,3})\b", |found| {
            let (above, below) = (value(found.text("a"))?, value(found.text("b"))?);
            if !found.stands_alone() || below == 0 {
                return None;
            }
            if above == 50 && below == 50 {
                return Some("fifty-fifty".to_owned());
            }
            let parts = ["step", "page", "part", "chapter", "slide", "day", "question", "lesson", "week", "round"];
            if above <= below && parts.contains(&found.word_before().to_lowercase().as_str()) {
                return Some(format!("{} of {}", cardinal(above), cardinal(below)));
            }
            // Marks out of ten, blood pressure.
            if matches!(below, 5 | 10 | 20 | 100)
                && found.word_after() != "of"
                && above != 1
                && (below != 5 || above != 2)
            {
                return Some(format!("{} out of {}", cardinal(above), cardinal(below)));
            }
            if above > below || below > 100 || below == 1 {
                return Some(format!("{} over {}", cardinal(above), cardinal(below)));
            }
            Some(fraction(above, below))
        }),
        Rule::new(r"(?P<a>[0-9]{4})/(?P<b>[0-9]{2})\b", |found| {
            let (start, end) = (value(found.text("a"))?, value(found.text("b"))?);
            found.stands_alone().then(|| format!("{} {}", super::words::year(start), cardinal(end)))
        }),
        // "10 - 3 = 7" takes away, "10 - 3 people" reaches from one to the other.
        Rule::new(r"[-−–][ ]", |found| {
            let before = found.before().strip_suffix(' ')?;
            let number = before.ends_with(|c: char| c.is_ascii_digit() || c == ')');
            let operand = before.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | ','));
            let sum = result_follows(found.after()) || operand.trim_end().ends_with(['=', '+', '×', '*']);
            let follows = found.after().starts_with(|c: char| c.is_ascii_digit());
            (number && follows).then(|| (if sum { " minus " } else { " to " }).to_owned())
        }),
        Rule::new(r"[–—-][ ]?", |found| reaches(found).then(|| " to ".to_owned())),
        // "3 x 4 m", "4x4"
        Rule::new(r"[xX×][ ]?", |found| {
            let number = found.before().trim_end().ends_with(|c: char| c.is_ascii_digit());
            let after = found.after();
            let follows = after.starts_with(|c: char| c.is_ascii_digit());
            let behind = after.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').trim_start();
            let product =
                result_follows(after) || found.whole().contains('×') && !behind.starts_with(char::is_alphabetic);
            (number && follows).then(|| (if product { " times " } else { " by " }).to_owned())
        }),
        Rule::new(r"(?P<sign>\+|×|÷|=|\*|·|⋅|≈|±|≠|≤|≥|<|>|/)[ ]?", arithmetic),
        Rule::new(&format!(r"(?P<n>{NUMBER})[x×]\b"), |found| {
            found.stands_alone().then(|| format!("{} times", decimal(found.text("n"))))
        }),
        // A ratio: "3:1"
        Rule::new(r"(?P<a>[0-9]+):(?P<b>[0-9]+)\b", |found| {
            // "Psalm 23:4"
            let verse = found.word_before().starts_with(char::is_uppercase)
                && !matches!(found.word_before(), "A" | "The" | "Ratio" | "Score" | "By");
            let between = if verse { " " } else { " to " };
            found.stands_alone().then(|| format!("{}{between}{}", whole(found.text("a")), whole(found.text("b"))))
        }),
    ]
}

/// What a sign such as "½" stands for.
pub(super) fn glyph(sign: char) -> Option<(u64, u64)> {
    GLYPHS.iter().find(|(glyph, ..)| *glyph == sign).map(|(_, above, below)| (*above, *below))
}

pub(super) fn with_whole(number: Option<&str>, above: u64, below: u64) -> String {
    match (number, above) {
        (None, _) => fraction(above, below),
        (Some(number), 1) => {
            let part = fraction(above, below);
            let part = part.strip_prefix("one ").unwrap_or(&part);
            format!("{} and a {part}", whole(number))
        }
        (Some(number), _) => format!("{} and {}", whole(number), fraction(above, below)),
    }
}

/// "one half", "three quarters", "two thirds"
fn fraction(above: u64, below: u64) -> String {
    let part = match below {
        2 => "half".to_owned(),
        4 => "quarter".to_owned(),
        _ => ordinal(below),
    };
    match (above, below) {
        (1, _) => format!("one {part}"),
        (_, 2) => format!("{} halves", cardinal(above)),
        _ => format!("{} {}", cardinal(above), plural(&part)),
    }
}

/// Whether a dash stands between two numbers, times, amounts, or days of the week.
fn reaches(found: &Found<'_>) -> bool {
    let before = found.before();
    let after = found.after();
    let spaced = before.ends_with(' ') || found.whole().ends_with(' ');
    let before = before.trim_end_matches(' ');
    let number_after = after.trim_start_matches(['$', '£', '€']).starts_with(|c: char| c.is_ascii_digit());
    if number_after {
        let word = before.trim_end_matches('.');
        let unit = word[word.trim_end_matches(char::is_alphabetic).len()..].len();
        // "SmolLM2-135": a name ends there.
        let name = before.trim_end_matches(|c: char| c.is_ascii_digit()).ends_with(char::is_alphabetic);
        let number = !name
            && before
                .ends_with(|c: char| c.is_ascii_digit() || matches!(c, '%' | '°' | '½' | '¼' | '¾' | '€' | '′' | '″'));
        // "9am-5pm", "5km-10km": letters close to a number.
        let measured = (1..=4).contains(&unit)
            && word[..word.len() - unit].trim_end_matches(['.', ' ']).ends_with(|c: char| c.is_ascii_digit())
            && !spaced;
        return number || measured;
    }
    let short = |word: &str| {
        ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].iter().any(|day| word.starts_with(day))
            || ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
                .iter()
                .any(|month| word.starts_with(month))
    };
    let last = before.trim_end_matches('.');
    let last = &last[last.trim_end_matches(char::is_alphabetic).len()..];
    short(last) && short(after) && last.len() > 2
}

/// Whether a sum's other terms and its result follow: "3 = 7", "2 + 1 is".
fn result_follows(after: &str) -> bool {
    let behind = after.trim_start_matches(|c: char| {
        c.is_ascii_digit() || matches!(c, '.' | ' ' | '+' | '-' | '−' | '–' | '×' | '*' | '÷' | '/' | 'x')
    });
    let summed = behind.len() < after.len();
    summed && ["=", "is ", "equals ", "makes "].iter().any(|mark| behind.starts_with(mark))
}

fn arithmetic(found: &Found<'_>) -> Option<String> {
    let mark = found.text("sign");
    let close = found.before();
    let before = close.trim_end_matches(' ').chars().next_back();
    let blank = close.ends_with(' ');
    let after = found.after().chars().next();
    let number = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let operand = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || matches!(c, '(' | ')' | '²' | '³' | '.'));
    let spaced = blank && found.whole().ends_with(' ');
    let start = before.is_none() || blank;
    let words = match mark {
        "+" if operand(before) && (number(after) || spaced && operand(after)) => " plus ",
        // "ages 65+", "grade A+", "C++"
        "+" if !blank && (operand(before) || close.ends_with("C+")) => " plus",
        "+" if start && number(after) => " plus ",
        "=" if operand(before) && (operand(after) || matches!(after, Some('-' | '?' | '$' | '£' | '€'))) => {
            " equals "
        }
        "×" if operand(before) && operand(after) && spaced && found.after().contains('=') => " times ",
        "*" if number(before) && number(after) => " times ",
        "·" | "⋅" if number(before) && number(after) => " times ",
        "÷" => " divided by ",
        "/" if number(before) && number(after) && spaced => " divided by ",
        "≈" => " approximately ",
        "±" => " plus or minus ",
        "≠" => " is not equal to ",
        "≤" => " at most ",
        "≥" => " at least ",
        "<" if spaced && operand(before) => " is less than ",
        ">" if spaced && operand(before) => " is greater than ",
        "<" if number(after) => " less than ",
        ">" if number(after) => " more than ",
        _ => return None,
    };
    // A mark at the end keeps the blank that stood behind it.
    Some(if !words.ends_with(' ') && found.whole().ends_with(' ') { format!("{words} ") } else { words.to_owned() })
}
