//! From what the model writes to the pieces that are sent and spoken.

use super::sentences::Sentences;
use super::shape::{Piece, Shaper};
use super::speakable::Speakable;
use crate::graph::claims::{Claims, Grounds};

/// One reply's.
#[derive(Default)]
pub(super) struct Phrasing {
    grounds: Grounds,
    speakable: Speakable,
    sentences: Sentences,
    shaper: Shaper,
    enough: bool,
}

impl Phrasing {
    pub(super) fn new(grounds: Grounds) -> Self {
        Self { grounds, ..Self::default() }
    }

    /// Takes what came; gives the pieces whose end is certain.
    pub(super) fn push(&mut self, text: &str, claims: &Claims) -> Vec<Piece> {
        let speakable = self.speakable.push(text);
        self.shape(&speakable, claims)
    }

    /// The rest. `whole`: the model ended of itself.
    pub(super) fn finish(&mut self, whole: bool, claims: &Claims) -> Vec<Piece> {
        // Where the model began to speak for the person, what it said before is whole.
        let whole = whole || self.speakable.ended();
        let last = self.speakable.finish();
        let mut pieces = self.shape(&last, claims);
        let rest = std::mem::take(&mut self.sentences).finish().filter(|_| !self.enough);
        pieces.extend(self.shaper.finish(rest.as_deref(), whole, claims, &self.grounds));
        pieces
    }

    /// The reply is long enough.
    pub(super) fn enough(&self) -> bool {
        self.enough
    }

    /// Nothing of what the model still writes would be used.
    pub(super) fn ended(&self) -> bool {
        self.enough || self.speakable.ended()
    }

    fn shape(&mut self, speakable: &str, claims: &Claims) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for piece in self.sentences.push(speakable) {
            if self.enough {
                break;
            }
            let shaped = self.shaper.take(&piece, claims, &self.grounds);
            self.enough = shaped.enough;
            pieces.extend(shaped.pieces);
        }
        pieces
    }
}
