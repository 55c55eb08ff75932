//! Draws the next token from the logits.

use std::collections::VecDeque;
use std::sync::Arc;

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token::data::LlamaTokenData;
use llama_cpp_2::token::data_array::LlamaTokenDataArray;

use super::raw;
use crate::providers::llm::Sampling;

/// Tokens of the reply, counted back from its end, that the repetition penalty looks at.
const PENALTY_WINDOW: usize = 64;

/// The rule that a grammar starts from.
const GRAMMAR_ROOT: &str = "root";

/// What nobody says: brackets, emphasis, headings, code, tags.
const MARKUP: &[u8] = b"()[]{}<>*#_`|~^\\";

/// Longer grammars are refused: parsing them holds up everyone.
const GRAMMAR_BYTES: usize = 64 * 1024;

/// What a reply is held to, in GBNF.
#[derive(Clone)]
pub(super) struct Grammar {
    pub(super) text: String,
    /// `None`: from the first token on.
    pub(super) triggers: Option<Triggers>,
}

/// From where on a reply is held to its grammar.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Triggers {
    /// Regular expressions over the reply so far; the grammar holds from their first group on.
    pub(super) patterns: Vec<String>,
    pub(super) tokens: Vec<LlamaToken>,
}

impl Grammar {
    pub(super) fn whole(text: String) -> Self {
        Self { text, triggers: None }
    }
}

pub(super) struct Sampler {
    sampling: Sampling,
    recent: VecDeque<LlamaToken>,
    /// From the likely tokens to the one that is drawn.
    draw: LlamaSampler,
    grammar: Option<LlamaSampler>,
    unwanted: Option<Arc<[LlamaToken]>>,
}

/// Every token with a mark of markup in it. Control tokens, such as the one that ends a reply, are none of them.
pub(super) fn markup(model: &LlamaModel) -> Arc<[LlamaToken]> {
    let marked = |token: &LlamaToken| raw::piece(model, *token, false).iter().any(|byte| MARKUP.contains(byte));
    (0..model.n_vocab()).map(LlamaToken).filter(marked).collect()
}

impl Sampler {
    /// # Errors
    /// Where the grammar doesn't parse; the text says why, and is fit for whoever wrote it.
    pub(super) fn new(
        model: &LlamaModel,
        sampling: Sampling,
        grammar: Option<&Grammar>,
        unwanted: Option<Arc<[LlamaToken]>>,
    ) -> Result<Self, String> {
        let grammar = grammar.map(|grammar| parse(model, grammar)).transpose()?;
        let draw = if sampling.temperature <= 0.0 {
            LlamaSampler::greedy()
        } else {
            // llama.cpp takes the largest number to mean "any seed".
            let seed = sampling.seed.unwrap_or_else(rand::random).min(u32::MAX - 1);
            LlamaSampler::chain(
                [
                    LlamaSampler::top_p(sampling.top_p, 1),
                    LlamaSampler::temp(sampling.temperature),
                    LlamaSampler::dist(seed),
                ],
                true,
            )
        };
        Ok(Self { sampling, recent: VecDeque::with_capacity(PENALTY_WINDOW), draw, grammar, unwanted })
    }

    /// The next token, or `None` where the grammar allows none. Changes the logits.
    pub(super) fn sample(&mut self, logits: &mut [f32]) -> Option<LlamaToken> {
        self.penalise(logits);
        for token in self.unwanted.iter().flat_map(|unwanted| unwanted.iter()) {
            if let Some(logit) = usize::try_from(token.0).ok().and_then(|id| logits.get_mut(id)) {
                *logit = f32::NEG_INFINITY;
            }
        }
        let free = self.pick(likely(logits, self.sampling.min_p));
        let token = match &self.grammar {
            None => free?,
            // Mostly the token that would have come anyway fits: only where it doesn't is every token asked about.
            Some(grammar) => match free.filter(|token| fits(grammar, *token)) {
                Some(token) => token,
                None => {
                    let mut all = likely(logits, 0.0);
                    grammar.apply(&mut all);
                    all.data.retain(|candidate| candidate.logit().is_finite());
                    let most = all.data.iter().map(LlamaTokenData::logit).fold(f32::NEG_INFINITY, f32::max);
                    let least = threshold(most, self.sampling.min_p);
                    all.data.retain(|candidate| candidate.logit() >= least);
                    self.pick(all)?
                }
            },
        };
        if let Some(grammar) = &mut self.grammar {
            // It fits, so that the grammar can't refuse it.
            grammar.try_accept(token).ok()?;
        }
        if self.recent.len() == PENALTY_WINDOW {
            self.recent.pop_front();
        }
        self.recent.push_back(token);
        Some(token)
    }

    fn pick(&self, mut candidates: LlamaTokenDataArray) -> Option<LlamaToken> {
        if candidates.data.is_empty() {
            return None;
        }
        self.draw.apply(&mut candidates);
        candidates.selected_token()
    }

    /// Makes what was said lately less likely, each token once, as llama.cpp's penalty does.
    fn penalise(&self, logits: &mut [f32]) {
        let penalty = self.sampling.repeat_penalty;
        if penalty <= 0.0 || (penalty - 1.0).abs() < f32::EPSILON {
            return;
        }
        for (at, token) in self.recent.iter().enumerate() {
            let again = self.recent.iter().skip(at + 1).any(|later| later == token);
            if let (false, Some(logit)) = (again, usize::try_from(token.0).ok().and_then(|id| logits.get_mut(id))) {
                *logit = if *logit > 0.0 { *logit / penalty } else { *logit * penalty };
            }
        }
    }
}

/// # Errors
/// As [`Sampler::new`].
pub(super) fn check_grammar(model: &LlamaModel, grammar: &Grammar) -> Result<(), String> {
    parse(model, grammar).map(drop)
}

fn parse(model: &LlamaModel, Grammar { text, triggers }: &Grammar) -> Result<LlamaSampler, String> {
    if text.len() > GRAMMAR_BYTES {
        return Err(format!("the grammar has {} bytes, at most {GRAMMAR_BYTES} are taken", text.len()));
    }
    let grammar = match triggers {
        None => LlamaSampler::grammar(model, text, GRAMMAR_ROOT),
        Some(Triggers { patterns, tokens }) => {
            LlamaSampler::grammar_lazy_patterns(model, text, GRAMMAR_ROOT, patterns, tokens)
        }
    };
    grammar.map_err(|error| format!("the grammar can't be used: {error}"))
}

fn fits(grammar: &LlamaSampler, token: LlamaToken) -> bool {
    let mut one = LlamaTokenDataArray::new(vec![LlamaTokenData::new(token, 0.0, 0.0)], false);
    grammar.apply(&mut one);
    one.data.first().is_some_and(|candidate| candidate.logit().is_finite())
}

/// The logit of a token `min_p` times as likely as the likeliest, whose logit is `most`.
fn threshold(most: f32, min_p: f32) -> f32 {
    most + min_p.ln()
}

/// The tokens that are at least `min_p` times as likely as the likeliest. This comes first, so that everything after it
/// handles a few candidates instead of the whole vocabulary.
fn likely(logits: &[f32], min_p: f32) -> LlamaTokenDataArray {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let least = threshold(most, min_p);
    let candidates = (0..)
        .zip(logits)
        .filter(|(_, logit)| **logit >= least)
        .map(|(id, logit)| LlamaTokenData::new(LlamaToken(id), *logit, 0.0))
        .collect();
    LlamaTokenDataArray::new(candidates, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(candidates: &LlamaTokenDataArray) -> Vec<i32> {
        candidates.data.iter().map(|candidate| candidate.id().0).collect()
    }

    #[test]
    fn unlikely_tokens_are_out() {
        // Probabilities relative to the likeliest: 1, e^-1 = 0.37, e^-3 = 0.05.
        let logits = [2.0, 5.0, 4.0, -10.0];
        assert_eq!(ids(&likely(&logits, 0.1)), [1, 2]);
        assert_eq!(ids(&likely(&logits, 0.04)), [0, 1, 2]);
        assert_eq!(ids(&likely(&logits, 0.0)), [0, 1, 2, 3]);
        assert_eq!(ids(&likely(&logits, 1.0)), [1]);
    }
}
