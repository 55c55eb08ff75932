//! Whether a message asks that something be forgotten, and what.

use std::sync::LazyLock;

use regex::Regex;

/// What is to be forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// All that is known of the person.
    Everything,
    /// What was told last.
    Newest,
    /// What has to do with these words of the person's.
    About(String),
    /// What this sentence of theirs said.
    Sentence(String),
}

/// `None` where the message asks for nothing of the kind: "don't forget", "forget it", "I forgot my keys".
pub fn wish(message: &str) -> Option<Wish> {
    let message = message.replace('’', "'");
    let mut sentence_before = "";
    for sentence in message.split_inclusive(['.', '!', '?', ';', '\n']) {
        let bare = sentence.trim().trim_end_matches(['.', '!', '?', ';']);
        if let Some(object) = object(bare) {
            return meant(object, sentence_before);
        }
        if !bare.is_empty() {
            sentence_before = bare;
        }
    }
    None
}

fn pattern(text: &str) -> Regex {
    Regex::new(&format!("(?xi){text}")).expect("a pattern of this file is valid")
}

/// What people say before they come to the point.
const OPENING: &str = r"(?:(?:please|kindly|rose|hey|so|um+|uh+|er+|well|actually|sorry|okay|ok|and|but|oh|now|just|look|listen|
    no|wait|hmm|maybe|perhaps|could\s+you|can\s+you|would\s+you|will\s+you|you\s+(?:can|could|should|may|must)|
    i\s+(?:want|need)\s+you\s+to|i'd\s+(?:like|prefer|rather|love)\s+(?:it\s+if\s+)?you\s+(?:to|could|would)?|
    i\s+would\s+like\s+you\s+to|let's|would\s+you\s+mind|do\s+me\s+a\s+favou?r\s+and|i\s+wish\s+you\s+would)[\s,]+)*";

const LOSE: &str = r"(?:forget|delete|erase|remove|wipe|clear|discard|scrub|unlearn|drop|strike|
    forgetting|deleting|erasing|removing|wiping|
    (?:let\s+go|get\s+rid|dispose)\s+of|stop\s+(?:remembering|storing|keeping))";

const NOT_KEEP: &str = r"(?:(?:don't|do\s+not|never|not\s+to|shouldn't|mustn't)\s+(?:you\s+)?(?:ever\s+|please\s+)?
    (?:remember|keep|store|save|record|memori[sz]e|note|hold\s+on\s+to|write\s+down)|
    i\s+(?:don't|do\s+not|didn't)\s+want\s+you\s+to\s+(?:remember|know|keep|store|have|save))";

/// The words behind the wish; `None` where there is no wish.
fn object(sentence: &str) -> Option<&str> {
    static ASKED: LazyLock<Regex> =
        LazyLock::new(|| pattern(&format!(r"^{OPENING}(?:{LOSE}|{NOT_KEEP})\b\s*(?P<object>.*)$")));
    // "Can you take that thing about my drinking out of your memory": the verb alone says little.
    static OUT_OF_MEMORY: LazyLock<Regex> = LazyLock::new(|| {
        pattern(&format!(
            r"^{OPENING}(?:take|get|leave|put|cut|keep|strike)\s+(?P<object>.*?)\s*\b(?:out\s+of|off|from)\s+(?:your|the)\s+(?:memory|memories|mind|notes|records?|list|head)\b.*$"
        ))
    });
    // "Everything about my job should be forgotten."
    static PASSIVE: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"^(?P<object>.*?)\s+(?:should|must|needs?\s+to|has\s+to|have\s+to|is\s+to|can)\s+be\s+(?:forgotten|deleted|erased|removed|wiped|cleared)\b.*$",
        )
    });
    static IDIOM: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"^(?:it|about\s+it|(?:about\s+)?(?:that|this)(?:\s+(?:question|idea|plan|joke))?\s+(?:for\s+now|for\s+a\s+(?:moment|while|minute))|
                (?:about\s+)?(?:him|her|them|work|everything|the\s+world|my\s+(?:worries|troubles|problems))\s+for\s+(?:a|the|one|an|now|tonight)\b.*|
                to\b.*|how\b.*|whether\b.*|if\b.*|the\s+(?:milk|keys|time|rain|cost|rest|rules)\b.*)$",
        )
    });
    let found =
        ASKED.captures(sentence).or_else(|| OUT_OF_MEMORY.captures(sentence)).or_else(|| PASSIVE.captures(sentence))?;
    let object = found.name("object")?.as_str().trim().trim_end_matches(|c: char| !c.is_alphanumeric());
    let object = without_please(object);
    // "Forget it, let's talk about the sea."
    let head = object.split(',').next().unwrap_or(object).trim_end();
    (!IDIOM.is_match(object) && !IDIOM.is_match(head)).then_some(object)
}

fn without_please(object: &str) -> &str {
    static PLEASE: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r"[\s,]+(?:please|rose|okay|ok|will\s+you|would\s+you|thanks|thank\s+you|(?:right\s+)?now)$")
    });
    let mut object = object;
    while let Some(please) = PLEASE.find(object) {
        object = &object[..please.start()];
    }
    object
}

fn meant(object: &str, sentence_before: &str) -> Option<Wish> {
    const KNOWN: &str = r"(?:you(?:'ve|\s+have)?\s+(?:ever\s+)?(?:know|knew|known|remember|remembered|stored|store|saved|have|kept|learned|learnt|noted|heard)|
        i(?:'ve|\s+have)?\s+(?:ever\s+)?(?:told|said|shared|mentioned|talked)(?:\s+(?:to\s+)?you)?)";
    static EVERYTHING: LazyLock<Regex> = LazyLock::new(|| {
        pattern(&format!(
            r"^(?:about\s+)?(?:
                (?:everything|all|anything|it\s+all|the\s+lot|whatever)(?:\s+of\s+(?:it|that|this))?(?:\s+(?:that\s+)?{KNOWN})?(?:\s+(?:about|of|on)\s+(?:me|myself|us))?(?:\s+(?:so\s+far|until\s+now|before))?
                | all\s+(?:of\s+)?(?:my|your|the|those|these)\s+(?:data|memories|notes|information|info|records?|details|facts|things)(?:\s+(?:about|of|on)\s+me)?
                | (?:my|your)\s+(?:data|memories|memory|notes)(?:\s+(?:about|of|on)\s+me)?
                | what(?:ever)?\s+{KNOWN}\s+(?:about|of)\s+(?:me|myself)
                | (?:about\s+)?me(?:\s+(?:completely|entirely|altogether))?
            )$"
        ))
    });
    static NEWEST: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"^(?:about\s+)?(?:that|this|it|
                (?:that|the|this)\s+(?:last|latest)\s+(?:thing|bit|one|part|memory|note|sentence|message)(?:\s+(?:that\s+)?(?:i|you)\s+(?:just\s+)?\w+)?|
                (?:what|everything|all|the\s+thing|whatever)\s+(?:that\s+)?i(?:'ve|\s+have)?\s+(?:just|only\s+just)\s+(?:said|told|mentioned|shared)(?:\s+(?:to\s+)?you)?|
                what\s+i\s+(?:said|told\s+you)(?:\s+(?:just\s+now|a\s+moment\s+ago|a\s+minute\s+ago|before|earlier))?|
                i\s+(?:said|told\s+you|mentioned)\s+(?:that|this|it|anything))$",
        )
    });
    static LEAD: LazyLock<Regex> = LazyLock::new(|| {
        pattern(&format!(
            r"^(?:(?:everything|all|anything|what(?:ever)?|the\s+(?:things?|stuff|part|bit|fact)|that\s+(?:thing|stuff|part|bit)|about)\s+)?(?:(?:that\s+)?{KNOWN}\s+)?(?:that\s+)?(?:about|of|on|regarding|concerning|to\s+do\s+with)?\s*"
        ))
    });
    if object.is_empty() {
        return None;
    }
    if EVERYTHING.is_match(object) {
        return Some(Wish::Everything);
    }
    if NEWEST.is_match(object) {
        // "I was rude about Maeve. Please don't remember that.": the words before say what.
        return Some(if sentence_before.split_whitespace().count() >= 3 {
            Wish::Sentence(sentence_before.to_owned())
        } else {
            Wish::Newest
        });
    }
    let about = LEAD.replace(object, "").trim().to_owned();
    Some(Wish::About(if about.is_empty() { object.to_owned() } else { about }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(words: &str) -> Option<Wish> {
        Some(Wish::About(words.into()))
    }

    #[test]
    fn wishes_are_told_apart() {
        for (said, meant) in [
            ("Forget everything.", Some(Wish::Everything)),
            ("Please delete everything you know about me", Some(Wish::Everything)),
            ("Can you erase all my memories?", Some(Wish::Everything)),
            ("Forget that.", Some(Wish::Newest)),
            ("Please don't remember what I just told you.", Some(Wish::Newest)),
            ("Forget that I told you about my debts.", about("my debts")),
            ("delete what you know about my dog", about("my dog")),
            ("I don't want you to remember where I live.", about("where I live")),
            ("Everything about my job should be forgotten, please.", about("my job")),
            ("can you take that thing about my drinking out of your memory", about("my drinking")),
            (
                "I was rude about my friend Maeve. Please don't remember that.",
                Some(Wish::Sentence("I was rude about my friend Maeve".into())),
            ),
        ] {
            assert_eq!(wish(said), meant, "{said}");
        }
    }

    #[test]
    fn what_only_sounds_like_it_is_no_wish() {
        for said in [
            "Don't forget my birthday.",
            "Forget it, let's talk about the sea.",
            "I forgot my keys again.",
            "I'll never forget her.",
            "I want to forget about work for a while.",
            "She told me to forget about him.",
            "I can't remember where I put it.",
            "I don't remember his name.",
            "Do you remember my name?",
            "How do I delete an app?",
        ] {
            assert_eq!(wish(said), None, "{said}");
        }
    }
}
