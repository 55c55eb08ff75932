//! What is written short, by where it stands: "St. John St.", "No. 10", "pp. 3–5", "etc."

use super::roman;
use super::rule::{Found, Rule};
use super::words::cardinal;

/// Before a name.
const TITLES: &[(&str, &str)] = &[
    ("Mr", "Mister"),
    ("Mrs", "Missus"),
    // espeak-ng spells "Ms".
    ("Ms", "Miz"),
    ("Mx", "Mix"),
    ("Prof", "Professor"),
    ("Rev", "Reverend"),
    ("Hon", "Honorable"),
    ("Gen", "General"),
    ("Col", "Colonel"),
    ("Capt", "Captain"),
    ("Lt", "Lieutenant"),
    ("Sgt", "Sergeant"),
    ("Maj", "Major"),
    ("Cpl", "Corporal"),
    ("Cmdr", "Commander"),
    ("Gov", "Governor"),
    ("Sen", "Senator"),
    ("Rep", "Representative"),
    ("Pres", "President"),
    ("Fr", "Father"),
    ("Messrs", "Messieurs"),
    ("Mme", "Madame"),
    ("Mt", "Mount"),
    ("Ft", "Fort"),
    ("Pt", "Point"),
];

/// Behind the name of a street.
const STREETS: &[(&str, &str)] = &[
    ("St", "Street"),
    ("Dr", "Drive"),
    ("Ave", "Avenue"),
    ("Av", "Avenue"),
    ("Rd", "Road"),
    ("Blvd", "Boulevard"),
    ("Ln", "Lane"),
    ("Sq", "Square"),
    ("Hwy", "Highway"),
    ("Pl", "Place"),
    ("Ct", "Court"),
    ("Cres", "Crescent"),
    ("Pkwy", "Parkway"),
    ("Ter", "Terrace"),
];

/// Before a number only.
const NUMBERED: &[(&str, &str)] = &[
    ("No", "Number"),
    ("Nos", "Numbers"),
    ("no", "number"),
    ("nos", "numbers"),
    ("v", "verse"),
    ("vv", "verses"),
    ("b", "born"),
    ("d", "died"),
    ("p", "page"),
    ("pp", "pages"),
    ("P", "Page"),
    ("Pp", "Pages"),
    ("vol", "volume"),
    ("Vol", "Volume"),
    ("ch", "chapter"),
    ("Ch", "Chapter"),
    ("sec", "section"),
    ("Sec", "Section"),
    ("fig", "figure"),
    ("Fig", "Figure"),
    ("figs", "figures"),
    ("Figs", "Figures"),
    ("art", "article"),
    ("Art", "Article"),
    ("para", "paragraph"),
    ("Para", "Paragraph"),
    ("ver", "version"),
    ("ext", "extension"),
    ("Ext", "Extension"),
    ("apt", "apartment"),
    ("Apt", "Apartment"),
    ("rm", "room"),
    ("Rm", "Room"),
    ("op", "opus"),
    ("Op", "Opus"),
    ("ca", "circa"),
    ("c", "circa"),
    ("tel", "telephone"),
    ("Tel", "Telephone"),
];

/// Anywhere, with their full stop.
const DOTTED: &[(&str, &str)] = &[
    ("approx", "approximately"),
    ("Approx", "Approximately"),
    ("appt", "appointment"),
    ("assoc", "association"),
    ("Assn", "Association"),
    ("asst", "assistant"),
    ("Asst", "Assistant"),
    ("avg", "average"),
    ("Avg", "Average"),
    ("ave", "avenue"),
    ("Bros", "Brothers"),
    ("cf", "compare"),
    ("Corp", "Corporation"),
    ("Co", "Company"),
    ("dept", "department"),
    ("Dept", "Department"),
    ("Depts", "Departments"),
    ("depts", "departments"),
    ("est", "established"),
    ("Est", "Established"),
    ("etc", "et cetera"),
    ("excl", "excluding"),
    ("ext", "extension"),
    ("govt", "government"),
    ("Govt", "Government"),
    ("hosp", "hospital"),
    ("Inc", "Incorporated"),
    ("incl", "including"),
    ("Jr", "Junior"),
    ("Ltd", "Limited"),
    ("max", "maximum"),
    ("Max", "Maximum"),
    ("Min", "Minimum"),
    ("min", "minimum"),
    ("misc", "miscellaneous"),
    ("Sr", "Senior"),
    ("temp", "temperature"),
    ("univ", "university"),
    ("Univ", "University"),
    ("viz", "namely"),
    ("vs", "versus"),
    ("Rd", "Road"),
    ("Blvd", "Boulevard"),
    ("Hwy", "Highway"),
    ("hr", "hour"),
    ("hrs", "hours"),
    ("mins", "minutes"),
    ("secs", "seconds"),
    ("yrs", "years"),
    ("wk", "week"),
    ("wks", "weeks"),
    ("tsp", "teaspoon"),
    ("tbsp", "tablespoon"),
    ("oz", "ounces"),
    ("lb", "pound"),
    ("lbs", "pounds"),
    ("Esq", "Esquire"),
    ("Mss", "Manuscripts"),
];

/// Never the last of a sentence.
const LEADING: &[&str] = &[
    "vs", "approx", "Approx", "incl", "excl", "cf", "viz", "avg", "Avg", "est", "Est", "asst", "Asst", "Assn", "misc",
    "univ", "Univ", "Max", "max", "Min", "min",
];

/// With marks inside.
const WHOLE: &[(&str, &str)] = &[
    ("e.g.", "for example"),
    ("E.g.", "For example"),
    ("i.e.", "that is"),
    ("I.e.", "That is"),
    ("et al.", "et al"),
    ("a.k.a.", "also known as"),
    ("w/o", "without"),
    ("w/", "with"),
    ("b/c", "because"),
    ("c/o", "care of"),
    ("n/a", "not applicable"),
    ("N/A", "not applicable"),
];

/// Without any mark.
const BARE: &[(&str, &str)] =
    &[("vs", "versus"), ("etc", "et cetera"), ("approx", "approximately"), ("aka", "also known as")];

/// Words that begin a sentence: behind "Elm St." they are no name.
const OPENERS: &[&str] = &[
    "A", "After", "And", "As", "At", "Before", "But", "For", "From", "He", "Her", "His", "How", "I", "If", "In", "It",
    "Its", "My", "No", "Now", "On", "Our", "She", "So", "That", "The", "Their", "Then", "There", "These", "They",
    "This", "Turn", "We", "What", "When", "Where", "Who", "Why", "Yes", "You", "Your",
];

pub(super) fn rules() -> Vec<Rule> {
    let any = |table: &[(&str, &str)]| {
        let mut short: Vec<String> = table.iter().map(|(short, _)| regex::escape(short)).collect();
        short.sort_by_key(|short| std::cmp::Reverse(short.len()));
        short.join("|")
    };
    vec![
        Rule::new(&format!(r"\b(?P<a>{})\s?", any(WHOLE)), |found| {
            let short = found.text("a");
            let behind = &found.whole()[short.len()..];
            let closes =
                !short.ends_with('/') && short.contains('/') && found.next().is_some_and(char::is_alphanumeric);
            let long = said(WHOLE, short)?;
            let stop = if ends_sentence(found, short, behind) { "." } else { "" };
            let gap = if short == "w/" && behind.is_empty() { " " } else { behind };
            // "e.g.," has its pause; without the comma it is read on.
            (!closes).then(|| format!("{long}{stop}{gap}"))
        }),
        Rule::new(&format!(r"\b(?P<a>{})\.?[ ]", any(TITLES)), |found| {
            let name = found.after().starts_with(char::is_uppercase);
            let dotted = found.whole().contains('.');
            // "Rev", "Gen", "Pt" and the like are words or names of their own without the full stop.
            let known =
                dotted || matches!(found.text("a"), "Mr" | "Mrs" | "Ms" | "Mx" | "Prof" | "Mt" | "Lt" | "Sgt" | "Capt");
            (name && known).then(|| Some(format!("{} ", said(TITLES, found.text("a"))?)))?
        }),
        Rule::new(&format!(r"\b(?P<a>{})\b\.?", any(STREETS)), street),
        Rule::new(&format!(r"\b(?P<a>{})\.[ ]?(?P<r>[IVXLC]+\b)?", any(NUMBERED)), |found| {
            let (short, roman) = (found.text("a"), found.text("r"));
            let long = said(NUMBERED, short)?;
            if roman.is_empty() {
                return found.after().starts_with(|c: char| c.is_ascii_digit()).then(|| format!("{long} "));
            }
            // "No. I said no." and "the fig. I ate" speak of a person.
            let counts = !matches!(short, "No" | "no" | "c" | "p" | "v" | "b" | "d")
                && (roman != "I" || found.word_after().is_empty());
            counts.then(|| Some(format!("{long} {}", cardinal(roman::value(roman)?))))?
        }),
        // "at No 10"; at a sentence's start it may deny.
        Rule::new(r"\bNo[ ]", |found| {
            let number = found.after().starts_with(|c: char| c.is_ascii_digit());
            let inside = found.before().trim_end().ends_with(char::is_alphabetic);
            (number && inside).then(|| "Number ".to_owned())
        }),
        Rule::new(r"\b(?:No|no)[ ]?º[ ]?|№[ ]?", |_| Some("number ".to_owned())),
        Rule::new(r"#[ ]?", |found| {
            let joined = found.last().is_some_and(char::is_alphanumeric);
            let number = found.after().starts_with(|c: char| c.is_ascii_digit());
            (!joined && number).then(|| "number ".to_owned())
        }),
        Rule::new(r"\b(?P<a>[CFG])#", |found| Some(format!("{} sharp", found.text("a")))),
        Rule::new(&format!(r"\b(?P<a>{})\.", any(DOTTED)), |found| {
            let short = found.text("a");
            // Words too, at the end of a sentence: "at the max.", "a temp."
            let word = matches!(short, "max" | "min" | "Max" | "Min" | "temp" | "est" | "ext" | "ave" | "Co")
                && found.ends_sentence();
            let place = short == "Est" && !found.after().trim_start().starts_with(|c: char| c.is_ascii_digit());
            // A name behind these begins no sentence: "Rovers vs. United".
            let leads = LEADING.contains(&short) && !found.after().trim().is_empty();
            let stop = if leads { "" } else { found.stop() };
            (!word && !place).then(|| Some(format!("{}{stop}", said(DOTTED, short)?)))?
        }),
        Rule::new(&format!(r"\b(?P<a>{})\b", any(BARE)), |found| Some(said(BARE, found.text("a"))?.to_owned())),
    ]
}

fn said(table: &[(&'static str, &'static str)], short: &str) -> Option<&'static str> {
    table.iter().find(|(written, _)| *written == short).map(|(_, long)| *long)
}

/// As [`Found::ends_sentence`], where white space was taken along: a name behind "e.g." begins no sentence.
fn ends_sentence(found: &Found<'_>, short: &str, behind: &str) -> bool {
    let last = found.after().trim().is_empty();
    short.ends_with('.')
        && (last || short == "et al." && !behind.is_empty() && found.after().starts_with(char::is_uppercase))
}

/// "St" and "Dr" stand before a name as saint and doctor, behind one as street and drive.
fn street(found: &Found<'_>) -> Option<String> {
    let short = found.text("a");
    let dotted = found.whole().ends_with('.');
    let before = found.word_before();
    let next = found.after().strip_prefix(' ').unwrap_or_default();
    let next = &next[..next.find(|c: char| !c.is_alphabetic()).unwrap_or(next.len())];
    let name_after = next.starts_with(char::is_uppercase);
    let capital = before.starts_with(char::is_uppercase) || before.ends_with("th") || before.ends_with("st");
    let ordinal = before.starts_with(|c: char| c.is_ascii_digit());
    let close = found.before().ends_with(' ') && !found.before().trim_end().ends_with([',', '.', ';', ':']);
    let behind_name = close && (capital || ordinal) && !(OPENERS.contains(&before));
    let opener = OPENERS.contains(&next);
    let person = matches!(short, "St" | "Dr");
    // "Ask Dr. Who": the first word of a text is a name's only by chance.
    let named = behind_name && found.before().trim_end().contains(' ');
    if person && name_after && !(named && opener) {
        let title = if short == "St" { "Saint" } else { "Doctor" };
        // "Visit Elm St. John waits" can't be told from a saint.
        return Some(title.to_owned());
    }
    if !behind_name {
        return (short == "Dr" && dotted).then(|| format!("Doctor{}", found.stop()));
    }
    // Without its full stop, only what is no word or name.
    if !dotted && matches!(short, "Pl" | "Ct" | "Ter" | "Cres" | "Sq" | "Av") {
        return None;
    }
    Some(format!("{}{}", said(STREETS, short)?, found.stop()))
}
