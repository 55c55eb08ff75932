//! The vendors' models that Rose asks for where the settings name none. Vendors retire models: each entry says where it was
//! looked up, and when.

use jiff::civil::Date;

/// A vendor's model, as it names it.
#[derive(Debug, Clone, Copy)]
pub struct VendorModel {
    pub model: &'static str,
    /// The page that lists it.
    pub source: &'static str,
    /// When that page, or what others run against the vendor, was last looked at.
    pub looked_at: Date,
}

const DEFAULTS: [VendorModel; 5] = [GROQ_LLM, GROQ_VISION, GROQ_STT, ELEVENLABS_TTS, TOGETHER_IMAGE];

/// Long enough for a vendor to announce and to shut off.
const STALE_AFTER_DAYS: i32 = 120;

/// The defaults that nobody has looked at for so long that the vendor may have retired them.
pub fn stale_vendor_models(today: Date) -> impl Iterator<Item = VendorModel> {
    DEFAULTS.into_iter().filter(move |one| (today - one.looked_at).get_days() > STALE_AFTER_DAYS)
}

/// Llama 3.3 70B was shut off on 2026-08-16; this is what Groq names in its place. It reasons before it answers.
pub(super) const GROQ_LLM: VendorModel = VendorModel {
    model: "openai/gpt-oss-120b",
    source: "https://console.groq.com/docs/models",
    looked_at: Date::constant(2026, 11, 26),
};

/// Llama 4 Scout was shut off in July 2026, Qwen 3.6 in September.
pub(super) const GROQ_VISION: VendorModel = VendorModel {
    model: "qwen/qwen3.8-27b",
    source: "https://console.groq.com/docs/vision",
    looked_at: Date::constant(2026, 11, 26),
};

pub(super) const GROQ_STT: VendorModel = VendorModel {
    model: "whisper-large-v3-turbo",
    source: "https://console.groq.com/docs/speech-to-text",
    looked_at: Date::constant(2026, 11, 23),
};

pub(super) const ELEVENLABS_TTS: VendorModel = VendorModel {
    model: "eleven_flash_v2_5",
    source: "https://elevenlabs.io/docs/overview/models",
    looked_at: Date::constant(2026, 11, 26),
};

pub(super) const TOGETHER_IMAGE: VendorModel = VendorModel {
    model: "black-forest-labs/FLUX.1-schnell",
    source: "https://docs.together.ai/docs/images-overview",
    looked_at: Date::constant(2026, 11, 23),
};

/// A vendor's announcement that it shuts a model off.
#[derive(Debug, Clone, Copy)]
pub struct ShutOff {
    /// Of the vendor's address.
    host: &'static str,
    pub model: &'static str,
    pub on: Date,
    /// What the vendor names in its place.
    pub instead: Option<&'static str>,
    /// The page that announces it.
    pub source: &'static str,
}

/// For vendors whose list of models doesn't tell of it, and models that are often named in settings. Looked up on 2026-11-27.
const SHUT_OFFS: [ShutOff; 7] = [
    groq("llama-3.3-70b-versatile", Date::constant(2026, 8, 16), "openai/gpt-oss-120b"),
    groq("llama-3.1-8b-instant", Date::constant(2026, 8, 16), "openai/gpt-oss-20b"),
    openai("tts-1", Date::constant(2027, 1, 6)),
    openai("tts-1-hd", Date::constant(2027, 1, 6)),
    openai("gpt-4o-mini-tts", Date::constant(2027, 1, 6)),
    openai("whisper-1", Date::constant(2027, 2, 26)),
    openai("gpt-4o-mini-transcribe", Date::constant(2027, 2, 26)),
];

const fn groq(model: &'static str, on: Date, instead: &'static str) -> ShutOff {
    let source = "https://console.groq.com/docs/deprecations";
    ShutOff { host: "api.groq.com", model, on, instead: Some(instead), source }
}

const fn openai(model: &'static str, on: Date) -> ShutOff {
    let source = "https://developers.openai.com/api/docs/deprecations";
    ShutOff { host: "api.openai.com", model, on, instead: None, source }
}

/// What is known of a model's end from the vendor's announcements.
pub fn announced_shut_off(base_url: &str, model: &str) -> Option<&'static ShutOff> {
    let url = reqwest::Url::parse(base_url).ok()?;
    SHUT_OFFS.iter().find(|one| url.host_str() == Some(one.host) && one.model == model)
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;

    #[test]
    fn an_entry_is_stale_after_a_third_of_a_year() {
        let newest = DEFAULTS.iter().map(|one| one.looked_at).max().expect("there are some");
        let oldest = DEFAULTS.iter().map(|one| one.looked_at).min().expect("there are some");
        assert_eq!(stale_vendor_models(oldest).count(), 0);
        assert_eq!(stale_vendor_models(newest + 121.days()).count(), DEFAULTS.len());
    }

    #[test]
    fn a_shut_off_is_known_by_the_vendor_and_the_model() {
        let groq = "https://api.groq.com/openai/v1";
        let one = announced_shut_off(groq, "llama-3.3-70b-versatile").expect("it was announced");
        assert_eq!((one.on, one.instead), (Date::constant(2026, 8, 16), Some(GROQ_LLM.model)));
        assert!(announced_shut_off("https://api.openai.com/v1", "llama-3.3-70b-versatile").is_none());
        assert!(announced_shut_off("http://127.0.0.1:8000/v1", "whisper-1").is_none(), "a server of one's own");
        assert!(DEFAULTS.iter().all(|default| SHUT_OFFS.iter().all(|one| one.model != default.model)));
    }
}
