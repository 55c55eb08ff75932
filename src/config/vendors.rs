//! The vendors' models that Rose asks for where the settings name none. Vendors retire models: each entry says where it was
//! looked up, and when.

/// A vendor's model, as it names it.
#[derive(Debug, Clone, Copy)]
pub(super) struct VendorModel {
    pub(super) model: &'static str,
    /// The page that lists it.
    pub(super) source: &'static str,
    /// Of what it was seen there or by what others run against it; year, month and day.
    pub(super) looked_at: (i16, i8, i8),
}

/// Llama 3.3 70B was shut off on 2026-08-16; this is what Groq names in its place. It reasons before it answers.
pub(super) const GROQ_LLM: VendorModel = VendorModel {
    model: "openai/gpt-oss-120b",
    source: "https://console.groq.com/docs/models",
    looked_at: (2026, 11, 26),
};

/// Llama 4 Scout was shut off in July 2026, Qwen 3.6 in September.
pub(super) const GROQ_VISION: VendorModel = VendorModel {
    model: "qwen/qwen3.8-27b",
    source: "https://console.groq.com/docs/vision",
    looked_at: (2026, 11, 26),
};

pub(super) const GROQ_STT: VendorModel = VendorModel {
    model: "whisper-large-v3-turbo",
    source: "https://console.groq.com/docs/speech-to-text",
    looked_at: (2026, 11, 23),
};

pub(super) const ELEVENLABS_TTS: VendorModel = VendorModel {
    model: "eleven_flash_v2_5",
    source: "https://elevenlabs.io/docs/overview/models",
    looked_at: (2026, 11, 26),
};

pub(super) const TOGETHER_IMAGE: VendorModel = VendorModel {
    model: "black-forest-labs/FLUX.1-schnell",
    source: "https://docs.together.ai/docs/images-overview",
    looked_at: (2026, 11, 23),
};

#[cfg(test)]
mod tests {
    use super::*;

    /// Long enough for a vendor to announce and to shut off.
    const STALE_AFTER_DAYS: i64 = 120;

    /// Says so, and fails nothing: what holds today must not turn red by the calendar alone.
    #[test]
    fn entries_that_were_long_not_looked_at_are_named() {
        let today = jiff::Zoned::now().date();
        for entry in [GROQ_LLM, GROQ_VISION, GROQ_STT, ELEVENLABS_TTS, TOGETHER_IMAGE] {
            let (year, month, day) = entry.looked_at;
            let looked_at = jiff::civil::Date::new(year, month, day).expect("a date");
            assert!(entry.source.starts_with("https://") && !entry.model.is_empty());
            let days = looked_at.duration_until(today).as_hours() / 24;
            if days > STALE_AFTER_DAYS {
                println!("warning: {} was last looked at {days} days ago: see {}", entry.model, entry.source);
            }
        }
    }
}
