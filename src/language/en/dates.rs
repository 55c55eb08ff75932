//! "Tomorrow" → "on 5 March 2026": what is kept must be true on another day too.
//!
//! Dates that name their own day ("the 3rd of May") stay as they are, and so do spans shorter than a day.

use std::sync::LazyLock;

use jiff::civil::{Date, Weekday};
use jiff::{Span, Zoned};
use regex::{Captures, Regex};

/// `text` with every relative date resolved as of `now`, in its time zone.
pub fn make_absolute(text: &str, now: &Zoned) -> String {
    let today = now.date();
    let mut resolved = text.to_owned();
    for (pattern, resolve) in &*RULES {
        let source = resolved.clone();
        resolved = pattern
            .replace_all(&source, |found: &Captures<'_>| {
                let whole = found.get(0).expect("a match is whole");
                let (before, after) = (&source[..whole.start()], &source[whole.end()..]);
                match resolve(found, today, before, after) {
                    Some(when) => when.phrase(found.name("preposition").map(|found| found.as_str()), before, after),
                    None => whole.as_str().to_owned(),
                }
            })
            .into_owned();
    }
    resolved
}

/// A resolved date as a noun, and the preposition it takes by itself.
struct When {
    preposition: &'static str,
    noun: String,
}

impl When {
    fn on(date: Date) -> Option<Self> {
        Some(Self { preposition: "on", noun: day(date) })
    }

    fn in_(noun: String) -> Option<Self> {
        Some(Self { preposition: "in", noun })
    }

    /// As it stands in a sentence: behind a preposition of its own, as a subject, or at the start.
    fn phrase(self, preposition: Option<&str>, before: &str, after: &str) -> String {
        static SUBJECT: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(?:'s)?\s+(?:is|was|will be|marks)\b|^'s\b"));
        let opens = before.trim_end().is_empty() || before.trim_end().ends_with(['.', '!', '?', '"']);
        match preposition {
            Some(preposition) => format!("{preposition}{}", self.noun),
            None if SUBJECT.is_match(after) => self.noun,
            None if opens => {
                let (first, rest) = self.preposition.split_at(1);
                format!("{}{rest} {}", first.to_uppercase(), self.noun)
            }
            None => format!("{} {}", self.preposition, self.noun),
        }
    }
}

fn day(date: Date) -> String {
    date.strftime("%-d %B %Y").to_string()
}

fn pattern(text: &str) -> Regex {
    Regex::new(&format!("(?i){text}")).expect("a pattern of this file is valid")
}

/// The phrase, behind a preposition where it has one.
fn phrase(text: &str) -> Regex {
    pattern(&format!(
        r"\b(?P<preposition>(?:since|until|till|by|from|before|after|of|for|on|in|at|during|through|around)\s+)?{text}\b"
    ))
}

type Resolve = fn(&Captures<'_>, Date, &str, &str) -> Option<When>;

const NUMBER: &str =
    r"(?P<number>\d{1,3}|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|a couple of|a few)";
const UNIT: &str = r"(?P<unit>day|week|month|year)s?";
const WEEKDAY: &str = "(?P<weekday>monday|tuesday|wednesday|thursday|friday|saturday|sunday)";
const MONTH: &str = "(?P<month>january|february|march|april|may|june|july|august|september|october|november|december)";

/// In this order: the longer phrase first.
static RULES: LazyLock<Vec<(Regex, Resolve)>> = LazyLock::new(|| {
    vec![
        (pattern(&format!(r"\b{NUMBER} {UNIT} ago today\b")), |found, today, _, _| {
            When::on(today.checked_sub(span(&found["number"], &found["unit"])?).ok()?)
        }),
        (phrase("today"), |_, today, _, _| When::on(today)),
        (phrase("(?:the )?day after tomorrow"), |_, today, _, _| When::on(plus_days(today, 2)?)),
        (phrase("(?:the )?day before yesterday"), |_, today, _, _| When::on(plus_days(today, -2)?)),
        (phrase(r"(?P<day>tomorrow|yesterday) (?P<part>morning|afternoon|evening|night)"), |found, today, _, _| {
            let date = plus_days(today, if found["day"].eq_ignore_ascii_case("tomorrow") { 1 } else { -1 })?;
            part_of(&found["part"], date)
        }),
        (phrase("tomorrow"), |_, today, _, _| When::on(plus_days(today, 1)?)),
        (phrase("yesterday"), |_, today, _, _| When::on(plus_days(today, -1)?)),
        (phrase("last night"), |_, today, _, _| part_of("night", plus_days(today, -1)?)),
        (phrase("tonight"), |_, today, _, _| part_of("evening", today)),
        (phrase("this (?P<part>morning|afternoon|evening)"), |found, today, _, _| part_of(&found["part"], today)),
        (phrase(&format!("(?P<which>next|this coming|this|coming|last|past) {WEEKDAY}")), |found, today, _, _| {
            let weekday = weekday(&found["weekday"])?;
            When::on(match found["which"].to_lowercase().as_str() {
                "last" | "past" => before(today, weekday)?,
                // Of the week after this one.
                "next" => plus_days(monday_of(today)?, 7 + i64::from(weekday.to_monday_zero_offset()))?,
                _ => after(today, weekday)?,
            })
        }),
        (
            pattern(&format!(r"\b(?P<preposition>(?:on|by|until|till|since)\s+){WEEKDAY}\b")),
            |found, today, before_it, after_it| {
                let weekday = weekday(&found["weekday"])?;
                let past =
                    found["preposition"].to_lowercase().starts_with("since") || speaks_of_past(before_it, after_it);
                When::on(if past { before(today, weekday)? } else { after(today, weekday)? })
            },
        ),
        (phrase("(?P<which>next|this|last) weekend"), |found, today, _, _| {
            let saturday = plus_days(monday_of(today)?, 5)?;
            let date = match found["which"].to_lowercase().as_str() {
                "next" => plus_days(saturday, 7)?,
                "last" => plus_days(saturday, -7)?,
                _ => saturday,
            };
            Some(When { preposition: "on", noun: format!("the weekend of {}", day(date)) })
        }),
        (phrase("(?P<which>next|this|last) week"), |found, today, _, _| {
            let monday = plus_days(monday_of(today)?, 7 * step(&found["which"]))?;
            When::in_(format!("the week of {}", day(monday)))
        }),
        (phrase("(?P<which>next|this|last) month"), |found, today, _, _| {
            let date = today.checked_add(Span::new().months(step(&found["which"]))).ok()?;
            When::in_(date.strftime("%B %Y").to_string())
        }),
        (phrase("(?P<which>next|this|last) year"), |found, today, _, _| {
            When::in_((i64::from(today.year()) + step(&found["which"])).to_string())
        }),
        (phrase(&format!("(?P<which>next|last) {MONTH}")), |found, today, _, _| {
            let month = month(&found["month"])?;
            let this_year = i64::from(today.year());
            let year = match found["which"].to_lowercase().as_str() {
                "next" if month > today.month() => this_year,
                "next" => this_year + 1,
                _ if month < today.month() => this_year,
                _ => this_year - 1,
            };
            When::in_(format!("{} {year}", capitalised(&found["month"])))
        }),
        (phrase("(?P<which>next|last) (?P<season>spring|summer|autumn|fall)"), |found, today, _, _| {
            let season = found["season"].to_lowercase();
            let (first, last) = match season.as_str() {
                "spring" => (3, 5),
                "summer" => (6, 8),
                _ => (9, 11),
            };
            let this_year = i64::from(today.year());
            let year = match found["which"].to_lowercase().as_str() {
                "next" if today.month() < first => this_year,
                "next" => this_year + 1,
                _ if today.month() > last => this_year,
                _ => this_year - 1,
            };
            When::in_(format!("the {season} of {year}"))
        }),
        (
            pattern(&format!(
                r"\bin {NUMBER} {UNIT}(?:'s?)? time\b|\bin (?P<number2>\d{{1,3}}|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|a couple of|a few) (?P<unit2>day|week|month|year)s?\b"
            )),
            |found, today, _, _| {
                let number = found.name("number").or_else(|| found.name("number2"))?.as_str();
                let unit = found.name("unit").or_else(|| found.name("unit2"))?.as_str();
                away(number, unit, 1, today)
            },
        ),
        (pattern(&format!(r"\b{NUMBER} {UNIT} ago\b")), |found, today, _, _| {
            away(&found["number"], &found["unit"], -1, today)
        }),
    ]
});

fn plus_days(date: Date, days: i64) -> Option<Date> {
    date.checked_add(Span::new().days(days)).ok()
}

fn part_of(part: &str, date: Date) -> Option<When> {
    Some(When { preposition: "on", noun: format!("the {} of {}", part.to_lowercase(), day(date)) })
}

fn monday_of(date: Date) -> Option<Date> {
    plus_days(date, -i64::from(date.weekday().to_monday_zero_offset()))
}

fn weekday(name: &str) -> Option<Weekday> {
    Some(match name.to_lowercase().as_str() {
        "monday" => Weekday::Monday,
        "tuesday" => Weekday::Tuesday,
        "wednesday" => Weekday::Wednesday,
        "thursday" => Weekday::Thursday,
        "friday" => Weekday::Friday,
        "saturday" => Weekday::Saturday,
        "sunday" => Weekday::Sunday,
        _ => return None,
    })
}

fn month(name: &str) -> Option<i8> {
    const MONTHS: [&str; 12] = [
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
    ];
    let at = MONTHS.iter().position(|month| name.eq_ignore_ascii_case(month))?;
    i8::try_from(at + 1).ok()
}

/// The first such day after `date`.
fn after(date: Date, weekday: Weekday) -> Option<Date> {
    date.nth_weekday(1, weekday).ok()
}

/// The last such day before `date`.
fn before(date: Date, weekday: Weekday) -> Option<Date> {
    date.nth_weekday(-1, weekday).ok()
}

fn step(which: &str) -> i64 {
    match which.to_lowercase().as_str() {
        "next" => 1,
        "last" => -1,
        _ => 0,
    }
}

/// `None` where the number is vague.
fn span(number: &str, unit: &str) -> Option<Span> {
    const NUMBERS: [&str; 12] =
        ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
    let number = number.to_lowercase();
    let count = match number.as_str() {
        "a" | "an" => 1,
        "a couple of" => 2,
        "a few" => return None,
        name => match NUMBERS.iter().position(|known| *known == name) {
            Some(at) => i64::try_from(at + 1).ok()?,
            None => name.parse().ok()?,
        },
    };
    let span = match unit.to_lowercase().as_str() {
        "day" => Span::new().try_days(count),
        "week" => Span::new().try_weeks(count),
        "month" => Span::new().try_months(count),
        _ => Span::new().try_years(count),
    };
    span.ok()
}

/// A number of units away: the date where they are days or weeks, else the month or year.
fn away(number: &str, unit: &str, direction: i64, today: Date) -> Option<When> {
    let span = span(number, unit)?;
    let date = if direction < 0 { today.checked_sub(span) } else { today.checked_add(span) }.ok()?;
    match unit.to_lowercase().as_str() {
        "day" | "week" => When::on(date),
        "month" => When::in_(date.strftime("%B %Y").to_string()),
        _ => When::in_(date.strftime("%Y").to_string()),
    }
}

/// Whether the sentence around a weekday tells of what was.
fn speaks_of_past(before: &str, after: &str) -> bool {
    static PAST: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"\b(?:was|were|had|did|went|got|came|saw|met|left|lost|found|fell|broke|bought|told|said|felt|began|[a-z]{3,}ed)\b",
        )
    });
    static FUTURE: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r"\b(?:will|'ll|going to|gonna|have to|need to|must|should|due|planned|invited|scheduled)\b")
    });
    let sentence = format!(
        "{} {}",
        before.rsplit(['.', '!', '?']).next().unwrap_or_default(),
        after.split(['.', '!', '?']).next().unwrap_or_default()
    );
    PAST.is_match(&sentence) && !FUTURE.is_match(&sentence)
}

fn capitalised(word: &str) -> String {
    let lower = word.to_lowercase();
    let mut letters = lower.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_dates_become_absolute() {
        // A Wednesday.
        let now: Zoned = "2026-03-04T18:20[Europe/Lisbon]".parse().unwrap();
        for (said, meant) in [
            ("My driving test is tomorrow at nine.", "My driving test is on 5 March 2026 at nine."),
            ("Tomorrow is my birthday.", "5 March 2026 is my birthday."),
            ("Tomorrow I see Ana.", "On 5 March 2026 I see Ana."),
            ("I moved to Utrecht last month for work.", "I moved to Utrecht in February 2026 for work."),
            ("We marry in two weeks.", "We marry on 18 March 2026."),
            ("We marry in a year's time.", "We marry in 2027."),
            ("I quit smoking a year ago today!", "I quit smoking on 4 March 2025!"),
            ("My gran died three months ago.", "My gran died in December 2025."),
            ("I see the dentist on Friday.", "I see the dentist on 6 March 2026."),
            ("I saw the dentist on Monday.", "I saw the dentist on 2 March 2026."),
            ("I see the dentist next Friday.", "I see the dentist on 13 March 2026."),
            ("Last Friday I was ill.", "On 27 February 2026 I was ill."),
            ("I've lived here since last year.", "I've lived here since 2025."),
            ("Last night I slept badly.", "On the night of 3 March 2026 I slept badly."),
            ("I fly home next week.", "I fly home in the week of 9 March 2026."),
            ("We met last summer.", "We met in the summer of 2025."),
            ("They come this weekend.", "They come on the weekend of 7 March 2026."),
            ("The exam is the day after tomorrow.", "The exam is on 6 March 2026."),
        ] {
            assert_eq!(make_absolute(said, &now), meant);
        }
    }

    #[test]
    fn what_is_no_relative_date_stays() {
        let now: Zoned = "2026-03-04T18:20[UTC]".parse().unwrap();
        for said in [
            "My birthday is on the 3rd of May.",
            "I swim on Fridays.",
            "I'll be there in ten minutes.",
            "I work a few days a week.",
            "That was a few years ago.",
            "I was born in 1970.",
        ] {
            assert_eq!(make_absolute(said, &now), said);
        }
    }

    #[test]
    fn the_month_and_year_turn() {
        let now: Zoned = "2026-12-31T23:59[UTC]".parse().unwrap();
        assert_eq!(make_absolute("I leave tomorrow.", &now), "I leave on 1 January 2027.");
        assert_eq!(make_absolute("I leave next month.", &now), "I leave in January 2027.");
    }
}
