//! Trains the probe for a model: states of the training part, weights fitted to them, the layer and the thresholds chosen
//! on a part of their own. The part that is kept apart for judging is never read here.

use std::collections::BTreeMap;
use std::path::Path;

use super::fit::{Linear, Scaling, logistic};
use super::weights::WeightsError;
use super::{QUESTION, Weights, texts};
use crate::care::Kind;
use crate::care::corpus::{self, Class, CorpusError, Labelled};
use crate::providers::ProviderError;
use crate::providers::llm::HiddenStates;

/// The inverse of the penalty: little freedom for each of the many columns.
const C: f64 = 0.01;

/// The share of mirrored harmless messages that may be asked about, and be answered as danger.
const CONCERN_ALARMS: f64 = 0.10;
const DANGER_ALARMS: f64 = 0.015;

/// Of two parts of the corpus.
const TRAINING: &str = "training.toml";
const THRESHOLDS: &str = "thresholds.toml";

/// What came of a training.
pub struct Trained {
    pub weights: Weights,
    /// For each layer that was tried, how well it tells the thresholds' part: the chance that a dangerous message scores
    /// above a harmless one.
    pub areas: Vec<(usize, f64)>,
}

#[derive(Debug, thiserror::Error)]
pub enum TrainingError {
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error(transparent)]
    Weights(#[from] WeightsError),
    #[error("the corpus has too few messages to train with")]
    TooFew,
}

/// A message and the model's state for it, layer by layer.
struct Stated {
    message: Labelled,
    states: Vec<Vec<f32>>,
}

/// Reads the corpus in `folder`; `states` read `layers`. `progress` hears how many of how many messages are read.
///
/// # Errors
/// Where the corpus can't be read or is too small, or the model fails.
pub async fn train(
    folder: &Path,
    states: &dyn HiddenStates,
    layers: &[usize],
    mut progress: impl FnMut(usize, usize),
) -> Result<Trained, TrainingError> {
    let (training, choosing) = (corpus::read(&folder.join(TRAINING))?, corpus::read(&folder.join(THRESHOLDS))?);
    let of_each = |messages: &[Labelled]| Class::ALL.iter().all(|class| messages.iter().any(|m| m.class == *class));
    if !of_each(&training) || !of_each(&choosing) {
        return Err(TrainingError::TooFew);
    }
    let all = training.len() + choosing.len();
    let trained_on = training.len();
    let mut stated = Vec::with_capacity(all);
    for message in training.into_iter().chain(choosing) {
        stated.push(Stated { states: read(states, &message).await?, message });
        progress(stated.len(), all);
    }
    let choosing = stated.split_off(trained_on);
    let mut fits: Vec<Fit> = (0..layers.len()).map(|at| fit(&stated, at)).collect();
    let areas: Vec<f64> = fits.iter().enumerate().map(|(at, fit)| area(&scores(fit, &choosing, at))).collect();
    let best = areas.iter().enumerate().max_by(|one, other| one.1.total_cmp(other.1)).map_or(0, |(at, _)| at);
    let thresholds = thresholds(&scores(&fits[best], &choosing, best));
    let fit = fits.swap_remove(best);
    Ok(Trained {
        weights: Weights::new(layers[best], thresholds, &fit.danger, &fit.kinds),
        areas: layers.iter().copied().zip(areas).collect(),
    })
}

/// Of the last part of the message, which in the corpus is the only one.
async fn read(states: &dyn HiddenStates, message: &Labelled) -> Result<Vec<Vec<f32>>, ProviderError> {
    let said: Vec<&str> = message.said.iter().map(String::as_str).collect();
    let text = texts(&said).pop().unwrap_or_default();
    states.read(&QUESTION, &text).await
}

struct Fit {
    danger: Linear,
    kinds: Vec<Linear>,
}

fn fit(stated: &[Stated], layer: usize) -> Fit {
    let rows: Vec<Vec<f32>> = stated.iter().map(|one| one.states[layer].clone()).collect();
    let scaling = Scaling::of(&rows);
    let rows: Vec<Vec<f64>> = rows.iter().map(|row| scaling.apply(row)).collect();
    let counts = balanced(stated);
    let dangerous: Vec<bool> = stated.iter().map(|one| one.message.class.is_danger()).collect();
    let danger = logistic(&rows, &dangerous, &counts, C);
    // Kinds are told apart among the dangerous alone.
    let (rows, kinds): (Vec<Vec<f64>>, Vec<&[Kind]>) = rows
        .into_iter()
        .zip(stated)
        .filter(|(_, one)| one.message.class.is_danger())
        .map(|(row, one)| (row, one.message.kinds.as_slice()))
        .unzip();
    let counts = vec![1.0; rows.len()];
    let of_kind = |kind: Kind| {
        let labels: Vec<bool> = kinds.iter().map(|kinds| kinds.first() == Some(&kind)).collect();
        logistic(&rows, &labels, &counts, C)
    };
    let kinds = Kind::ALL.into_iter().map(|kind| scaling.fold_into(&of_kind(kind)));
    Fit { kinds: kinds.collect(), danger: scaling.fold_into(&danger) }
}

/// Dangerous and harmless messages count alike in all, however many there are of each.
fn balanced(stated: &[Stated]) -> Vec<f64> {
    let mut groups: BTreeMap<bool, f64> = BTreeMap::new();
    for one in stated {
        *groups.entry(one.message.class.is_danger()).or_default() += 1.0;
    }
    let half = stated.len() as f64 / 2.0;
    stated.iter().map(|one| half / groups[&one.message.class.is_danger()]).collect()
}

/// In f32, as the probe will compute it.
fn scores(fit: &Fit, stated: &[Stated], layer: usize) -> Vec<(Class, f32)> {
    let weights = Weights::new(0, (0.0, 0.0), &fit.danger, &fit.kinds);
    let score = |one: &Stated| weights.read(&one.states[layer]).map_or(0.0, |reading| reading.score);
    stated.iter().map(|one| (one.message.class, score(one))).collect()
}

/// The area under the curve: dangerous messages against mirrored ones.
fn area(scores: &[(Class, f32)]) -> f64 {
    let of =
        |wanted: fn(Class) -> bool| scores.iter().filter(move |(class, _)| wanted(*class)).map(|(_, score)| *score);
    let (mut above, mut pairs) = (0.0, 0.0);
    for dangerous in of(Class::is_danger) {
        for harmless in of(|class| class == Class::Mirrored) {
            pairs += 1.0;
            above += if dangerous > harmless { 1.0 } else { f64::from(u8::from(dangerous == harmless)) / 2.0 };
        }
    }
    above / f64::max(pairs, 1.0)
}

/// The lowest scores at which no more mirrored messages raise an alarm than may.
fn thresholds(scores: &[(Class, f32)]) -> (f32, f32) {
    let mut mirrored: Vec<f32> =
        scores.iter().filter(|(class, _)| *class == Class::Mirrored).map(|(_, score)| *score).collect();
    mirrored.sort_by(|one, other| other.total_cmp(one));
    let at = |share: f64| {
        let allowed = (share * mirrored.len() as f64).floor() as usize;
        mirrored.get(allowed).map_or(0.0, |score| score + 1e-3)
    };
    (at(CONCERN_ALARMS), at(DANGER_ALARMS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored() -> Vec<(Class, f32)> {
        let mirrored = (0..200).map(|at| (Class::Mirrored, at as f32 / 100.0));
        mirrored.chain([(Class::Explicit, 3.0), (Class::Hinted, 1.0), (Class::SmallTalk, -5.0)]).collect()
    }

    #[test]
    fn thresholds_let_no_more_alarms_through_than_may() {
        let scores = scored();
        let (concern, danger) = thresholds(&scores);
        let alarms = |from: f32| scores.iter().filter(|(class, s)| *class == Class::Mirrored && *s >= from).count();
        assert_eq!((alarms(concern), alarms(danger)), (20, 3));
        assert!(danger > concern);
    }

    #[test]
    fn the_area_counts_pairs() {
        let area = area(&scored());
        // The hinted message lies above half of the mirrored ones, and beside one of them.
        assert!((area - (1.0 + 100.5 / 200.0) / 2.0).abs() < 1e-9, "{area}");
    }
}
