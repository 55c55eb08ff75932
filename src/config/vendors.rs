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

    /// Says so, and fails nothing: what holds today must not turn red by the calendar alone.
    #[test]
    fn stale_entries_are_named() {
        for entry in stale_vendor_models(jiff::Zoned::now().date()) {
            println!("warning: {} was last looked at on {}: see {}", entry.model, entry.looked_at, entry.source);
        }
    }
}
