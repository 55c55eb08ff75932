//! What is compared: the settings as they are, with some of them changed.

use serde::{Deserialize, Serialize};

use super::ComparisonError;
use crate::config::everywhere;
use crate::weights::{Capability, Manifest, Model};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    pub label: String,
    /// Keys of the settings and their values.
    pub settings: Vec<(String, String)>,
}

/// Reads `[LABEL:]PART[+PART…][,…]`, where a part is a backend's name, which takes its place behind every port that has
/// one, a model's name, which the local backend of its port then runs, a set of models, or `key=value` of the settings.
///
/// # Errors
/// Where a part is none of them, or two variants have one label.
pub fn parse(list: &str, manifest: &Manifest) -> Result<Vec<Variant>, ComparisonError> {
    let mut variants: Vec<Variant> = Vec::new();
    for item in list.split(',').map(str::trim) {
        let variant = one(item, manifest)?;
        if variants.iter().any(|other| other.label == variant.label) {
            return Err(ComparisonError::Variant(format!(
                "two backends are called {}; name them apart",
                variant.label
            )));
        }
        variants.push(variant);
    }
    Ok(variants)
}

/// The settings as they are.
pub fn as_set() -> Variant {
    Variant { label: "as set".into(), settings: Vec::new() }
}

fn one(item: &str, manifest: &Manifest) -> Result<Variant, ComparisonError> {
    // A colon in a value, as in an address, comes after its `=`.
    let (label, parts) = match item.split_once(':') {
        Some((label, parts)) if !label.contains('=') => (Some(label.trim()), parts),
        _ => (None, item),
    };
    let mut settings = Vec::new();
    for part in parts.split('+').map(str::trim) {
        match part.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() && !value.trim().is_empty() => {
                settings.push((key.trim().to_owned(), value.trim().to_owned()));
            }
            Some(_) => return Err(ComparisonError::Variant(format!("`{part}` is no setting; write key=value"))),
            None => {
                let mut everywhere = everywhere(part);
                if let Some(model) = manifest.models.get(part) {
                    everywhere.extend(run_locally(model));
                }
                if manifest.sets.contains_key(part) {
                    everywhere.push(("models.set".into(), part.into()));
                }
                if everywhere.is_empty() {
                    return Err(ComparisonError::Variant(format!(
                        "`{part}` is neither a backend nor a model nor a setting; name a backend such as local, a \
                         model or set of `rose models list`, or write key=value, as in stt.local.threads=1"
                    )));
                }
                settings.extend(everywhere);
            }
        }
    }
    let label = label.filter(|label| !label.is_empty()).unwrap_or(parts).to_owned();
    Ok(Variant { label, settings })
}

/// The settings by which a model is run; none for one that stands behind no port of its own.
fn run_locally(model: &Model) -> Vec<(String, String)> {
    let port = match model.capability {
        Capability::Llm => "llm",
        Capability::SpeechToText => "stt",
        Capability::TextToSpeech => "tts",
        Capability::Embeddings => "embeddings",
        _ => return Vec::new(),
    };
    vec![(format!("{port}.backends"), "local".to_owned()), (format!("{port}.local.model"), model.name.clone())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Overrides};
    use crate::weights::ModelStore;

    fn parse(list: &str) -> Result<Vec<Variant>, ComparisonError> {
        let config = Config::load(&Overrides::default()).expect("valid settings");
        super::parse(list, ModelStore::open(&config.models).expect("a manifest").manifest())
    }

    #[test]
    fn a_model_is_run_by_its_port() {
        let variants = parse("piper: en_US-joe-medium, kokoro: kokoro-82m+tts.speed=1.1").expect("two");
        assert_eq!(variants[0].label, "piper");
        assert_eq!(
            variants[1].settings,
            [setting("tts.backends", "local"), setting("tts.local.model", "kokoro-82m"), setting("tts.speed", "1.1")]
        );
    }

    fn setting(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn a_backend_takes_every_port_that_has_it() {
        let [variant] = &parse("local").expect("a backend")[..] else { panic!("one") };
        assert_eq!(variant.label, "local");
        assert!(variant.settings.contains(&setting("stt.backends", "local")), "{variant:?}");
        assert!(variant.settings.contains(&setting("tts.backends", "local")), "{variant:?}");
    }

    #[test]
    fn settings_add_up_and_have_a_label() {
        let variants =
            parse("one: stt.local.threads=1+llm.local.threads=1, fake+tts.fake.chunk_delay_ms=20").expect("two");
        assert_eq!(variants[0].label, "one");
        assert_eq!(variants[0].settings, [setting("stt.local.threads", "1"), setting("llm.local.threads", "1")]);
        assert_eq!(variants[1].label, "fake+tts.fake.chunk_delay_ms=20");
        let [address] = &parse("llm.openai.base_url=http://127.0.0.1:1/v1").expect("an address")[..] else { panic!() };
        assert_eq!(address.settings, [setting("llm.openai.base_url", "http://127.0.0.1:1/v1")]);
    }

    #[test]
    fn what_is_neither_is_refused_by_name() {
        for (list, named) in
            [("locale", "locale"), ("stt.local.threads=", "stt.local.threads="), ("local,local", "called local")]
        {
            let error = parse(list).expect_err("refused").to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
