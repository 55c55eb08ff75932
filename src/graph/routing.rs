//! Which way a message is answered: a picture or a spoken reply only where it is explicitly asked for.
//!
//! Patterns alone: a message asks for something where one of its clauses has the form of a request (an imperative, "can
//! you …", "I'd like you to …", "I want …"), and names the thing. Sentence embeddings can't tell "draw me a horse" from
//! "how do I draw a horse", so they have no say. Takes microseconds.

use std::sync::LazyLock;

use regex::Regex;

use crate::domain::route::Route;

/// What people say before they come to the point.
const FILLERS: &str = r"(?:um+|uh+|er+|erm|hm+|oh|ah|well|so|okay|ok|right|now|and|but|then|also|hey|hi|hello|rose|please|just|
    maybe|perhaps|actually|kindly|alright|yes|yeah|sure|good|great|thanks|thank\s+you|go\s+ahead\s+and|let's\s+see|
    you\s+know|i\s+mean|like|sorry|instead|for\s+me|quickly|next|today|this\s+time)";

/// The forms of a request, up to its verb.
const ASK: &str = r"(?:
      (?:can|could|would|will|won't|can't|couldn't)\s+you\s+(?:maybe\s+|perhaps\s+|please\s+|just\s+|also\s+|kindly\s+|now\s+|possibly\s+|ever\s+so\s+kindly\s+)*
    | would\s+you\s+(?:mind|be\s+able\s+to|be\s+so\s+kind\s+as\s+to)\s+
    | are\s+you\s+able\s+to\s+
    | (?:i\s+want|i\s+need|i'd\s+like|i\s+would\s+like|i'd\s+love|i\s+would\s+love)\s+(?:for\s+)?you\s+to\s+
    | (?:try\s+to|try\s+and|go\s+and|help\s+me)\s+
    | do\s+
    )?";

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
            {ASK}(?:re)?(?:draw|paint|sketch|illustrate|doodle)\s+\S
          | would\s+you\s+mind\s+(?:drawing|painting|sketching|illustrating)\s+\S
          | {ASK}(?:make|create|generate|design|produce|show|send|give|render|imagine|whip\s+up|come\s+up\s+with|
                making|creating|generating|showing|sending)\s+(?:me\s+|us\s+|my\s+\w+\s+)?(?:up\s+)?
                (?:a|an|another|some|one|two|three|one\s+more|that\s+as\s+an?|it\s+as\s+an?|the\s+same)\s+{FEW_WORDS}{PICTURE}\b
          | {ASK}(?:turn|make)\s+(?:it|this|that)\s+(?:into\s+)?(?:a|an)\s+{FEW_WORDS}{PICTURE}\b
          | (?:i\s+want|i\s+need|i'd\s+like|i\s+would\s+like|i'd\s+love|can\s+i|could\s+i|may\s+i|let\s+me)\s+
                (?:(?:to\s+)?(?:see|have|get)\s+)?(?:a|an|another|one\s+more)\s+{FEW_WORDS}{PICTURE}\s+(?:of|with|showing|where)\b
          | (?:a|an|another|one\s+more)\s+(?:[\w'-]+\s+){{0,3}}?{PICTURE}\s+(?:of|with|showing)\b
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
            {ASK}(?:speak|say|read|tell|talk|answer|reply|respond|sing|whisper|recite|repeat|explain|do|give|put|narrate|switch)\b
                .*?\b(?:out\s+loud|aloud|(?:with|in|using)\s+(?:your|a)\s+(?:own\s+|real\s+)?voice|
                    (?:by|in|as|with|to|into)\s+(?:an?\s+)?(?:voice|audio|spoken|speech)(?:\s+(?:message|note|memo|clip|mode|form|reply|answer))?|
                    instead\s+of\s+(?:typing|writing|text(?:ing)?|reading)|rather\s+than\s+(?:typ|writ|text)\w*|verbally)\b
          | {ASK}(?:send|record|give|leave|make|do|get|reply\s+with|answer\s+with|respond\s+with|create|want)\s+{FEW_WORDS}
                (?:voice|audio|spoken)\s+(?:note|message|memo|reply|answer|response|version|recording|clip)s?\b
          | {ASK}use\s+your\s+(?:own\s+)?voice\b
          | {ASK}(?:speak|talk)(?:\s+to\s+me)?(?:\s+(?:now|please|instead|again))*$
          | {ASK}speak\s+(?:to\s+me|(?:the|your|that|this|it)\b)
          | (?:i\s+want|i\s+need|i'd\s+like|i\s+would\s+like|i'd\s+love|i'd\s+rather|i\s+would\s+rather|i\s+prefer|let\s+me|can\s+i|could\s+i|may\s+i)\s+
                (?:to\s+)?(?:hear|listen\s+to)\s+(?:your\s+(?:voice|answer|reply)|you(?:r)?\s+(?:say|speak|talk|read|tell)\w*|it\b|that\b|this\b|you\s*$)
          | (?:i\s+want|i'd\s+like|i\s+would\s+like|can\s+i\s+have|could\s+i\s+have|i\s+need)\s+{FEW_WORDS}
                (?:voice|audio|spoken)\s+(?:note|message|memo|reply|answer|response|version|recording)\b
        )"
    ))
});

static REFUSAL: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\b(?:don't|do\s+not|never|stop|no\s+need|didn't|not\s+to|shouldn't|without)\b"));
/// A clause that only tells or supposes: what follows in it is no request.
static TELLING: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(?:if|when|whenever|how|who|what|why|where|because|that's)\b"));

fn pattern(text: &str) -> Regex {
    Regex::new(&format!("(?xi){text}")).expect("the pattern is constant and valid")
}

#[derive(Debug, Clone, Copy, Default)]
pub struct RouteClassifier;

impl RouteClassifier {
    pub fn new() -> Self {
        Self
    }

    pub fn route(&self, message: &str) -> Route {
        let message = message.replace('’', "'");
        let smooth = HESITATION.replace_all(&message, " ");
        let mut route = Route::Conversation;
        for clause in smooth.split(['.', '!', '?', ';', ',', ':', '\n']) {
            let folded = clause.split_whitespace().collect::<Vec<_>>().join(" ");
            let bare = NOISE.replace(&folded, "");
            if bare.is_empty() || TELLING.is_match(&bare) || REFUSAL.is_match(&bare) {
                // "If I asked you to draw, would you": the supposition spans the clauses after it.
                if TELLING.is_match(&bare) && bare.to_lowercase().starts_with("if ") {
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
