//! A piper voice's `.onnx.json`: what it was trained with.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

/// As `piper/config.py` of piper-tts 1.8.0 reads it.
#[derive(Debug, Deserialize)]
pub(super) struct VoiceConfig {
    pub(super) audio: Audio,
    #[serde(default)]
    pub(super) espeak: Espeak,
    #[serde(default)]
    language: Option<Language>,
    #[serde(default)]
    pub(super) inference: Inference,
    #[serde(default)]
    pub(super) phoneme_type: PhonemeType,
    /// A phoneme is a character, or a cluster of `vowel_clusters`.
    pub(super) phoneme_id_map: HashMap<String, Vec<i64>>,
    #[serde(default)]
    pub(super) vowel_clusters: Vec<Vec<String>>,
    #[serde(default = "one")]
    pub(super) num_speakers: usize,
    #[serde(default)]
    pub(super) speaker_id_map: BTreeMap<String, i64>,
    #[serde(default)]
    pub(super) default_speaker_id: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Audio {
    /// In Hz.
    pub(super) sample_rate: u32,
}

/// Newer voices only.
#[derive(Debug, Deserialize)]
struct Language {
    /// Such as `en_US`.
    code: String,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Espeak {
    /// espeak-ng's name of the voice whose phonemes it learned.
    pub(super) voice: String,
}

#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Inference {
    pub(super) noise_scale: f32,
    pub(super) length_scale: f32,
    pub(super) noise_w: f32,
}

impl Default for Inference {
    fn default() -> Self {
        Self { noise_scale: 0.667, length_scale: 1.0, noise_w: 0.8 }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PhonemeType {
    #[default]
    Espeak,
    /// Characters stand for themselves.
    Text,
    /// Chinese, Hebrew, Japanese, Thai: each needs a model of its own.
    #[serde(other)]
    Other,
}

fn one() -> usize {
    1
}

impl VoiceConfig {
    /// # Errors
    /// Why the voice can't be spoken with.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let config: Self =
            serde_json::from_str(text).map_err(|error| format!("not a piper voice's config: {error}"))?;
        if config.phoneme_type == PhonemeType::Other {
            return Err("its phonemes are of a kind that needs a model of their own; take a voice with espeak's".into());
        }
        if config.phoneme_type == PhonemeType::Espeak && config.espeak.voice.is_empty() {
            return Err("it names no espeak voice".into());
        }
        for symbol in [super::phonemes::BEGIN, super::phonemes::PAD, super::phonemes::END] {
            if !config.phoneme_id_map.contains_key(symbol) {
                return Err(format!("its phonemes lack `{symbol}`"));
            }
        }
        if !(4_000..=192_000).contains(&config.audio.sample_rate) {
            return Err(format!("its sample rate is {} Hz", config.audio.sample_rate));
        }
        Ok(config)
    }

    /// As a tag of BCP 47: the one that it names, else espeak's.
    pub(super) fn language(&self) -> Option<String> {
        let espeak = || (!self.espeak.voice.is_empty()).then(|| self.espeak.voice.clone());
        let code = self.language.as_ref().map(|language| language.code.clone()).or_else(espeak)?;
        // Language in small letters, country in large ones; espeak-ng's variants behind them are its own.
        let mut parts = code.split(['_', '-']);
        let language = parts.next()?.to_ascii_lowercase();
        let country = parts.next().filter(|country| country.len() == 2);
        Some(country.map_or_else(|| language.clone(), |country| format!("{language}-{}", country.to_ascii_uppercase())))
    }

    /// The speakers' names by id; none where the voice is one person's.
    pub(super) fn speakers(&self) -> Vec<&str> {
        if self.num_speakers <= 1 {
            return Vec::new();
        }
        let mut speakers: Vec<_> = self.speaker_id_map.iter().collect();
        // The default one first.
        speakers.sort_by_key(|(_, id)| (**id != self.default_speaker_id, **id));
        speakers.into_iter().map(|(name, _)| name.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_a_tag() {
        let of = |language: &str, espeak: &str| {
            VoiceConfig::parse(&format!(
                r#"{{"audio": {{"sample_rate": 22050}}, "espeak": {{"voice": "{espeak}"}}, {language}
                    "phoneme_id_map": {{"_": [0], "^": [1], "$": [2]}}}}"#
            ))
            .expect("it is one")
            .language()
        };
        assert_eq!(of(r#""language": {"code": "en_GB"},"#, "en-gb-x-rp").as_deref(), Some("en-GB"));
        assert_eq!(of("", "en-us").as_deref(), Some("en-US"));
        assert_eq!(of("", "de").as_deref(), Some("de"));
    }
}
