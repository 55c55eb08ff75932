//! Stage directions: "smiles warmly", "takes a deep breath". A model writes them between asterisks, parentheses or
//! brackets, where it also writes emphasis, asides and links: the first verb tells them apart.

/// What a body does on a stage, in the infinitive.
const VERBS: &[&str] = &[
    "adjust", "beam", "blink", "blow", "blush", "bow", "breathe", "brush", "chant", "chuckle", "clap", "clasp",
    "clear", "close", "cough", "cry", "cup", "dance", "embrace", "exhale", "fold", "frown", "gasp", "gaze", "gesture",
    "giggle", "glance", "grin", "hand", "hold", "hug", "hum", "inhale", "kneel", "laugh", "lay", "lean", "light",
    "lift", "listen", "look", "lower", "mumble", "murmur", "nod", "offer", "open", "pat", "pause", "place", "point",
    "pour", "purr", "raise", "reach", "rub", "settle", "shake", "shrug", "sigh", "sing", "sit", "smile", "smirk",
    "sniff", "sniffle", "sob", "soften", "squeeze", "stand", "step", "stir", "stroke", "take", "tap", "tear", "tilt",
    "touch", "turn", "wait", "walk", "wave", "weep", "whisper", "whistle", "wink", "wipe", "wrap", "yawn",
];

/// Those that stand as they are, too: `*smile*`, `*hug*`. Others may be an emphasised request: "*Breathe* with me".
const BARE: &[&str] = &[
    "blush", "chuckle", "clap", "cough", "gasp", "giggle", "grin", "hug", "laugh", "nod", "pause", "shrug", "sigh",
    "smile", "sob", "wave", "wink", "yawn",
];

const NOUNS: &[&str] = &["applause", "laughter", "music", "silence"];

/// Words in -s that start a sentence without being a verb.
const NO_VERBS: &[&str] = &[
    "always",
    "as",
    "this",
    "yes",
    "is",
    "was",
    "has",
    "perhaps",
    "sometimes",
    "its",
    "his",
    "us",
    "thus",
    "afterwards",
];

/// More words than this are not a direction.
const MOST_WORDS: usize = 14;

/// Whether nobody is meant to hear `inner`. `standalone`: between asterisks, with a sentence of its own around it.
pub(super) fn is_direction(inner: &str, standalone: bool) -> bool {
    let words: Vec<String> = inner
        .split_whitespace()
        .map(|word| word.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect())
        .filter(|word: &String| !word.is_empty())
        .collect();
    if words.is_empty() {
        return !inner.contains(char::is_alphanumeric);
    }
    if words.len() > MOST_WORDS {
        return false;
    }
    let Some(first) = words.iter().find(|word| !is_adverb(word)) else {
        return standalone;
    };
    if BARE.contains(&first.as_str()) && words.len() <= 3 {
        return true;
    }
    if NOUNS.iter().any(|noun| words.iter().any(|word| word == noun)) && words.len() <= 3 {
        return true;
    }
    // "Rose smiles", "I take your hand".
    let second = words.get(1).filter(|_| standalone);
    let told = second.is_some_and(|second| {
        third_person(second).any(|verb| VERBS.contains(&verb.as_str()))
            || first == "i" && VERBS.contains(&second.as_str())
    });
    let stage = third_person(first).any(|verb| VERBS.contains(&verb.as_str()))
        || words.len() <= 6 && participle(first).any(|verb| VERBS.contains(&verb.as_str()));
    let capital = inner.trim_start().chars().next().is_some_and(char::is_uppercase);
    let ends = inner.trim_end().ends_with(['.', '!', '?']);
    let verb_like =
        first.len() > 3 && first.ends_with('s') && !first.ends_with("ss") && !NO_VERBS.contains(&first.as_str());
    stage || told || standalone && (verb_like || !capital && !ends)
}

fn is_adverb(word: &str) -> bool {
    word.len() > 4 && word.ends_with("ly")
}

/// "smiles" → smile, "reaches" → reach, "cries" → cry
fn third_person(word: &str) -> impl Iterator<Item = String> {
    let s = word.strip_suffix('s').map(str::to_owned);
    let es = word.strip_suffix("es").map(str::to_owned);
    let ies = word.strip_suffix("ies").map(|stem| format!("{stem}y"));
    [s, es, ies].into_iter().flatten()
}

/// "laughing" → laugh, "smiling" → smile, "nodding" → nod
fn participle(word: &str) -> impl Iterator<Item = String> {
    let stem = word.strip_suffix("ing");
    let plain = stem.map(str::to_owned);
    let silent = stem.map(|stem| format!("{stem}e"));
    let doubled = stem.and_then(|stem| {
        let mut back = stem.chars().rev();
        (back.next()? == back.next()?).then(|| stem[..stem.len() - 1].to_owned())
    });
    [plain, silent, doubled].into_iter().flatten()
}
