//! The languages that Whisper was trained on, by code and English name; every backend here runs a Whisper or speaks its
//! protocol. Source: whisper.cpp 1.8.3, `g_lang`.

pub(super) const CODES: [(&str, &str); 100] = [
    ("en", "english"),
    ("zh", "chinese"),
    ("de", "german"),
    ("es", "spanish"),
    ("ru", "russian"),
    ("ko", "korean"),
    ("fr", "french"),
    ("ja", "japanese"),
    ("pt", "portuguese"),
    ("tr", "turkish"),
    ("pl", "polish"),
    ("ca", "catalan"),
    ("nl", "dutch"),
    ("ar", "arabic"),
    ("sv", "swedish"),
    ("it", "italian"),
    ("id", "indonesian"),
    ("hi", "hindi"),
    ("fi", "finnish"),
    ("vi", "vietnamese"),
    ("he", "hebrew"),
    ("uk", "ukrainian"),
    ("el", "greek"),
    ("ms", "malay"),
    ("cs", "czech"),
    ("ro", "romanian"),
    ("da", "danish"),
    ("hu", "hungarian"),
    ("ta", "tamil"),
    ("no", "norwegian"),
    ("th", "thai"),
    ("ur", "urdu"),
    ("hr", "croatian"),
    ("bg", "bulgarian"),
    ("lt", "lithuanian"),
    ("la", "latin"),
    ("mi", "maori"),
    ("ml", "malayalam"),
    ("cy", "welsh"),
    ("sk", "slovak"),
    ("te", "telugu"),
    ("fa", "persian"),
    ("lv", "latvian"),
    ("bn", "bengali"),
    ("sr", "serbian"),
    ("az", "azerbaijani"),
    ("sl", "slovenian"),
    ("kn", "kannada"),
    ("et", "estonian"),
    ("mk", "macedonian"),
    ("br", "breton"),
    ("eu", "basque"),
    ("is", "icelandic"),
    ("hy", "armenian"),
    ("ne", "nepali"),
    ("mn", "mongolian"),
    ("bs", "bosnian"),
    ("kk", "kazakh"),
    ("sq", "albanian"),
    ("sw", "swahili"),
    ("gl", "galician"),
    ("mr", "marathi"),
    ("pa", "punjabi"),
    ("si", "sinhala"),
    ("km", "khmer"),
    ("sn", "shona"),
    ("yo", "yoruba"),
    ("so", "somali"),
    ("af", "afrikaans"),
    ("oc", "occitan"),
    ("ka", "georgian"),
    ("be", "belarusian"),
    ("tg", "tajik"),
    ("sd", "sindhi"),
    ("gu", "gujarati"),
    ("am", "amharic"),
    ("yi", "yiddish"),
    ("lo", "lao"),
    ("uz", "uzbek"),
    ("fo", "faroese"),
    ("ht", "haitian creole"),
    ("ps", "pashto"),
    ("tk", "turkmen"),
    ("nn", "nynorsk"),
    ("mt", "maltese"),
    ("sa", "sanskrit"),
    ("lb", "luxembourgish"),
    ("my", "myanmar"),
    ("bo", "tibetan"),
    ("tl", "tagalog"),
    ("mg", "malagasy"),
    ("as", "assamese"),
    ("tt", "tatar"),
    ("haw", "hawaiian"),
    ("ln", "lingala"),
    ("ha", "hausa"),
    ("ba", "bashkir"),
    ("jw", "javanese"),
    ("su", "sundanese"),
    ("yue", "cantonese"),
];

/// Other names and older codes.
const ALIASES: [(&str, &str); 17] = [
    ("burmese", "my"),
    ("valencian", "ca"),
    ("flemish", "nl"),
    ("haitian", "ht"),
    ("letzeburgesch", "lb"),
    ("pushto", "ps"),
    ("panjabi", "pa"),
    ("moldavian", "ro"),
    ("moldovan", "ro"),
    ("sinhalese", "si"),
    ("castilian", "es"),
    ("mandarin", "zh"),
    ("jv", "jw"),
    ("nb", "no"),
    ("iw", "he"),
    ("in", "id"),
    ("fil", "tl"),
];

/// The code of a language that is named by its code, with or without a region, or by its English name, in any case: `en`,
/// `EN-gb`, `en_US`, `English`. `None` where no model knows it.
pub fn language_code(named: &str) -> Option<&'static str> {
    let named = named.trim().to_lowercase();
    let of = |name: &str| {
        let code = CODES.iter().find(|(code, full)| *code == name || *full == name).map(|(code, _)| *code);
        code.or_else(|| ALIASES.iter().find(|(alias, _)| *alias == name).map(|(_, code)| *code))
    };
    of(&named).or_else(|| of(named.split(['-', '_']).next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_found_by_code_region_and_name() {
        for (named, code) in [
            ("en", "en"),
            ("en-GB", "en"),
            ("EN_us", "en"),
            (" English ", "en"),
            ("zh-Hans-CN", "zh"),
            ("Mandarin", "zh"),
            ("haitian creole", "ht"),
            ("haw", "haw"),
            ("nb-NO", "no"),
        ] {
            assert_eq!(language_code(named), Some(code), "{named}");
        }
        for unknown in ["", "xx", "klingon", "e n", "-"] {
            assert_eq!(language_code(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn every_alias_leads_to_a_code() {
        assert!(ALIASES.iter().all(|(_, code)| CODES.iter().any(|(known, _)| known == code)));
    }
}
