//! Where no rule fits: which of the prototypes a clause is nearest to.

use super::rules::{Keep, Rules};
use crate::domain::embedding::Embedding;
use crate::providers::ProviderError;
use crate::providers::embeddings::Embedder;

/// How near a clause must be to what is known to be worth keeping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bar {
    Usual,
    High,
    /// It is to be kept; the question is as what.
    TypeOnly,
}

impl Bar {
    /// Cosines. Between them lie the clauses of the labelled messages that no rule fits; see `tests/fixtures/labelled`.
    fn cosine(self) -> f32 {
        match self {
            Bar::Usual => 0.35,
            Bar::High => 0.5,
            Bar::TypeOnly => -1.0,
        }
    }

    /// How much nearer to what is kept than to what isn't.
    fn margin(self) -> f32 {
        match self {
            Bar::Usual | Bar::High => 0.03,
            Bar::TypeOnly => -2.0,
        }
    }
}

pub(super) struct Prototypes(Vec<(Keep, Embedding)>);

impl Prototypes {
    /// # Errors
    /// What the embedder says.
    pub(super) async fn embed(rules: &Rules, embedder: &dyn Embedder) -> Result<Self, ProviderError> {
        let texts = rules.prototypes.iter().map(|(_, text)| text.clone()).collect();
        let embeddings = embedder.embed(texts).await?.embeddings;
        Ok(Self(rules.prototypes.iter().map(|(keep, _)| *keep).zip(embeddings).collect()))
    }

    pub(super) fn judge(&self, clause: &Embedding, bar: Bar) -> Keep {
        let nearest = |wanted: &dyn Fn(Keep) -> bool| {
            self.0
                .iter()
                .filter(|(keep, _)| wanted(*keep))
                .map(|(keep, prototype)| (*keep, prototype.cosine(clause)))
                .max_by(|a, b| a.1.total_cmp(&b.1))
                .unwrap_or((Keep::Nothing, -1.0))
        };
        let (keep, score) = nearest(&|keep| keep != Keep::Nothing);
        let (_, against) = nearest(&|keep| keep == Keep::Nothing);
        if score >= bar.cosine() && score >= against + bar.margin() { keep } else { Keep::Nothing }
    }
}
