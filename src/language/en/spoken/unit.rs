//! Numbers with a unit: "5 km", "20 °C", "100 m²", "5'11\"", "60%".

use super::fraction;
use super::number::{NUMBER, sign};
use super::rule::{Found, Rule};
use super::words::{decimal, value, whole};

/// As it is written behind a number, of one, of several.
const UNITS: &[(&str, &str, &str)] = &[
    ("km/h", "kilometer per hour", "kilometers per hour"),
    ("kph", "kilometer per hour", "kilometers per hour"),
    ("mph", "mile per hour", "miles per hour"),
    ("m/s", "meter per second", "meters per second"),
    ("mpg", "mile per gallon", "miles per gallon"),
    ("km²", "square kilometer", "square kilometers"),
    ("km2", "square kilometer", "square kilometers"),
    ("m²", "square meter", "square meters"),
    ("m2", "square meter", "square meters"),
    ("cm²", "square centimeter", "square centimeters"),
    ("ft²", "square foot", "square feet"),
    ("sq ft", "square foot", "square feet"),
    ("sq m", "square meter", "square meters"),
    ("sq km", "square kilometer", "square kilometers"),
    ("m³", "cubic meter", "cubic meters"),
    ("m3", "cubic meter", "cubic meters"),
    ("cm³", "cubic centimeter", "cubic centimeters"),
    ("km", "kilometer", "kilometers"),
    ("kms", "kilometer", "kilometers"),
    ("m", "meter", "meters"),
    ("cm", "centimeter", "centimeters"),
    ("mm", "millimeter", "millimeters"),
    ("µm", "micrometer", "micrometers"),
    ("μm", "micrometer", "micrometers"),
    ("nm", "nanometer", "nanometers"),
    ("mi", "mile", "miles"),
    ("ft", "foot", "feet"),
    ("yd", "yard", "yards"),
    ("yds", "yard", "yards"),
    ("ha", "hectare", "hectares"),
    ("kg", "kilogram", "kilograms"),
    ("kgs", "kilogram", "kilograms"),
    ("g", "gram", "grams"),
    ("mg", "milligram", "milligrams"),
    ("µg", "microgram", "micrograms"),
    ("μg", "microgram", "micrograms"),
    ("mcg", "microgram", "micrograms"),
    ("lb", "pound", "pounds"),
    ("lbs", "pound", "pounds"),
    ("oz", "ounce", "ounces"),
    ("fl oz", "fluid ounce", "fluid ounces"),
    ("l", "liter", "liters"),
    ("L", "liter", "liters"),
    ("ml", "milliliter", "milliliters"),
    ("mL", "milliliter", "milliliters"),
    ("cl", "centiliter", "centiliters"),
    ("dl", "deciliter", "deciliters"),
    ("dL", "deciliter", "deciliters"),
    ("gal", "gallon", "gallons"),
    ("pt", "pint", "pints"),
    ("qt", "quart", "quarts"),
    ("tsp", "teaspoon", "teaspoons"),
    ("tbsp", "tablespoon", "tablespoons"),
    ("s", "second", "seconds"),
    ("sec", "second", "seconds"),
    ("secs", "second", "seconds"),
    ("ms", "millisecond", "milliseconds"),
    ("min", "minute", "minutes"),
    ("mins", "minute", "minutes"),
    ("h", "hour", "hours"),
    ("hr", "hour", "hours"),
    ("hrs", "hour", "hours"),
    ("wk", "week", "weeks"),
    ("wks", "week", "weeks"),
    ("mo", "month", "months"),
    ("mos", "month", "months"),
    ("yr", "year", "years"),
    ("yrs", "year", "years"),
    ("Hz", "hertz", "hertz"),
    ("kHz", "kilohertz", "kilohertz"),
    ("MHz", "megahertz", "megahertz"),
    ("GHz", "gigahertz", "gigahertz"),
    ("kB", "kilobyte", "kilobytes"),
    ("KB", "kilobyte", "kilobytes"),
    ("MB", "megabyte", "megabytes"),
    ("GB", "gigabyte", "gigabytes"),
    ("TB", "terabyte", "terabytes"),
    ("kbps", "kilobit per second", "kilobits per second"),
    ("Mbps", "megabit per second", "megabits per second"),
    ("Gbps", "gigabit per second", "gigabits per second"),
    ("W", "watt", "watts"),
    ("kW", "kilowatt", "kilowatts"),
    ("MW", "megawatt", "megawatts"),
    ("GW", "gigawatt", "gigawatts"),
    ("kWh", "kilowatt hour", "kilowatt hours"),
    ("V", "volt", "volts"),
    ("mV", "millivolt", "millivolts"),
    ("mA", "milliamp", "milliamps"),
    ("mAh", "milliamp hour", "milliamp hours"),
    ("kJ", "kilojoule", "kilojoules"),
    ("kcal", "kilocalorie", "kilocalories"),
    ("cal", "calorie", "calories"),
    ("hPa", "hectopascal", "hectopascals"),
    ("kPa", "kilopascal", "kilopascals"),
    ("psi", "pound per square inch", "pounds per square inch"),
    ("dB", "decibel", "decibels"),
    ("bpm", "beat per minute", "beats per minute"),
    ("rpm", "revolution per minute", "revolutions per minute"),
    ("fps", "frame per second", "frames per second"),
    ("mmHg", "millimeter of mercury", "millimeters of mercury"),
    ("mmol", "millimole", "millimoles"),
    ("px", "pixel", "pixels"),
    ("ppm", "part per million", "parts per million"),
    ("pp", "percentage point", "percentage points"),
];

pub(super) fn rules() -> Vec<Rule> {
    let mut written: Vec<&str> = UNITS.iter().map(|(unit, ..)| *unit).collect();
    // The longest first: "km/h" before "km".
    written.sort_by_key(|unit| std::cmp::Reverse(unit.len()));
    let units = written.join("|");
    vec![
        Rule::new(
            &format!(r"(?P<sign>[-−–])?(?P<n>{NUMBER})[ ]?(?:°|º|degrees)[ ]?(?P<scale>[CFK])\b"),
            |found| {
                let scale = match found.text("scale") {
                    "C" => "Celsius",
                    "F" => "Fahrenheit",
                    _ => "kelvin",
                };
                Some(format!("{}{} {scale}", signed(found)?, counted(found.text("n"), "degree", "degrees")))
            },
        ),
        Rule::new(&format!(r"(?P<sign>[-−–])?(?P<n>{NUMBER})[ ]?[°º]"), |found| {
            let slope = matches!(found.word_before(), "a" | "A") && !found.word_after().is_empty();
            let degrees = if slope { "degree" } else { "degrees" };
            Some(format!("{}{}", signed(found)?, counted(found.text("n"), "degree", degrees)))
        }),
        Rule::new(&format!(r"(?P<sign>[-−–+])?(?P<n>{NUMBER})[ ]?(?P<pc>%|‰)"), |found| {
            let name = if found.text("pc") == "%" { "percent" } else { "per mille" };
            let sign = if found.part("sign") == Some("+") { "plus " } else { signed(found)? };
            let joined = found.last().is_some_and(|c| c.is_alphanumeric());
            (!joined).then(|| format!("{sign}{} {name}", decimal(found.text("n"))))
        }),
        // A height: 5'11", 5 ft 11 in
        Rule::new(
            r#"(?P<n>[0-9]{1,2})[ ]?(?:['’′]|ft\.?)[ ]?(?P<i>[0-9]{1,2})[ ]?(?:["”″]|''|’’|in\b\.?)"#,
            |found| {
                let joined = found.last().is_some_and(|c| c.is_alphanumeric() || c == '.');
                let inches = if found.whole().contains("in") { " inches" } else { "" };
                let (feet, rest) = (whole(found.text("n")), whole(found.text("i")));
                (!joined).then(|| format!("{feet} foot {rest}{inches}{}", found.stop()))
            },
        ),
        // "5'4"
        Rule::new(r"(?P<n>[3-8])['’′](?P<i>1[01]|[0-9])\b", |found| {
            let closes = found.next().is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '\'' | '’'));
            let opens = found.last().is_none_or(|c| !c.is_alphanumeric() && c != '.');
            (opens && closes).then(|| format!("{} foot {}", whole(found.text("n")), whole(found.text("i"))))
        }),
        Rule::new(r"(?P<n>[0-9]+(?:\.[0-9]+)?)″", |found| Some(counted(found.text("n"), "inch", "inches"))),
        Rule::new(r"(?P<n>[0-9]+(?:\.[0-9]+)?)′", |found| Some(counted(found.text("n"), "foot", "feet"))),
        // "5 in." is inches where it isn't "5 in the morning".
        Rule::new(r"(?P<n>[0-9]+(?:\.[0-9]+)?)[ ]?in(?P<dot>\.)?", |found| {
            let measured =
                matches!(found.word_after(), "wide" | "long" | "tall" | "high" | "deep" | "thick" | "x" | "of");
            let stands = found.part("dot").is_some() && (!found.ends_sentence() || !found.whole().contains(' '));
            let joined = found.next().is_some_and(char::is_alphanumeric);
            (!joined && (measured || stands)).then(|| counted(found.text("n"), "inch", "inches") + found.stop())
        }),
        Rule::new(
            &format!(
                r"(?P<sign>[-−–])?(?P<n>{NUMBER})(?P<join>[ -]?)(?P<u>{units})(?P<per>/(?:kg|g|l|L|ml|mL|dl|dL|h|hr|hour|min|s|day|week|wk|month|year|yr|person))?(?P<dot>\.)?"
            ),
            measured,
        ),
        // "1/2 tsp", "2½ lbs"
        Rule::new(
            &format!(
                r"(?:(?P<w>[0-9]+)[ ]?)?(?:(?P<g>[½⅓⅔¼¾⅛⅜⅝⅞])|\b(?P<a>[0-9]{{1,2}})[/⁄](?P<b>[0-9]{{1,2}}))[ ]?(?P<u>{units})\b\.?"
            ),
            |found| {
                let joined = found.last().is_some_and(|c| c.is_alphanumeric() || matches!(c, '/' | '.' | ','));
                let (above, below) = match found.text("g").chars().next() {
                    Some(glyph) => fraction::glyph(glyph)?,
                    None => (value(found.text("a"))?, value(found.text("b"))?),
                };
                let (_, one, many) = UNITS.iter().find(|(written, ..)| *written == found.text("u"))?;
                let unit = match (found.part("w"), above) {
                    (Some(_), _) => (*many).to_owned(),
                    (None, 1) => (*one).to_owned(),
                    (None, _) if one.starts_with(['a', 'e', 'i', 'o']) || *one == "hour" => format!("of an {one}"),
                    (None, _) => format!("of a {one}"),
                };
                (!joined && above < below)
                    .then(|| format!("{} {unit}{}", fraction::with_whole(found.part("w"), above, below), found.stop()))
            },
        ),
        Rule::new("%", |found| {
            let number_before = found.before().trim_end().ends_with(|c: char| c.is_alphanumeric());
            number_before.then(|| " percent".to_owned())
        }),
    ]
}

fn signed(found: &Found<'_>) -> Option<&'static str> {
    if found.part("sign").is_none() && found.last().is_some_and(|c| c.is_alphanumeric()) {
        return None;
    }
    sign(found)
}

/// "one degree", "half a degree" is left to the fraction's own sign.
fn counted(number: &str, one: &str, many: &str) -> String {
    format!("{} {}", decimal(number), if number == "1" { one } else { many })
}

fn measured(found: &Found<'_>) -> Option<String> {
    let sign = signed(found)?;
    let unit = found.text("u");
    let dot = found.part("dot").is_some();
    if found.next().is_some_and(|c| c.is_alphanumeric() || matches!(c, '²' | '³' | '/' | '\'' | '’')) {
        return None;
    }
    // "4-h" is odd, "4-s" too; a letter alone needs its number close or a blank.
    let hyphen = found.text("join") == "-";
    if hyphen && unit.len() < 2 {
        return None;
    }
    let (_, one, many) = UNITS.iter().find(|(written, ..)| *written == unit)?;
    // "a 5 km run": what stands between an article and its noun is singular.
    let noun = found.word_after();
    let article = matches!(found.word_before().to_lowercase().as_str(), "a" | "an");
    let preposition = matches!(
        noun,
        "of" | "in"
            | "to"
            | "from"
            | "at"
            | "on"
            | "and"
            | "or"
            | "for"
            | "is"
            | "was"
            | "away"
            | "long"
            | "per"
            | "with"
            | "by"
    );
    // "a 24hr service" and "24hr service" alike.
    let close = found.text("join").is_empty() && matches!(unit, "hr" | "min" | "yr");
    let attributive = hyphen || (article || close) && !noun.is_empty() && !preposition;
    let number = found.text("n");
    let name = if number == "1" || attributive { one } else { many };
    let per = match found.part("per").map(|per| per.trim_start_matches('/')) {
        None => String::new(),
        Some(per) => {
            let name = UNITS.iter().find(|(written, ..)| *written == per).map_or(per, |(_, one, _)| one);
            format!(" per {name}")
        }
    };
    let stop = match (dot, found.ends_sentence()) {
        (true, true) => ".",
        _ => "",
    };
    // A full stop inside of the sentence belongs to the unit only where more of it follows.
    Some(format!("{sign}{} {name}{per}{stop}", decimal(number)))
}
