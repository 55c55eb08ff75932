//! Patterns, made for English: a message asks for something where one of its clauses has the form of a request (an
//! imperative, "can you …", "I'd like you to …", "I want …"), and names the thing. Sentence embeddings can't tell "draw
//! me a horse" from "how do I draw a horse", so they have no say. Takes microseconds.

use std::sync::LazyLock;

use regex::Regex;

use crate::domain::route::Route;

/// What people say before they come to the point.
const FILLERS: &str = r"(?:um+|uh+|er+|erm|hm+|oh|ah|well|so|okay|ok|right|now|and|but|then|also|hey|hi|hello|please|just|
    maybe|perhaps|actually|kindly|alright|yes|yeah|sure|good|great|thanks|thank\s+you|go\s+ahead\s+and|let's\s+see|
    you\s+know|i\s+mean|like|sorry|instead|for\s+me|quickly|next|today|this\s+time|
    (?:why\s+don't|how\s+about|what\s+about)\s+(?:you|we))";

const ADVERBS: &str = r"(?:(?:maybe|perhaps|please|just|also|kindly|now|quickly|possibly|really|ever\s+so\s+kindly|
    go\s+ahead\s+and)\s+)*";

/// The forms of a request, up to its verb.
const ASK: &str = r"(?:
      (?:do\s+you\s+think\s+
        | (?:i\s+was|i\s+am|i'm)\s+(?:hoping|wondering)\s+(?:(?:if|whether|that)\s+)?
        | i\s+wonder\s+(?:if|whether)\s+
        | (?:is\s+there\s+)?any\s+chance\s+(?:that\s+)?
        )?(?:you\s+(?:can|could|would|might)|(?:can|could|would|will|won't|can't|couldn't)\s+you)\s+
    | (?:would\s+you|are\s+you)\s+(?:be\s+)?(?:able|so\s+kind\s+as|like)\s+to\s+
    | (?:is|would|might)\s+it\s+(?:be\s+)?possible\s+(?:for\s+you\s+)?to\s+
    | (?:i\s+want|i\s+need|i'd\s+like|i\s+would\s+like|i'd\s+love|i\s+would\s+love|i'd\s+prefer)\s+(?:for\s+)?you\s+to\s+
    | (?:try\s+to|try\s+and|go\s+and|help\s+me)\s+
    | do\s+
    )?";

/// What is asked to be done in company is asked of Rose, where it is a picture; "can we talk" asks for no voice.
const TOGETHER: &str = r"(?:(?:let's|let\s+us|shall\s+we|can\s+we|could\s+we)\s+)?";

/// The forms of a request whose verb ends in "-ing".
const ASK_FOR_DOING: &str =
    r"(?:(?:would|do|could)\s+you\s+mind|(?:how|what)\s+about(?:\s+you)?|any\s+chance\s+of(?:\s+you)?|try)\s+";

/// The forms of a request for a thing.
const ASK_FOR_THING: &str = r"(?:
      (?:i\s+want|i\s+need|i'd\s+like|i\s+would\s+like|i'd\s+love|i\s+would\s+love|i'd\s+appreciate
        | i\s+could\s+(?:really\s+)?(?:use|do\s+with)|(?:can|could|may|might)\s+(?:i|we)|let\s+me|let's)\s+
        (?:(?:to\s+)?(?:see|have|get)\s+)?
    | (?:how|what)\s+about\s+
    )";

const PICTURE: &str = r"(?:picture|image|photo|photograph|drawing|painting|illustration|sketch|portrait|logo|poster|cartoon|
    wallpaper|pic|artwork|doodle|watercolou?r|comic|icon|selfie)s?";

/// What may stand between a verb and its noun without changing what is asked.
const FEW_WORDS: &str = r"(?:[\w'-]+\s+){0,5}?";

static NOISE: LazyLock<Regex> = LazyLock::new(|| pattern(&format!(r"^(?:{FILLERS}[\s,]+)+")));
static HESITATION: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?:,\s*)?\b(?:um+|uh+|er+|erm|hm+)\b(?:\s*,)?|,\s*(?:like|you\s+know|i\s+mean)\s*,"));

static IMAGE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"^(?:
            {TOGETHER}{ASK}{ADVERBS}(?:re)?(?:draw|paint|sketch|illustrate|doodle)\s+\S
          | {ASK_FOR_DOING}(?:drawing|painting|sketching|illustrating|doodling)\s+\S
          | {ASK}{ADVERBS}visuali[sz]e\s+(?:a|an|my|the|this|that|it)\b
          | (?:{TOGETHER}{ASK}{ADVERBS}(?:make|create|generate|design|produce|do|show|send|give|get|render|whip\s+up|come\s+up\s+with)
                | {ASK_FOR_DOING}(?:making|creating|generating|designing|showing|sending|giving))
                \s+(?:(?:me|us|her|him|them|my\s+\w+)\s+)?(?:up\s+)?
                (?:a|an|another|some|one|two|three|one\s+more|that\s+as\s+an?|it\s+as\s+an?|the\s+same)\s+{FEW_WORDS}{PICTURE}\b
          | {ASK}{ADVERBS}(?:make|create|design)\s+(?:(?:me|us|her|him|them)\s+)?an?\s+{FEW_WORDS}(?:card|postcard|banner|mural|map)\b
          | {ASK}{ADVERBS}(?:turn|make)\s+(?:it|this|that|my\s+[\w'-]+)\s+(?:into\s+)?(?:a|an)\s+{FEW_WORDS}{PICTURE}\b
          | {ASK}{ADVERBS}show\s+(?:me|us)\s+.*\b(?:in|as)\s+an?\s+{PICTURE}\b
          | {ASK_FOR_THING}(?:a|an|another|one\s+more)\s+{FEW_WORDS}{PICTURE}(?:\s+(?:of|with|showing|where|please)\b|$)
          | {ASK_FOR_THING}(?:a|an|another|one\s+more)\s+{FEW_WORDS}(?:drawing|illustration|sketch|doodle|cartoon)\s+for\s+(?:me|us|my)\b
          | (?:(?:a|an|another|one\s+more)\s+(?:[\w'-]+\s+){{0,3}}?)?{PICTURE}\s+(?:of|with|showing)(?:\s+[\w'-]+){{1,6}}$
          | (?:another|one\s+more)\s+(?:[\w'-]+\s+){{0,3}}?{PICTURE}(?:\s+please)?$
        )"
    ))
});
static NOT_IMAGE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(?:conclusions?|inspiration|parallels?|attention|the\s+line|a\s+line\s+(?:at|under|between)|in\s+(?:your\s+own\s+)?words|
            with\s+words|the\s+(?:bigger|big|whole|full)\s+picture|a\s+blank|breath|straws|strength|near|picture\s+of\s+(?:what|how|why|my\s+life|who))\b
        | \b(?:draw|paint)\s+(?:on|from|upon|out|up\s+a\s+(?:plan|list)|the\s+(?:wall|fence|kitchen|house|room)|me\s+as)\b",
    )
});

static AUDIO: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"^(?:
            (?:{ASK}{ADVERBS}(?:speak|say|read|tell|talk|answer|reply|respond|sing|whisper|recite|repeat|explain|do|give|get|have|make|leave|record|put|narrate|switch)
                | {ASK_FOR_DOING}(?:speaking|saying|reading|telling|talking|answering|replying|singing|whispering|reciting|repeating|explaining))\b
                .*?\b(?:out\s+loud|aloud|(?:with|in|using)\s+(?:your|a)\s+(?:own\s+|real\s+)?voice|
                    (?:by|in|as|with|to|into)\s+(?:an?\s+)?(?:voice|audio|spoken|speech)(?:\s+(?:message|note|memo|clip|mode|form|reply|answer))?|
                    instead\s+of\s+(?:typing|writing|text(?:ing)?|reading)|rather\s+than\s+(?:typ|writ|text)\w*|verbally)\b
          | {ASK}{ADVERBS}(?:send|record|give|leave|make|do|get|reply\s+with|answer\s+with|respond\s+with|create|want)\s+{FEW_WORDS}
                (?:voice|audio|spoken)\s+(?:note|message|memo|reply|answer|response|version|recording|clip)s?\b
          | {ASK}{ADVERBS}read\s+(?:(?:it|this|that|them)\s+out\b|(?:me|us)\s|.*\b(?:to|for)\s+(?:me|us)\b)
          | {ASK}{ADVERBS}(?:sing|whisper)\s+(?:me|us|to|for|it|that|a|the|something)\b
          | {ASK}{ADVERBS}use\s+your\s+(?:own\s+)?voice\b
          | {ASK}{ADVERBS}(?:speak|talk)(?:\s+to\s+me)?(?:\s+(?:now|please|instead|again))*$
          | {ASK}{ADVERBS}speak\s+(?:to\s+me|(?:the|your|that|this|it)\b)
          | (?:i\s+want|i\s+need|i'd\s+like|i\s+would\s+like|i'd\s+love|i'd\s+rather|i\s+would\s+rather|i\s+prefer|let\s+me|can\s+i|could\s+i|may\s+i)\s+
                (?:to\s+)?(?:hear|listen\s+to)\s+(?:your\s+(?:voice|answer|reply)|you(?:r)?\s+(?:say|speak|talk|read|tell)\w*|it\b|that\b|this\b|you\s*$)
          | (?:i\s+want|i'd\s+like|i\s+would\s+like|can\s+i\s+have|could\s+i\s+have|i\s+need)\s+{FEW_WORDS}
                (?:voice|audio|spoken)\s+(?:note|message|memo|reply|answer|response|version|recording)\b
        )"
    ))
});

/// A condition that is mere politeness.
static POLITE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^if\s+(?:you\s+(?:can|could|would|will|like|want|please|don't\s+mind|feel\s+like\s+it|get\s+a\s+chance|have\s+(?:a\s+)?(?:time|moment|minute))
            | (?:it's|that's|it\s+is|that\s+is)\s+(?:ok|okay|alright|all\s+right|possible|not\s+too\s+much\s+trouble))$",
    )
});
static REFUSAL: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\b(?:don't|do\s+not|never|stop|no\s+need|didn't|not\s+to|shouldn't|without)\b"));
static SUGGESTING: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(?:how|what)\s+about\b"));
/// A clause that only tells or supposes: what follows in it is no request.
static TELLING: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(?:if|when|whenever|how|who|what|why|where|because|that's)\b"));

fn pattern(text: &str) -> Regex {
    Regex::new(&format!("(?xi){text}")).expect("the pattern is constant and valid")
}

/// Whether any word speaks of pictures or of hearing; without one, neither can be asked for.
pub(super) fn speaks_of_pictures_or_hearing(message: &str) -> bool {
    static SPEAKS: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"\b(?:draw|drew|drawn|drawing|paint|sketch|doodl|illustrat|visuali[sz]|pictur|imag|photo|pic\b|pics\b|portrait|cartoon|comic|
                poster|postcard|card\b|banner|mural|logo|icon\b|wallpaper|artwork|watercolou?r|selfie|render|show\s+(?:me|us)|what\s+.*\blooks?\s+like|
                aloud|out\s+loud|loud|voice|vocal|verbal|audio|spoken|speak|speech|say\b|sing\b|sings|singing|song|hum\b|whisper|recit|read\b|reading|reads|
                hear\b|hearing|listen|record|narrat|talk\s+to\s+me|tell\s+me|instead\s+of\s+(?:typ|writ|text)|rather\s+than\s+(?:typ|writ|text))",
        )
    });
    SPEAKS.is_match(message)
}

pub(super) struct RoutePatterns {
    /// Before the point or behind it: "Rose, draw me a cat".
    name: Regex,
}

impl RoutePatterns {
    pub(super) fn new(name: &str) -> Self {
        let name = regex::escape(name);
        Self { name: pattern(&format!(r"(?:^|[\s,]+){name}(?:[\s,]+|$)")) }
    }

    pub(super) fn route(&self, message: &str) -> Route {
        let message = self.name.replace_all(message, ", ");
        let message = message.replace('’', "'");
        let smooth = HESITATION.replace_all(&message, " ");
        let mut route = Route::Conversation;
        for clause in smooth.split(['.', '!', '?', ';', ',', ':', '\n']) {
            let folded = clause.split_whitespace().collect::<Vec<_>>().join(" ");
            let bare = NOISE.replace(&folded, "");
            let telling = TELLING.is_match(&bare) && !SUGGESTING.is_match(&bare);
            if bare.is_empty() || telling || REFUSAL.is_match(&bare) {
                if POLITE.is_match(&bare) {
                    continue;
                }
                // "If I asked you to draw, would you": the supposition spans the clauses after it.
                if telling && bare.to_lowercase().starts_with("if ") {
                    return route;
                }
                continue;
            }
            let found = if IMAGE.is_match(&bare) && !NOT_IMAGE.is_match(&smooth) {
                Route::Image
            } else if AUDIO.is_match(&bare) {
                Route::Audio
            } else {
                continue;
            };
            // Of both, the picture: a spoken caption comes with it.
            if route != Route::Image {
                route = found;
            }
        }
        route
    }
}
