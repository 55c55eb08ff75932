//! Numbers in words: cardinals, ordinals, digits one by one, years.

const UNITS: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];

const TENS: [&str; 10] = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

/// Powers of a thousand, the short scale.
const SCALES: [&str; 7] = ["", "thousand", "million", "billion", "trillion", "quadrillion", "quintillion"];

/// "one hundred and five", "twenty-one thousand".
pub(super) fn cardinal(number: u64) -> String {
    if number == 0 {
        return UNITS[0].to_owned();
    }
    let mut words = Vec::new();
    let mut scale = 1_000_u64.pow(6);
    for name in SCALES.iter().rev() {
        let group = number / scale % 1_000;
        scale = (scale / 1_000).max(1);
        if group == 0 {
            continue;
        }
        if name.is_empty() && group < 100 && number > 999 {
            words.push("and".to_owned());
        }
        words.push(below_thousand(group));
        if !name.is_empty() {
            words.push((*name).to_owned());
        }
    }
    words.join(" ")
}

fn below_thousand(number: u64) -> String {
    match (number / 100, number % 100) {
        (0, rest) => below_hundred(rest),
        (hundreds, 0) => format!("{} hundred", below_hundred(hundreds)),
        (hundreds, rest) => format!("{} hundred and {}", below_hundred(hundreds), below_hundred(rest)),
    }
}

fn below_hundred(number: u64) -> String {
    let number = usize::try_from(number % 100).unwrap_or_default();
    if number < UNITS.len() {
        return UNITS[number].to_owned();
    }
    match number % 10 {
        0 => TENS[number / 10].to_owned(),
        unit => format!("{}-{}", TENS[number / 10], UNITS[unit]),
    }
}

/// "first", "twenty-second", "one hundredth".
pub(super) fn ordinal(number: u64) -> String {
    let words = cardinal(number);
    let at = words.rfind([' ', '-']).map_or(0, |at| at + 1);
    let (start, last) = words.split_at(at);
    let last = match last {
        "one" => "first".to_owned(),
        "two" => "second".to_owned(),
        "three" => "third".to_owned(),
        "five" => "fifth".to_owned(),
        "eight" => "eighth".to_owned(),
        "nine" => "ninth".to_owned(),
        "twelve" => "twelfth".to_owned(),
        word => match word.strip_suffix('y') {
            Some(stem) => format!("{stem}ieth"),
            None => format!("{word}th"),
        },
    };
    format!("{start}{last}")
}

/// "nineteens" of a decade, "fifths" of a fraction.
pub(super) fn plural(words: &str) -> String {
    match words.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if words.ends_with('x') => format!("{words}es"),
        None => format!("{words}s"),
    }
}

/// Each digit by itself; what is no digit is a pause between them.
pub(super) fn digits(text: &str) -> String {
    let words: Vec<&str> = text
        .chars()
        .filter_map(|c| c.to_digit(10))
        .filter_map(|digit| UNITS.get(usize::try_from(digit).ok()?).copied())
        .collect();
    words.join(" ")
}

/// A whole number as written, "1,234" too. One that no name reaches, or that begins with a zero, by its digits.
pub(super) fn whole(text: &str) -> String {
    let plain: String = text.chars().filter(char::is_ascii_digit).collect();
    if plain.len() > 1 && plain.starts_with('0') {
        return digits(&plain);
    }
    plain.parse().map_or_else(|_| digits(&plain), cardinal)
}

/// A number as written, with its fraction: "1,234.50".
pub(super) fn decimal(text: &str) -> String {
    match text.split_once('.') {
        Some(("", fraction)) => format!("zero point {}", digits(fraction)),
        Some((number, fraction)) => format!("{} point {}", whole(number), digits(fraction)),
        None => whole(text),
    }
}

/// The value of a whole number as written.
pub(super) fn value(text: &str) -> Option<u64> {
    text.chars().filter(|&c| c != ',').collect::<String>().parse().ok()
}

/// "nineteen ninety-nine", "nineteen oh five", "two thousand and five", "twelve hundred".
pub(super) fn year(year: u64) -> String {
    let (century, rest) = (year / 100, year % 100);
    match (century, rest) {
        (0, _) => cardinal(year),
        (_, 0) if century % 10 == 0 => cardinal(year),
        (_, 0) => format!("{} hundred", cardinal(century)),
        (_, 1..=9) if century % 10 == 0 => cardinal(year),
        (_, 1..=9) => format!("{} oh {}", cardinal(century), cardinal(rest)),
        _ => format!("{} {}", cardinal(century), cardinal(rest)),
    }
}

/// As the number of a room or a flight is said: "two oh four", "three seventy", "fourteen hundred".
pub(super) fn pairs(number: u64) -> String {
    match (number / 100, number % 100) {
        (0, _) | (_, 0) if number < 1100 => cardinal(number),
        (hundreds, 0) => format!("{} hundred", cardinal(hundreds)),
        (hundreds, rest @ 1..=9) => format!("{} oh {}", cardinal(hundreds), cardinal(rest)),
        (hundreds, rest) => format!("{} {}", cardinal(hundreds), cardinal(rest)),
    }
}

/// The letters of a word, each by its name. espeak-ng names them, and in one breath, where dots stand between.
pub(super) fn spelled(word: &str) -> String {
    let letters: Vec<String> =
        word.chars().filter(|c| c.is_alphabetic()).map(|c| c.to_uppercase().to_string()).collect();
    letters.join(".")
}

/// Letters in a plural: "TVs". espeak-ng reads an "s" behind dots as one letter more.
pub(super) fn spelled_plural(word: &str) -> String {
    let letters: Vec<String> = word.chars().map(|c| c.to_uppercase().to_string()).collect();
    format!("{}'s", letters.join(" "))
}
