//! Embeddings without weights: words and their letter trigrams, hashed. Texts that share words are near each other;
//! meaning is beyond it. Health calls it `fake`.

use async_trait::async_trait;

use super::{Embedded, Embedder};
use crate::domain::embedding::Embedding;
use crate::domain::stage::EngineTiming;
use crate::providers::{Description, ProviderError};

/// As wide as all-MiniLM-L6-v2, so that a store takes either.
const DIMENSION: usize = 384;

/// What a trigram weighs beside a whole word.
const TRIGRAM_WEIGHT: f32 = 0.4;

#[derive(Debug, Default)]
pub struct FakeEmbedder;

#[async_trait]
impl Embedder for FakeEmbedder {
    fn describe(&self) -> Description {
        Description { backend: "fake", model: "hashed-words".into() }
    }

    fn dimension(&self) -> usize {
        DIMENSION
    }

    async fn embed(&self, texts: Vec<String>) -> Result<Embedded, ProviderError> {
        Ok(Embedded { embeddings: texts.iter().map(|text| hash_text(text)).collect(), timing: EngineTiming::default() })
    }
}

fn hash_text(text: &str) -> Embedding {
    let mut values = vec![0.0; DIMENSION];
    let lowered = text.to_lowercase();
    let mut wordless = true;
    for word in lowered.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        wordless = false;
        let letters: Vec<char> = std::iter::once('^').chain(word.chars()).chain(std::iter::once('$')).collect();
        // Short words are mostly grammar: "is", "my", "of".
        let weight = (letters.len() as f32 - 2.0).sqrt();
        add(&mut values, word, weight);
        for trigram in letters.windows(3) {
            add(&mut values, &trigram.iter().collect::<String>(), weight * TRIGRAM_WEIGHT);
        }
    }
    if wordless {
        add(&mut values, "", 1.0);
    }
    Embedding::normalised(values)
}

/// One feature, at a place and with a sign that its hash gives.
fn add(values: &mut [f32], feature: &str, weight: f32) {
    let hash = fnv1a(feature.as_bytes());
    let sign = if hash >> 63 == 0 { 1.0 } else { -1.0 };
    values[(hash % DIMENSION as u64) as usize] += sign * weight;
}

/// FNV-1a, 64 bits: the same on every machine and in every release, unlike the standard library's hasher.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_words_bring_texts_nearer() {
        let asked = hash_text("What is my sister's name?");
        let sister = hash_text("The person's sister is called Ana.");
        let thunder = hash_text("The person is afraid of thunder.");
        assert!(asked.cosine(&sister) > asked.cosine(&thunder) + 0.1);
    }

    #[test]
    fn letter_case_and_punctuation_do_not_count() {
        assert!(hash_text("Hello, WORLD!").cosine(&hash_text("hello world")) > 0.999);
    }
}
