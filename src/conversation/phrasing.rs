//! From what the model writes to the pieces that are sent and spoken.

use super::sentences::Sentences;
use super::shape::{Piece, Shaper};
use super::speakable::Speakable;
use crate::graph::guardrail::{Grounds, Guardrail};

/// One reply's.
pub(super) struct Phrasing {
    grounds: Grounds,
    speakable: Speakable,
    sentences: Sentences,
    shaper: Shaper,
    enough: bool,
}

impl Phrasing {
    /// Of a reply by the character of this name.
    pub(super) fn new(character: &str, grounds: Grounds) -> Self {
        Self {
            grounds,
            speakable: Speakable::of(character),
            sentences: Sentences::default(),
            shaper: Shaper::default(),
            enough: false,
        }
    }

    /// Takes what came; gives the pieces whose end is certain.
    pub(super) fn push(&mut self, text: &str, guardrail: &Guardrail) -> Vec<Piece> {
        let speakable = self.speakable.push(text);
        self.shape(&speakable, guardrail)
    }

    /// The rest. `whole`: the model ended of itself.
    pub(super) fn finish(&mut self, whole: bool, guardrail: &Guardrail) -> Vec<Piece> {
        // Where the model began to speak for the person, what it said before is whole.
        let whole = whole || self.speakable.ended();
        let last = self.speakable.finish();
        let mut pieces = self.shape(&last, guardrail);
        let rest = std::mem::take(&mut self.sentences).finish().filter(|_| !self.enough);
        pieces.extend(self.shaper.finish(rest.as_deref(), whole, guardrail, &self.grounds));
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

    fn shape(&mut self, speakable: &str, guardrail: &Guardrail) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for piece in self.sentences.push(speakable) {
            if self.enough {
                break;
            }
            let shaped = self.shaper.take(&piece, guardrail, &self.grounds);
            self.enough = shaped.enough;
            pieces.extend(shaped.pieces);
        }
        pieces
    }
}
