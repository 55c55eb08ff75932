//! The labelled texts, and what holds of any text.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde::Deserialize;

use super::spoken;

/// The share of the texts apart that is read right.
const GOAL: f64 = 0.95;

#[derive(Deserialize)]
struct Labelled {
    text: Vec<Text>,
}

#[derive(Deserialize)]
struct Text {
    written: String,
    spoken: Vec<String>,
    part: String,
}

/// Lower-case words; an apostrophe may part them or not.
fn words(text: &str, apostrophe: &str) -> String {
    let text = text.to_lowercase().replace(['\'', '’'], apostrophe);
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn reads_right(text: &Text) -> bool {
    let said = spoken(&text.written);
    text.spoken
        .iter()
        .any(|expected| [" ", ""].iter().any(|apostrophe| words(&said, apostrophe) == words(expected, apostrophe)))
}

#[test]
fn labelled_texts_are_read_as_people_read_them() {
    let labelled: Labelled =
        toml::from_str(include_str!("../../../../tests/fixtures/labelled/reading.toml")).expect("labelled texts");
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut wrong = Vec::new();
    for text in &labelled.text {
        let right = reads_right(text);
        let (rights, all) = counts.entry(&text.part).or_default();
        *rights += usize::from(right);
        *all += 1;
        if !right && text.part == "tune" {
            wrong.push(format!("{} → {}", text.written, spoken(&text.written)));
        }
    }
    assert!(wrong.is_empty(), "{counts:?}\n{}", wrong.join("\n"));
    let (right, all) = counts["apart"];
    #[expect(clippy::cast_precision_loss, reason = "a hundred texts")]
    let share = right as f64 / all as f64;
    assert!(share >= GOAL, "{right} of {all} texts apart are read right");
}

#[test]
fn each_kind_of_token_is_said() {
    for (written, expected) in [
        (
            "Call 112, 911 or 999 now, or 988 in the US.",
            "Call one one two, nine one one or nine nine nine now, or nine eight eight in the U.S.",
        ),
        ("Samaritans on 116 123 in the UK.", "Samaritans on one one six, one two three in the U.K."),
        (
            "We sat. It was 5.5 °C, at night −3°.",
            "We sat. It was five point five degrees Celsius, at night minus three degrees.",
        ),
        (
            "He left. 20 people (\"10!\") stayed... 5 slept. $5 each.",
            "He left. Twenty people (\"ten!\") stayed... five slept. Five dollars each.",
        ),
        ("Dr. Lee, of 12 Oak Dr., met St. Mary.", "Doctor Lee, of twelve Oak Drive, met Saint Mary."),
        ("No. I said no. He is at no. 10.", "No. I said no. He is at number ten."),
        (
            "9am-5pm, 10%-20%, $5-$10, Mon–Fri",
            "nine A.M to five P.M, ten percent to twenty percent, five to ten dollars, Monday to Friday",
        ),
        ("Louis XIV's bed, Henry I was late, Part II.", "Louis the fourteenth's bed, Henry I was late, Part two."),
        (
            "Rovers vs. United, e.g. London, a.k.a. Bob, etc. He left at 7 a.m. She stayed.",
            "Rovers versus United, for example London, also known as Bob, et cetera. He left at seven A.M. She stayed.",
        ),
        (
            "I'm 5'4, 60kg, 7 days/wk, step 1/3, 50/50.",
            "I'm five foot four, sixty kilograms, seven days per week, step one of three, fifty-fifty.",
        ),
        ("J. K. Rowling took vitamin C. It helped.", "J.K Rowling took vitamin C. It helped."),
        ("I AM SO HAPPY! My DVDs are in the USA.", "I AM SO HAPPY! My D V D's are in the U.S.A."),
        ("Mix ½ cup, 1/2 tsp and 2½ lbs.", "Mix one half cup, one half teaspoon and two and a half pounds."),
        (
            "at 2026-01-05T19:30:00 on F-16 no. 3",
            "at January fifth, twenty twenty-six, nineteen thirty on F-sixteen number three",
        ),
        (
            "My code is 1234, 10 - 3 = 7, 3 – 5 times.",
            "My code is one two three four, ten minus three equals seven, three to five times.",
        ),
        (
            "See https://www.example.org/a_b, or e.g. @rose.",
            "See W.W.W dot example dot org slash a underscore B, or for example at rose.",
        ),
        (
            "the 1980s, the '90s, in her 30s, wait 30s",
            "the nineteen eighties, the nineties, in her thirties, wait thirty seconds",
        ),
    ] {
        assert_eq!(spoken(written), expected);
    }
}

#[test]
fn plain_sentences_stay() {
    for text in [
        "",
        "Good evening, my dear; how was your day… Come in.",
        "My ex sat by the min. It may be. We march in the sun, and I am in.",
        "She said, \"No!\" (He didn't.) A well-known — old — tale: 'yes'.",
        "NO, I am NOT. Why? I, Rose, said so.",
        "Ça va? Straße, 你好, привет, مرحبا.",
    ] {
        assert_eq!(spoken(text), text);
    }
}

/// Tokens of every kind, and marks that could make one of what stands beside them.
const TOKENS: &[&str] = &[
    "8:00",
    "7:45am",
    "9 p.m.",
    "3/4",
    "12/25/2025",
    "2026-01-05",
    "3 May 2026",
    "Jan. 5th",
    "1999",
    "'90s",
    "1980s",
    "£3m",
    "$1.2bn",
    "$49.95",
    "€5",
    "50p",
    "$8-10",
    "-5 °F",
    "3.5 kg",
    "100 m²",
    "5'11\"",
    "60%",
    "½",
    "2 1/2",
    "3–5",
    "3-1",
    "Henry VIII",
    "Chapter IV",
    "1st",
    "+1 555 010 9999",
    "116 123",
    "911",
    "v2.3.1",
    "rose@example.org",
    "example.net",
    "https://a.example/b?c=d",
    "#tag",
    "@rose",
    "St.",
    "Dr.",
    "etc.",
    "e.g.",
    "No. 10",
    "pp. 3",
    "NASA",
    "DNA",
    "CDs",
    "U.S.",
    "J. R.",
    "Ph.D.",
    "R&B",
    "&",
    "@",
    "+",
    "=",
    "<",
    ">",
    "/",
    "-",
    "–",
    "—",
    ".",
    ",",
    ":",
    "(",
    ")",
    "%",
    "°",
    "²",
    "#",
    "~",
    "x",
    "×",
    "10,000",
    "0.5",
    "-7",
    ".5",
    "007",
    "12345678901234567890123456789",
    "MP3",
    "A4",
    "IT",
    "Mon.",
    "Sat",
];

/// Words that are nothing else.
const PLAIN: &[&str] = &[
    "garden", "River", "happily", "quiet", "Morning", "people", "sing", "naïve", "herbs", "don't", "willow", "Lantern",
];

#[test]
fn no_word_is_lost() {
    let mut random = StdRng::seed_from_u64(11);
    for _ in 0..3000 {
        let mut text = String::new();
        let mut plain = Vec::new();
        for _ in 0..random.random_range(1..12) {
            let word =
                if random.random_bool(0.5) { PLAIN } else { TOKENS }.choose(&mut random).copied().unwrap_or_default();
            if PLAIN.contains(&word) {
                plain.push(word);
            }
            text.push_str(word);
            text.push_str(["  ", " ", "\n", ", ", ". "].choose(&mut random).copied().unwrap_or(" "));
        }
        let said = spoken(&text);
        let mut rest = said.as_str();
        for word in plain {
            let at = rest.find(word);
            assert!(at.is_some(), "{word:?} of {text:?} is not in {said:?}");
            rest = &rest[at.unwrap_or_default() + word.len()..];
        }
    }
}

#[test]
fn any_text_is_read() {
    let mut random = StdRng::seed_from_u64(12);
    for _ in 0..3000 {
        let text: String = (0..random.random_range(0..60))
            .map(|_| match random.random_range(0..4) {
                0 => (*TOKENS.choose(&mut random).unwrap_or(&"")).to_owned(),
                1 => char::from(random.random_range(0x20_u8..0x7F)).to_string(),
                2 => char::from_u32(random.random_range(0..0x11_0000)).unwrap_or('½').to_string(),
                _ => random.random_range(0..100_000_u32).to_string(),
            })
            .collect();
        assert!(spoken(&text).len() < 100 * (text.len() + 1));
    }
}
