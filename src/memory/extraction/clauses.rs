//! Speech to clauses: fillers and stutters go, contractions of "I" are written out, sentences and clauses are told
//! apart.

use std::sync::LazyLock;

use regex::Regex;

use super::rules::Rules;

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern of this file is valid")
}

static QUOTED: LazyLock<Regex> = LazyLock::new(|| pattern(r#"["“«][^"”»]*["”»]?"#));
static UNSPOKEN: LazyLock<Regex> = LazyLock::new(|| pattern(r"[\p{C}\s]+"));
static SPACE_BEFORE_COMMA: LazyLock<Regex> = LazyLock::new(|| pattern(r"\s+([,.!?])"));
static DOUBLED_COMMA: LazyLock<Regex> = LazyLock::new(|| pattern(r",(?:\s*,)+|,\s*([.!?])"));
static CONTRACTIONS: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    [
        (r"(?i)\bi'?m\b", "I am"),
        (r"(?i)\bi've\b|\bive\b", "I have"),
        (r"(?i)\bi'll\b", "I will"),
        (r"(?i)\bmy name's\b", "my name is"),
        (r"(?i)\bwe're\b", "we are"),
        (r"(?i)\bwe've\b", "we have"),
        (r"(?i)\bwe'll\b", "we will"),
        (r"(?i)\b(am|are|was|have|has) gonna\b", "$1 going to"),
        (r"\bi\b", "I"),
    ]
    .map(|(from, to)| (pattern(from), to))
    .into()
});

/// One line of plain text: no control characters, straight apostrophes.
pub(in crate::memory) fn one_line(text: &str) -> String {
    UNSPOKEN.replace_all(text.trim(), " ").replace(['’', '‘', '`'], "'")
}

/// What the person says in their own words, without hesitation.
pub(super) fn clean(message: &str, rules: &Rules) -> String {
    let mut text = QUOTED.replace_all(&one_line(message), "").into_owned();
    for filler in &rules.fillers {
        text = filler.replace_all(&text, ",").into_owned();
    }
    text = text.trim_start_matches([',', ' ', '…', '.']).to_owned();
    text = SPACE_BEFORE_COMMA.replace_all(&text, "$1").into_owned();
    text = DOUBLED_COMMA.replace_all(&text, ",$1").replace(",.", ".").replace(",!", "!").replace(",?", "?");
    for (from, to) in &*CONTRACTIONS {
        text = from.replace_all(&text, *to).into_owned();
    }
    without_stutter(&text)
}

/// "I, I live" → "I live"; "I run, I run every morning" → "I run every morning".
fn without_stutter(text: &str) -> String {
    let mut words: Vec<&str> = text.split_whitespace().collect();
    let bare = |word: &str| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    for length in [3, 2, 1] {
        let mut at = 0;
        while at + 2 * length <= words.len() {
            let (first, second) = (&words[at..at + length], &words[at + length..at + 2 * length]);
            let same = first.iter().zip(second).all(|(a, b)| bare(a) == bare(b) && !bare(a).is_empty());
            // A full stop between them is no stutter.
            if same && !first.iter().any(|word| word.ends_with(['.', '!', '?'])) {
                words.drain(at..at + length);
            } else {
                at += 1;
            }
        }
    }
    words.join(" ")
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sentence<'t> {
    pub(super) text: &'t str,
    /// Ends with a question mark.
    pub(super) asked: bool,
}

/// At full stops, but not after "Mrs." and its like.
pub(super) fn sentences(text: &str) -> Vec<Sentence<'_>> {
    static END: LazyLock<Regex> = LazyLock::new(|| pattern(r"[.!?…]+(?:\s+|$)"));
    static TITLE: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)\b(?:mr|mrs|ms|dr|st|prof|no|vs)$"));
    let mut found = Vec::new();
    let mut start = 0;
    for end in END.find_iter(text) {
        let sentence = &text[start..end.start()];
        if end.as_str().starts_with('.') && TITLE.is_match(sentence) {
            continue;
        }
        found.push(Sentence { text: sentence.trim(), asked: end.as_str().contains('?') });
        start = end.end();
    }
    found.push(Sentence { text: text[start..].trim(), asked: false });
    found.retain(|sentence| !sentence.text.is_empty());
    found
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clause<'t> {
    /// What ties it to the clause before, as it was said: ", ", " and ". Empty at a sentence's start.
    pub(super) tie: &'t str,
    pub(super) text: &'t str,
}

/// A new clause begins where someone or something is spoken of anew: "…, and I am afraid of thunder".
pub(super) fn clauses(sentence: &str) -> Vec<Clause<'_>> {
    static TIE: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"(?i)\s*[,;:–—]\s*(?:(?:and|but|so|then|or|plus),?\s+)?|\s+(?:and|but|so|then),?\s+|\s+told (?:me|us)(?: that)? ",
        )
    });
    static SUBJECT: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"(?i)^(?:(?:well|actually|yeah|now|today|sometimes|honestly),? )?(?:i|we|he|she|it|they|you|that|there|this|it's|he's|she's|they're|that's|there's)\b",
        )
    });
    // "my dad" alone goes on with what was said; "my dad is a fisherman" is new.
    static OWN_SUBJECT: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"(?i)^(?:my|our) (?:[\p{L}-]+ ){0,3}?(?:[\p{L}-]+(?:'s|ed)|is|are|was|were|has|have|had|can|can't|will|does|doesn't|did|didn't|just|got|lives?|works?|loves?|hates?|likes?|goes|went|plays?|died|left|makes?|keeps?|says?|never|always)\b",
        )
    });
    let mut found = Vec::new();
    let mut start = 0;
    let mut tie_before = "";
    for tie in TIE.find_iter(sentence) {
        let rest = &sentence[tie.end()..];
        let before = &sentence[start..tie.start()];
        let opens = SUBJECT.is_match(rest) || OWN_SUBJECT.is_match(rest);
        if opens && !(tie.as_str().trim() == "and" && is_subject_alone(before)) {
            found.push(Clause { tie: tie_before, text: before });
            tie_before = tie.as_str();
            start = tie.end();
        }
    }
    found.push(Clause { tie: tie_before, text: &sentence[start..] });
    found.retain(|clause| !clause.text.trim().is_empty());
    found
}

/// "My wife" of "my wife and I are moving".
fn is_subject_alone(text: &str) -> bool {
    static SUBJECT_ALONE: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"(?i)^(?:(?:my|our|the) (?:[\p{L}-]+ ){0,2}[\p{L}-]+|me|[\p{L}-]+)$"));
    SUBJECT_ALONE.is_match(text.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(sentence: &str) -> Vec<&str> {
        clauses(sentence).into_iter().map(|clause| clause.text).collect()
    }

    #[test]
    fn hesitation_goes() {
        let rules = Rules::embedded("Rose");
        assert_eq!(clean("Well, I, uh, I run every,  um, morning.", &rules), "Well, I run every, morning.");
        assert_eq!(clean("i'm, you know, a nurse", &rules), "I am, a nurse");
    }

    #[test]
    fn clauses_begin_with_a_new_subject() {
        assert_eq!(
            texts("My sister is called Ana and I am afraid of thunder"),
            ["My sister is called Ana", "I am afraid of thunder"]
        );
        assert_eq!(texts("my wife and I are getting divorced"), ["my wife and I are getting divorced"]);
        assert_eq!(texts("I love my mum and my dad"), ["I love my mum and my dad"]);
        assert_eq!(texts("I am allergic to nuts, eggs and milk"), ["I am allergic to nuts, eggs and milk"]);
    }

    #[test]
    fn a_title_ends_no_sentence() {
        let text = "My neighbour is Mrs. Patel. Is that all?";
        let found: Vec<_> = sentences(text).into_iter().map(|sentence| (sentence.text, sentence.asked)).collect();
        assert_eq!(found, [("My neighbour is Mrs. Patel", false), ("Is that all", true)]);
    }
}
