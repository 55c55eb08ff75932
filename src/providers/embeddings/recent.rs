//! Embeddings of the latest texts are kept: each message is looked at in several turns, and a spoken one is embedded while
//! the person still speaks.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::{Embedded, Embedder};
use crate::domain::embedding::Embedding;
use crate::domain::stage::EngineTiming;
use crate::providers::{Description, ProviderError};

/// Of all sessions together: about half a megabyte.
const KEPT: usize = 256;

/// Longer texts are not kept.
const LONGEST_BYTES: usize = 2_000;

/// An embedder that doesn't embed the same text again and again.
pub struct RecentlyEmbedded {
    embedder: Arc<dyn Embedder>,
    /// The latest last.
    kept: Mutex<VecDeque<(String, Embedding)>>,
}

impl RecentlyEmbedded {
    pub fn new(embedder: Arc<dyn Embedder>) -> Self {
        Self { embedder, kept: Mutex::default() }
    }

    fn find(&self, text: &str) -> Option<Embedding> {
        // Every change is made in one step, so that a panic elsewhere leaves nothing half done.
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().rev().find(|(other, _)| other == text).map(|(_, embedding)| embedding.clone())
    }

    fn keep(&self, text: String, embedding: Embedding) {
        if text.len() > LONGEST_BYTES {
            return;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back((text, embedding));
    }
}

#[async_trait]
impl Embedder for RecentlyEmbedded {
    fn describe(&self) -> Description {
        self.embedder.describe()
    }

    fn dimension(&self) -> usize {
        self.embedder.dimension()
    }

    async fn embed(&self, texts: Vec<String>) -> Result<Embedded, ProviderError> {
        let mut found: Vec<Option<Embedding>> = texts.iter().map(|text| self.find(text)).collect();
        let unknown: Vec<(usize, String)> =
            texts.into_iter().enumerate().filter(|(at, _)| found[*at].is_none()).collect();
        let mut timing = EngineTiming::default();
        if !unknown.is_empty() {
            let asked = unknown.iter().map(|(_, text)| text.clone()).collect();
            let embedded = self.embedder.embed(asked).await?;
            timing = embedded.timing;
            for ((at, text), embedding) in unknown.into_iter().zip(embedded.embeddings) {
                found[at] = Some(embedding.clone());
                self.keep(text, embedding);
            }
        }
        let embeddings = found.into_iter().map(|one| one.expect("the embedder gives one embedding for each text"));
        Ok(Embedded { embeddings: embeddings.collect(), timing })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::embeddings::FakeEmbedder;

    /// Notes what it is asked.
    #[derive(Default)]
    struct Counting {
        asked: Mutex<Vec<String>>,
    }

    #[async_trait]
    impl Embedder for Counting {
        fn describe(&self) -> Description {
            FakeEmbedder.describe()
        }
        fn dimension(&self) -> usize {
            FakeEmbedder.dimension()
        }
        async fn embed(&self, texts: Vec<String>) -> Result<Embedded, ProviderError> {
            self.asked.lock().unwrap().extend(texts.iter().cloned());
            FakeEmbedder.embed(texts).await
        }
    }

    #[tokio::test]
    async fn a_text_is_embedded_once_and_the_order_stays() {
        let counting = Arc::new(Counting::default());
        let recent = RecentlyEmbedded::new(counting.clone());
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        recent.embed(texts(&["sea", "wind"])).await.unwrap();
        let again = recent.embed(texts(&["sun", "wind", "sea", "rain"])).await.unwrap();
        let plain = FakeEmbedder.embed(texts(&["sun", "wind", "sea", "rain"])).await.unwrap();
        assert_eq!(again.embeddings, plain.embeddings);
        assert_eq!(*counting.asked.lock().unwrap(), ["sea", "wind", "sun", "rain"]);
    }

    #[tokio::test]
    async fn only_so_many_are_kept() {
        let recent = RecentlyEmbedded::new(Arc::new(FakeEmbedder));
        for number in 0..KEPT + 10 {
            recent.embed(vec![number.to_string(), "x".repeat(LONGEST_BYTES + 1)]).await.unwrap();
        }
        assert_eq!(recent.kept.lock().unwrap().len(), KEPT);
        assert!(recent.find("0").is_none() && recent.find("10").is_some());
    }
}
