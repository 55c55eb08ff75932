//! From text to the ids that a piper voice takes, as `piper/phonemize_espeak.py` and `piper/phoneme_ids.py` of
//! piper-tts 1.8.0 do it.

use unicode_normalization::UnicodeNormalization;

use super::config::{PhonemeType, VoiceConfig};
use crate::providers::tts::Phonemes;
use crate::providers::tts::espeak::{self, EspeakError, Notation};

pub(super) const BEGIN: &str = "^";
pub(super) const PAD: &str = "_";
pub(super) const END: &str = "$";

/// The phonemes of `text`, sentence by sentence, punctuation among them.
///
/// # Errors
/// Where espeak-ng lacks its data or the voice.
pub(super) fn sentences(config: &VoiceConfig, text: &str) -> Result<Vec<Phonemes>, EspeakError> {
    if config.phoneme_type == PhonemeType::Text {
        return Ok(vec![text.nfd().map(String::from).collect()]);
    }
    let mut sentences = Vec::new();
    let mut sentence = Phonemes::new();
    for clause in espeak::clauses(&config.espeak.voice, text, Notation::Plain)? {
        let mut said = clause.phonemes;
        said.push_str(clause.mark);
        if matches!(clause.mark, "," | ":" | ";") {
            said.push(' ');
        }
        sentence.extend(said.nfd().map(String::from));
        if clause.ends_sentence {
            sentences.push(merge(std::mem::take(&mut sentence), &config.vowel_clusters));
        }
    }
    sentences.push(merge(sentence, &config.vowel_clusters));
    sentences.retain(|sentence| !sentence.is_empty());
    Ok(sentences)
}

/// Joins the clusters that the voice knows as one phoneme each, the longest first.
fn merge(phonemes: Phonemes, clusters: &[Vec<String>]) -> Phonemes {
    if clusters.is_empty() {
        return phonemes;
    }
    let mut merged = Phonemes::with_capacity(phonemes.len());
    let mut rest = phonemes.as_slice();
    while let Some(first) = rest.first() {
        let cluster = clusters
            .iter()
            .filter(|cluster| cluster.len() > 1 && rest.starts_with(cluster))
            .max_by_key(|cluster| cluster.len());
        let length = cluster.map_or(1, Vec::len);
        merged.push(cluster.map_or_else(|| first.clone(), |cluster| cluster.concat()));
        rest = &rest[length..];
    }
    merged
}

/// `BEGIN, PAD`, then each phoneme and `PAD`, then `END`. Phonemes that the voice doesn't know are left out; `None`
/// where it knows no sound among them.
pub(super) fn ids(config: &VoiceConfig, phonemes: &[String]) -> Option<Vec<i64>> {
    let of = |phoneme: &str| config.phoneme_id_map.get(phoneme).map(Vec::as_slice);
    let pad = of(PAD)?;
    let mut ids = [of(BEGIN)?, pad].concat();
    let mut sounds = false;
    for phoneme in phonemes {
        let Some(known) = of(phoneme) else { continue };
        sounds |= phoneme.contains(char::is_alphanumeric);
        ids.extend_from_slice(known);
        ids.extend_from_slice(pad);
    }
    ids.extend_from_slice(of(END)?);
    sounds.then_some(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> VoiceConfig {
        VoiceConfig::parse(
            r#"{"audio": {"sample_rate": 22050}, "espeak": {"voice": "en-us"}, "num_speakers": 1,
                "phoneme_id_map": {"_": [0], "^": [1], "$": [2], " ": [3], "a": [4], "b": [5, 6], "ai": [7], "i": [8]}}"#,
        )
        .expect("it is one")
    }

    fn phonemes(text: &str) -> Phonemes {
        text.chars().map(String::from).collect()
    }

    #[derive(serde::Deserialize)]
    struct Case {
        text: String,
        phonemes: Vec<String>,
    }

    /// `tests/fixtures/make_piper_fixture.py` wrote the cases.
    #[test]
    fn they_are_those_of_the_official_package() {
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../../../tests/fixtures/piper.json")).expect("the fixture is JSON");
        for case in cases {
            let sentences = sentences(&config(), &case.text).expect("espeak-ng works");
            let found: Vec<String> = sentences.iter().map(|sentence| sentence.concat()).collect();
            assert_eq!(found, case.phonemes, "{}", case.text);
        }
    }

    #[test]
    fn a_pad_stands_behind_the_beginning_and_every_phoneme() {
        assert_eq!(ids(&config(), &phonemes("ab")), Some(vec![1, 0, 4, 0, 5, 6, 0, 2]));
    }

    #[test]
    fn unknown_phonemes_are_left_out() {
        assert_eq!(ids(&config(), &phonemes("xa")), Some(vec![1, 0, 4, 0, 2]));
        assert_eq!(ids(&config(), &phonemes("x x")), None);
        assert_eq!(ids(&config(), &[]), None);
    }

    #[test]
    fn clusters_are_one_phoneme() {
        let clusters = [vec!["a".to_owned(), "i".to_owned()]];
        assert_eq!(merge(phonemes("baia"), &clusters), ["b", "ai", "a"]);
    }

    #[test]
    fn a_voice_of_another_kind_is_refused() {
        let json = r#"{"audio": {"sample_rate": 22050}, "phoneme_type": "pinyin", "phoneme_id_map": {}}"#;
        assert!(VoiceConfig::parse(json).is_err());
        assert!(VoiceConfig::parse("{}").is_err());
    }
}
