//! Capitals: what is spelled, what is said as a word, initials, letters with numbers.

use super::rule::{Found, Rule};
use super::words::{pairs, spelled, spelled_plural, value, whole};

/// Said as words although short.
const WORDS: &[&str] = &[
    "AIDS", "ASCII", "BAFTA", "BASIC", "CAPTCHA", "COVID", "DARPA", "DEFRA", "EFTA", "FEMA", "FIFA", "GIF", "HIPAA",
    "IKEA", "JPEG", "JSON", "LASER", "LAN", "LEGO", "MASH", "MERS", "MIDI", "NAFTA", "NASA", "NASDAQ", "NATO", "NIMBY",
    "OFSTED", "OPEC", "OSHA", "PIN", "POTUS", "QUANGO", "RADAR", "RAF", "RAM", "ROM", "SARS", "SCUBA", "SIM", "SONAR",
    "SWAT", "TASER", "UEFA", "UNESCO", "UNICEF", "WAN", "WASP", "YAML", "YOLO", "FOMO", "ZIP", "OK", "OPEC", "AWOL",
    "MENSA", "NAAFI", "COBRA", "DAB", "GUI", "SAT", "PET", "CAD", "BIOS", "DOS", "REM", "MOMA", "TED", "WIP",
];

/// Spelled although longer than three letters and easily said.
const SPELLED: &[&str] = &[
    "ADHD", "USDA", "NAACP", "ASAP", "AARP", "ACLU", "IEEE", "IUPAC", "UCLA", "USSR", "UNHCR", "AAA", "IOU", "RSVP",
    "LGBTQIA", "YMCA", "EEG", "UAE", "HIV", "AOL", "ISBN", "DIY", "FAQ", "UFO", "CEO", "CIA", "FBI", "URL", "USB",
    "USA", "VIP", "ETA", "IBM", "EU", "UN",
];

/// English words that people write in capitals to stress them.
const STRESSED: &[&str] = &[
    "A", "ADD", "AGO", "ALL", "AM", "AN", "AND", "ANY", "ARE", "AS", "ASK", "AT", "ATE", "AWE", "BAD", "BE", "BED",
    "BIG", "BIT", "BUT", "BUY", "BY", "CAN", "CAR", "CRY", "CUT", "DAD", "DAY", "DID", "DO", "DOG", "EAT", "END",
    "FAR", "FEW", "FOR", "FUN", "GET", "GO", "GOD", "GOT", "GUY", "HAD", "HAS", "HE", "HER", "HEY", "HI", "HIM", "HIS",
    "HOT", "HOW", "HUG", "I", "IF", "IN", "IS", "ITS", "JOY", "KEY", "KID", "LAW", "LET", "LIE", "LIT", "LOT", "LOW",
    "MAD", "MAN", "MAY", "ME", "MEN", "MOM", "MUM", "MY", "NEW", "NO", "NOR", "NOT", "NOW", "OF", "OFF", "OH", "OLD",
    "ON", "ONE", "OR", "OUR", "OUT", "OWN", "PAY", "PUT", "RED", "RUN", "SAD", "SAW", "SAY", "SEE", "SET", "SHE",
    "SIT", "SIX", "SO", "SON", "SUN", "TEN", "THE", "TO", "TOO", "TOP", "TRY", "TWO", "UP", "USE", "WAR", "WAS", "WAY",
    "WE", "WHY", "WIN", "WON", "WOW", "YES", "YET", "YOU", "EX", "HUH", "AH", "AW", "UH", "UM", "MR", "MS", "DR", "ST",
    "FIX", "MIX", "BOX", "SEX", "TAX", "SIR", "BOY", "AIR", "ART", "ARM", "EAR", "EYE", "ICE", "OIL", "SEA", "SKY",
    "TEA", "TOY", "NUT", "BUS", "CAT", "HAT", "CUP", "GAS", "GUN", "HIT", "JOB", "LEG", "LIP", "MAP", "PEN", "PIG",
    "POP", "RAT", "ROW", "SIN", "TIE", "TIP", "VAN", "WET", "ZOO", "ALSO", "DUE", "ERA", "EVE", "AGE", "ACT", "AIM",
    "BAG", "BAR", "BAT", "BET", "DIE", "DRY", "EGG", "FAN", "FAT", "FIT", "FLY", "GAP", "HEN", "LAP", "LAY", "LED",
    "MET", "MUD", "NET", "ODD", "PAN", "RAW", "RIB", "ROB", "RUB", "SHY", "SKI", "TAP", "WAX", "WIT",
];

/// Before "IT" they make it the trade rather than the word.
const BEFORE_IT: &[&str] = &[
    "in", "the", "an", "our", "your", "their", "his", "her", "my", "of", "for", "from", "and", "with", "study",
    "studied", "studies", "called",
];

/// Names of what a letter belongs to: "vitamin C. Take it" has no initial.
const LETTERED: &[&str] = &[
    "vitamin",
    "plan",
    "grade",
    "hepatitis",
    "type",
    "group",
    "option",
    "team",
    "part",
    "section",
    "point",
    "letter",
    "class",
    "appendix",
    "side",
    "exhibit",
    "category",
    "form",
    "answer",
    "question",
    "block",
    "and",
    "or",
    "do",
    "am",
    "than",
];

const OPENERS: &[&str] = &[
    "He", "She", "It", "The", "We", "They", "This", "That", "There", "You", "But", "And", "So", "In", "My", "Take",
    "Then", "If", "What",
];

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule::new(r"\bPh\.?\s?D(?:s\b|\b\.?)", |found| {
            Some(if found.whole().ends_with('s') { spelled_plural("PHD") } else { format!("P.H.D{}", found.stop()) })
        }),
        Rule::new(r"\bWW(?P<n>II|I|2|1)\b", |found| {
            Some(format!("World War {}", if matches!(found.text("n"), "II" | "2") { "two" } else { "one" }))
        }),
        Rule::new(r"\b(?:M\.?Sc|B\.?Sc)\b\.?", |found| {
            let first = found.whole().chars().next()?;
            Some(format!("{first}.S.C{}", found.stop()))
        }),
        // "U.S.", "J.R.R. Tolkien"
        Rule::new(r"\b\p{L}(?:\.\p{L})+\b\.?", |found| {
            let text = found.whole();
            let capitals = text.chars().filter(|c| c.is_uppercase()).count();
            let letters = text.chars().filter(|c| c.is_alphabetic()).count();
            // "p.m" is known, and a lone "a.b" is nothing to spell but without harm.
            if capitals != letters && (letters < 3 || capitals > 0) || found.last() == Some('.') {
                return None;
            }
            // Behind initials comes a name, not a new sentence.
            let named = text.ends_with('.')
                && found.word_after().starts_with(char::is_uppercase)
                && !OPENERS.contains(&found.word_after());
            Some(format!("{}{}", spelled(text), if named { "" } else { found.stop() }))
        }),
        // "J. K. Rowling", "John F. Kennedy"
        Rule::new(r"\b(?P<i>\p{Lu}\.(?:\s?\p{Lu}\.){0,3})[ ]", initials),
        Rule::new(r"\b(?P<a>\p{Lu}{1,4})&(?P<b>\p{Lu}{1,3})\b", |found| {
            Some(format!("{} and {}", spelled(found.text("a")), spelled(found.text("b"))))
        }),
        // "CO2", "MP3", "B2B", "A4"
        Rule::new(r"\b\p{Lu}{1,4}[0-9]{1,4}(?:\p{Lu}{1,2})?(?P<s>s)?\b", mixed),
        Rule::new(r"\b(?P<n>[0-9]{1,4})(?P<l>\p{Lu}{1,3})\b", |found| {
            let joined = found.last().is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | ',' | '$' | '£'));
            (!joined).then(|| format!("{} {}", whole(found.text("n")), spelled(found.text("l"))))
        }),
        Rule::new(r"\b(?P<w>\p{Lu}{2,6})(?P<s>s|['’]s)?\b", capitals),
    ]
}

fn initials(found: &Found<'_>) -> Option<String> {
    let next = found.after().split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    if !next.starts_with(char::is_uppercase) || OPENERS.contains(&next) {
        return None;
    }
    let letters: String = found.text("i").chars().filter(|c| c.is_alphabetic()).collect();
    let before = found.word_before();
    let first = before.is_empty() || before.starts_with(char::is_uppercase);
    if letters.chars().count() == 1 {
        let lettered = LETTERED.contains(&before.to_lowercase().as_str()) || letters == "X" || letters == "I" && !first;
        if lettered {
            return None;
        }
    }
    Some(format!("{} ", spelled(&letters)))
}

fn mixed(found: &Found<'_>) -> Option<String> {
    let text = found.whole().trim_end_matches('s');
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let end = text.rfind(|c: char| c.is_ascii_digit())? + 1;
    let (letters, number, rest) = (&text[..start], &text[start..end], &text[end..]);
    if WORDS.contains(&letters) || letters.chars().count() > 3 {
        return None;
    }
    let number = if number.starts_with('0') { whole(number) } else { pairs(value(number)?) };
    let mut words = format!("{} {number}", spelled(letters));
    if !rest.is_empty() {
        words = format!("{words} {}", spelled(rest));
    }
    Some(if found.part("s").is_some() { format!("{words}s") } else { words })
}

fn capitals(found: &Found<'_>) -> Option<String> {
    let word = found.text("w");
    let length = word.chars().count();
    if found.last().is_some_and(|c| matches!(c, '.' | '@' | '_' | '&')) && found.before().len() > 1
        || found.next().is_some_and(|c| matches!(c, '_' | '&'))
        || WORDS.contains(&word)
        || shouted(found)
    {
        return None;
    }
    let before = found.word_before();
    let known = SPELLED.contains(&word);
    match word {
        "IT" => {
            let trade = matches!(
                found.word_after(),
                "department"
                    | "support"
                    | "team"
                    | "guy"
                    | "person"
                    | "staff"
                    | "job"
                    | "company"
                    | "manager"
                    | "skills"
                    | "systems"
                    | "desk"
                    | "worker"
            );
            if !trade && !BEFORE_IT.contains(&before.to_lowercase().as_str()) {
                return None;
            }
        }
        "WHO" if !matches!(before, "the" | "The" | "by" | "from") => return None,
        "US" if !matches!(before, "the" | "The" | "a" | "in" | "from" | "of" | "and")
            && !found.word_after().starts_with(char::is_uppercase)
            && !matches!(
                found.word_after(),
                "dollars" | "dollar" | "citizen" | "citizens" | "army" | "president" | "government"
            ) =>
        {
            return None;
        }
        _ if STRESSED.contains(&word) => return None,
        _ => {}
    }
    let vowels = word.contains(['A', 'E', 'I', 'O', 'U', 'Y']);
    if length > 3 && !known && vowels && !unsayable(word) {
        return None;
    }
    if length > 3 && !known && !vowels && length > 6 {
        return None;
    }
    match found.part("s") {
        Some("s") => Some(spelled_plural(word)),
        Some(_) => Some(format!("{}'s", word.chars().map(String::from).collect::<Vec<_>>().join(" "))),
        None => Some(spelled(word)),
    }
}

/// Whether no English word begins so: three consonants, or two that never stand together there.
fn unsayable(word: &str) -> bool {
    let vowel = |c: char| matches!(c, 'A' | 'E' | 'I' | 'O' | 'U' | 'Y');
    let consonants = word.chars().take_while(|&c| !vowel(c)).count();
    let end = word.chars().rev().take_while(|&c| !vowel(c)).count();
    let starts = [
        "BL", "BR", "CH", "CL", "CR", "DR", "FL", "FR", "GL", "GR", "KN", "PH", "PL", "PR", "SC", "SH", "SK", "SL",
        "SM", "SN", "SP", "ST", "SW", "TH", "TR", "TW", "WH", "WR", "QU",
    ];
    consonants > 2 && !word.starts_with("STR") && !word.starts_with("SCR") && !word.starts_with("THR")
        || consonants == 2 && !starts.iter().any(|start| word.starts_with(start))
        || end > 3
}

/// Whether the words around are in capitals too: somebody shouts.
fn shouted(found: &Found<'_>) -> bool {
    let loud = |word: &str| {
        word.chars().filter(|c| c.is_alphabetic()).count() > 1
            && !word.chars().any(char::is_lowercase)
            && !WORDS.contains(&word)
            && !SPELLED.contains(&word)
            && (STRESSED.contains(&word) || word.chars().count() > 3)
    };
    loud(found.word_before()) || loud(found.word_after())
}
