//! Roman numerals: "Henry VIII", "Chapter IV", "World War II", "the XIX century".

use super::rule::{Found, Rule};
use super::words::{cardinal, ordinal};

/// Rulers and popes are counted: "Henry the Eighth".
const RULERS: &[&str] = &[
    "Abdullah",
    "Albert",
    "Alexander",
    "Alexandra",
    "Alfonso",
    "Amenhotep",
    "Anne",
    "Antiochus",
    "Baldwin",
    "Benedict",
    "Boniface",
    "Carl",
    "Carlos",
    "Catherine",
    "Charles",
    "Christian",
    "Clement",
    "Cleopatra",
    "Constantine",
    "Cyrus",
    "Darius",
    "David",
    "Edward",
    "Elizabeth",
    "Eric",
    "Erik",
    "Ferdinand",
    "Francis",
    "Franz",
    "Frederick",
    "Friedrich",
    "George",
    "Gregory",
    "Gustav",
    "Haakon",
    "Hadrian",
    "Harald",
    "Harold",
    "Henri",
    "Henry",
    "Innocent",
    "Isabella",
    "Ivan",
    "James",
    "John",
    "Joseph",
    "Juan",
    "Julius",
    "Justinian",
    "Leo",
    "Leopold",
    "Louis",
    "Ludwig",
    "Margaret",
    "Margrethe",
    "Maria",
    "Martin",
    "Mary",
    "Maximilian",
    "Mehmed",
    "Mohammed",
    "Napoleon",
    "Nicholas",
    "Olaf",
    "Otto",
    "Paul",
    "Pedro",
    "Peter",
    "Philip",
    "Pius",
    "Ptolemy",
    "Rama",
    "Ramesses",
    "Ramses",
    "Richard",
    "Robert",
    "Rudolf",
    "Selim",
    "Sigismund",
    "Sixtus",
    "Stephen",
    "Suleiman",
    "Theodosius",
    "Thutmose",
    "Umberto",
    "Urban",
    "Victor",
    "Victoria",
    "Wilhelm",
    "Wilhelmina",
    "William",
    "Xerxes",
];

/// What is numbered rather than counted.
const NUMBERED: &[&str] = &[
    "Act", "Annex", "Apollo", "Appendix", "Article", "Artemis", "Book", "Bowl", "Canto", "Category", "Chapter",
    "Class", "Division", "Edition", "Episode", "Exhibit", "Factor", "Fantasy", "Figure", "Grade", "Group", "Lesson",
    "Level", "Mark", "Module", "Movement", "Part", "Phase", "Psalm", "Rocky", "Scene", "Schedule", "Season", "Section",
    "Stage", "Step", "Symphony", "Table", "Title", "Type", "Unit", "Volume", "War",
];

/// Behind "I" they make it a person's word.
const VERBS: &[&str] = &[
    "am", "was", "have", "had", "will", "would", "could", "can", "do", "did", "think", "know", "love", "like", "want",
    "need", "saw", "met", "read", "went", "said", "found", "agree", "feel", "felt", "liked", "loved", "played",
];

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule::new(r"\b(?P<name>\p{Lu}\p{L}+)(?P<gap>\s)(?P<r>[IVXLC]+)\b(?P<s>['’]s\b)?", named),
        Rule::new(
            r"\b(?P<name>chapter|part|act|scene|volume|book|section|type|phase|stage)\s(?P<r>[IVXLC]+)\b",
            |found| {
                let number = value(found.text("r"))?;
                let person = found.text("r") == "I" && VERBS.contains(&found.word_after());
                (!person).then(|| format!("{} {}", found.text("name"), cardinal(number)))
            },
        ),
        Rule::new(r"\b(?P<r>[IVX]+)(?:th|st|nd|rd)?(?P<c>[ -][Cc]entur(?:y|ies))\b", |found| {
            Some(format!("{}{}", ordinal(value(found.text("r"))?), found.text("c")))
        }),
    ]
}

fn named(found: &Found<'_>) -> Option<String> {
    let (name, roman) = (found.text("name"), found.text("r"));
    let number = value(roman)?;
    let suffix = found.text("s");
    let before = found.word_before();
    let titled =
        matches!(before, "King" | "Queen" | "Pope" | "Emperor" | "Empress" | "Tsar" | "Kaiser" | "Sultan" | "Prince");
    let follows = found.word_after();
    if roman == "I" && !titled && VERBS.contains(&follows) {
        return None;
    }
    if NUMBERED.contains(&name) {
        return Some(format!("{name} {}{suffix}", cardinal(number)));
    }
    if titled || RULERS.contains(&name) {
        return Some(format!("{name} the {}{suffix}", ordinal(number)));
    }
    // A letter alone is a letter: "Malcolm X", "Vitamin C".
    if roman.len() < 2 || matches!(roman, "CC" | "CV" | "CI" | "XL" | "LI" | "LV" | "MI" | "XXL") {
        return None;
    }
    // The third of a family: behind two names.
    let sentence = found.before().trim_end().ends_with('.');
    let family =
        !sentence && before.starts_with(char::is_uppercase) && number <= 6 && !matches!(before, "The" | "A" | "In");
    Some(if family {
        format!("{name} the {}{suffix}", ordinal(number))
    } else {
        format!("{name} {}{suffix}", cardinal(number))
    })
}

/// The value, where it is written as one writes it.
pub(super) fn value(roman: &str) -> Option<u64> {
    const PARTS: [(&str, u64); 9] =
        [("C", 100), ("XC", 90), ("L", 50), ("XL", 40), ("X", 10), ("IX", 9), ("V", 5), ("IV", 4), ("I", 1)];
    let mut rest = roman;
    let mut sum = 0;
    for (letters, worth) in PARTS {
        while let Some(behind) = rest.strip_prefix(letters) {
            sum += worth;
            rest = behind;
        }
    }
    // Whoever writes it otherwise, such as "IIX", means something else.
    let canonical = {
        let mut left = sum;
        let mut text = String::new();
        for (letters, worth) in PARTS {
            while left >= worth {
                text.push_str(letters);
                left -= worth;
            }
        }
        text
    };
    (rest.is_empty() && sum > 0 && sum < 400 && canonical == roman).then_some(sum)
}
