//! Dates: "2026-01-05", "3/4", "12/25/2025", "3 May 2026", "Jan. 5th", "Mon., 14 Sept."

use super::rule::{Found, Rule};
use super::words::{cardinal, ordinal, value, year};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// A month's name or what is written for it.
const MONTH: &str = r"(?:January|February|March|April|May|June|July|August|September|October|November|December|(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec)\b\.?)";

const DAY: &str = r"(?:Mon|Tues|Tue|Weds|Wed|Thurs|Thur|Thu|Fri|Sat|Sun)";

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule::new(r"(?P<y>[0-9]{4})[-/.](?P<m>[0-9]{2})[-/.](?P<d>[0-9]{2})(?:T|\b)", |found| {
            let date = Date::new(found.text("d"), month_number(found.text("m"))?, Some(found.text("y")))?;
            alone(found)
                .then(|| format!("{}{}", date.month_first(""), if found.whole().ends_with('T') { ", " } else { "" }))
        }),
        // "2026-01", but "2010-11" is a winter.
        Rule::new(r"(?P<y>(?:19|20)[0-9]{2})-(?P<m>0[1-9]|1[0-2])\b", |found| {
            let (year, month) = (value(found.text("y"))?, month_number(found.text("m"))?);
            let next = usize::try_from(year % 100).is_ok_and(|year| year + 1 == month);
            (alone(found) && !next).then(|| format!("{} {}", MONTHS[month - 1], self::year(year)))
        }),
        Rule::new(r"(?P<a>[0-9]{1,2})(?P<sep>[-/.])(?P<b>[0-9]{1,2})[-/.](?P<y>[0-9]{4}|[0-9]{2})\b", |found| {
            if !alone(found) || found.text("sep") != "/" && found.text("y").len() == 2 {
                return None;
            }
            numbered(found, Some(found.text("y")), found.text("sep") == ".")
        }),
        Rule::new(r"(?P<a>[0-9]{1,2})/(?P<b>[0-9]{1,2})\b", |found| {
            if alone(found) && found.whole() == "9/11" {
                return Some("nine eleven".to_owned());
            }
            let dated = ["on", "by", "until", "till", "since", "before", "after", "from", "dated", "due", "born"];
            let word = found.word_before().to_lowercase();
            let day = DAYS.iter().any(|day| word.len() > 2 && day.to_lowercase().starts_with(&word));
            let part =
                matches!(found.word_after(), "of" | "cup" | "cups" | "teaspoon" | "tablespoon" | "mile" | "inch");
            (alone(found) && (dated.contains(&word.as_str()) || day) && !part).then(|| numbered(found, None, false))?
        }),
        Rule::new(
            &format!(r"\b(?P<d>[0-9]{{1,2}})(?:st|nd|rd|th)?\s(?:of\s)?(?P<m>{MONTH})(?:,?\s(?P<y>[0-9]{{4}})\b)?"),
            |found| {
                let month = month_named(found.text("m"))?;
                let date = Date::new(found.text("d"), month, found.part("y"))?;
                (alone(found) && !found.whole().contains('\n'))
                    .then(|| format!("{}{}", date.day_first(found.word_before()), found.stop()))
            },
        ),
        Rule::new(
            &format!(
                r"\b(?P<m>{MONTH})\s(?P<d>[0-9]{{1,2}})(?:st|nd|rd|th)?\b(?:\s?[-–]\s?(?P<e>[0-9]{{1,2}})(?:st|nd|rd|th)?\b)?(?P<c>,?\s(?P<y>[0-9]{{4}})\b)?"
            ),
            |found| {
                let month = month_named(found.text("m"))?;
                let date = Date::new(found.text("d"), month, found.part("y"))?;
                let end = found.part("e").map(|end| day_of_month(end).map(|day| format!(" to {}", ordinal(day))));
                let end = match end {
                    Some(end) => end?,
                    None => String::new(),
                };
                // "May 5:30" and "March 3.5" are no days.
                alone(found).then(|| date.month_first(&end))
            },
        ),
        // A month before a year, a day of the week before a mark, a day or another: what is short for them.
        Rule::new(r"\b(?P<m>Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec)\b\.?", |found| {
            let month = MONTHS[month_named(found.text("m"))? - 1];
            let number = found.after().trim_start().starts_with(|c: char| c.is_ascii_digit());
            let placed = number
                || found.whole().ends_with('.') && !matches!(found.text("m"), "Mar" | "Jun" | "Jul")
                || in_row(found);
            placed.then(|| format!("{month}{}", if number { "" } else { found.stop() }))
        }),
        Rule::new(&format!(r"\b(?P<d>{DAY})\b\.?"), |found| {
            let name = found.text("d");
            let day = DAYS.iter().find(|day| day.starts_with(name.get(..3).unwrap_or(name)))?;
            let word = found.word_before().to_lowercase();
            let dotted = found.whole().ends_with('.');
            let placed = ["on", "every", "next", "last", "this", "by", "until", "from", "each", "and", "to", "or"];
            // "Sat" and "Sun" are words too.
            let own = !matches!(name, "Sat" | "Sun" | "Wed") && (dotted || !matches!(name, "Mon" | "Fri"));
            let follows = dotted
                && found.after().trim_start().starts_with(|c: char| c == ',' || c.is_ascii_digit() || c.is_lowercase());
            let stands = own
                || follows
                || in_row(found)
                || dotted && placed.contains(&word.as_str())
                || placed.contains(&word.as_str()) && !matches!(name, "Sat" | "Sun" | "Wed")
                || found.after().trim_start_matches([',', ' ']).starts_with(|c: char| c.is_ascii_digit());
            stands.then(|| format!("{day}{}", found.stop()))
        }),
    ]
}

/// Whether a day or month is one end of "Mon–Fri".
fn in_row(found: &Found<'_>) -> bool {
    let marks: &[char] = &['-', '–', '—', '/', '&'];
    let is_short =
        |word: &str| word.get(..3).is_some_and(|start| DAYS.iter().chain(&MONTHS).any(|name| name.starts_with(start)));
    let after = found.after().trim_start().strip_prefix(marks).is_some_and(|rest| is_short(rest.trim_start()));
    let before = found.before().trim_end().strip_suffix(marks).is_some_and(|rest| {
        let word = rest.trim_end().trim_end_matches('.');
        is_short(&word[word.rfind(|c: char| !c.is_alphabetic()).map_or(0, |at| at + 1).min(word.len())..])
    });
    after || before
}

fn alone(found: &Found<'_>) -> bool {
    found.last().is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '.' | '/' | '-' | ':' | ',' | '$' | '£' | '€'))
        && !found.after().starts_with([':', '.', ',', '/', '-', '–', '%', '°']) | {
            let mut after = found.after().chars();
            after.next();
            after.next().is_none_or(|c| !c.is_ascii_digit())
        }
}

fn month_number(text: &str) -> Option<usize> {
    text.parse().ok().filter(|month| (1..=12).contains(month))
}

fn month_named(text: &str) -> Option<usize> {
    let start = text.get(..3)?;
    MONTHS.iter().position(|month| month.starts_with(start)).map(|at| at + 1)
}

fn day_of_month(text: &str) -> Option<u64> {
    value(text).filter(|day| (1..=31).contains(day))
}

/// Numbers alone: the month first, as in America, where it can be one. With full stops the day comes first.
fn numbered(found: &Found<'_>, year: Option<&str>, day_first: bool) -> Option<String> {
    let (first, second) = (found.text("a"), found.text("b"));
    let american = || Date::new(second, month_number(first)?, year).map(|date| date.month_first(""));
    let european = || Date::new(first, month_number(second)?, year).map(|date| date.day_first(found.word_before()));
    if day_first { european() } else { american().or_else(european) }
}

struct Date {
    day: u64,
    month: &'static str,
    year: Option<String>,
}

impl Date {
    fn new(day: &str, month: usize, year: Option<&str>) -> Option<Self> {
        let year = match year {
            None => None,
            Some(text) => Some(match (text.len(), value(text)?) {
                (2, short @ 0..=9) => format!("two thousand and {}", cardinal(short)),
                (2, short @ 10..=49) => self::year(2000 + short),
                (2, short) => self::year(1900 + short),
                (_, full) => self::year(full),
            }),
        };
        Some(Self { day: day_of_month(day)?, month: MONTHS.get(month.checked_sub(1)?)?, year })
    }

    /// "January fifth, twenty twenty-six"; `end` stands behind the day.
    fn month_first(&self, end: &str) -> String {
        let year = self.year.as_deref().map_or(String::new(), |year| format!(", {year}"));
        format!("{} {}{end}{year}", self.month, ordinal(self.day))
    }

    /// "the fifth of January, twenty twenty-six"
    fn day_first(&self, word_before: &str) -> String {
        let article = if word_before.eq_ignore_ascii_case("the") { "" } else { "the " };
        let year = self.year.as_deref().map_or(String::new(), |year| format!(", {year}"));
        format!("{article}{} of {}{year}", ordinal(self.day), self.month)
    }
}
