//! The probe's weights: kept for the models of the sets, and trained by `rose care train` for others.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

use super::fit::Linear;
use super::{QUESTION, Reading};
use crate::care::Kind;
use crate::providers::ProviderError;

/// The one entry of the file's metadata; a second one would let their order, and the file's bytes, vary.
const ABOUT: &str = "probe";

/// Built in, by the name of the model.
const SHIPPED: &[(&str, &[u8])] = &[(
    "qwen2.5-coder-1.5b-instruct",
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/models/probes/qwen2.5-coder-1.5b-instruct.safetensors")),
)];

#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// Whose state it reads, counted from 0.
    pub layer: usize,
    pub(super) concern: f32,
    pub(super) danger: f32,
    /// One row for danger, then one for each kind, in the order of [`Kind::ALL`].
    rows: Vec<Row>,
}

#[derive(Debug, Clone, PartialEq)]
struct Row {
    weights: Vec<f32>,
    bias: f32,
}

#[derive(Serialize, Deserialize)]
struct About {
    model: String,
    layer: usize,
    concern: f32,
    danger: f32,
    /// What the weights were trained with.
    question: String,
    kinds: Vec<Kind>,
}

#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("the probe's file can't be used: {0}")]
    Damaged(String),
    #[error("the probe was trained with another question or other kinds; train it again: rose care train")]
    Outdated,
}

impl Weights {
    pub(super) fn new(layer: usize, (concern, danger): (f32, f32), danger_row: &Linear, kind_rows: &[Linear]) -> Self {
        let row = |linear: &Linear| Row {
            weights: linear.weights.iter().map(|weight| *weight as f32).collect(),
            bias: linear.bias as f32,
        };
        Self { layer, concern, danger, rows: std::iter::once(danger_row).chain(kind_rows).map(row).collect() }
    }

    /// Those for `model`: the owner's in `dir`, else the shipped ones, else none.
    ///
    /// # Errors
    /// Where there are some and they can't be used.
    pub fn find(model: &str, dir: &Path) -> Result<Option<Self>, WeightsError> {
        let path = Self::path(model, dir);
        match std::fs::read(&path) {
            Ok(bytes) => return Self::parse(&bytes).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(WeightsError::Read { path, source }),
        }
        let shipped = SHIPPED.iter().find(|(name, _)| *name == model);
        shipped.map(|(_, bytes)| Self::parse(bytes)).transpose()
    }

    /// Where the weights for `model` are looked for in `dir`.
    pub fn path(model: &str, dir: &Path) -> PathBuf {
        dir.join("probes").join(format!("{model}.safetensors"))
    }

    /// # Errors
    /// Where the state's width is another model's.
    pub(super) fn read(&self, state: &[f32]) -> Result<Reading, ProviderError> {
        let scores: Option<Vec<f32>> = self.rows.iter().map(|row| row.score(state)).collect();
        let Some((score, kinds)) = scores.as_deref().and_then(<[f32]>::split_first) else {
            let reason = format!("the model's state has {} numbers; the probe is another model's", state.len());
            return Err(ProviderError::InvalidInput { backend: "probe", reason });
        };
        let best = kinds.iter().zip(Kind::ALL).max_by(|(one, _), (other, _)| one.total_cmp(other));
        Ok(Reading { score: *score, kind: best.map_or(Kind::SelfHarm, |(_, kind)| kind) })
    }

    /// As a file: the same weights give the same bytes.
    ///
    /// # Errors
    /// `Damaged` where the weights don't make a table.
    pub fn to_bytes(&self, model: &str) -> Result<Vec<u8>, WeightsError> {
        let width = self.rows.first().map_or(0, |row| row.weights.len());
        let bytes = |values: &mut dyn Iterator<Item = f32>| values.flat_map(f32::to_le_bytes).collect::<Vec<u8>>();
        let weights = bytes(&mut self.rows.iter().flat_map(|row| row.weights.iter().copied()));
        let biases = bytes(&mut self.rows.iter().map(|row| row.bias));
        let about = About {
            model: model.to_owned(),
            layer: self.layer,
            concern: self.concern,
            danger: self.danger,
            question: question(),
            kinds: Kind::ALL.to_vec(),
        };
        let about = serde_json::to_string(&about).map_err(|error| WeightsError::Damaged(error.to_string()))?;
        let damaged = |error: safetensors::SafeTensorError| WeightsError::Damaged(error.to_string());
        let tensors = [
            ("biases", TensorView::new(Dtype::F32, vec![self.rows.len()], &biases).map_err(damaged)?),
            ("weights", TensorView::new(Dtype::F32, vec![self.rows.len(), width], &weights).map_err(damaged)?),
        ];
        safetensors::serialize(tensors, Some(HashMap::from([(ABOUT.to_owned(), about)]))).map_err(damaged)
    }

    /// # Errors
    /// `Damaged` for what is no such file, `Outdated` for one of an earlier version.
    pub fn parse(bytes: &[u8]) -> Result<Self, WeightsError> {
        let damaged = |what: &dyn std::fmt::Display| WeightsError::Damaged(what.to_string());
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| damaged(&error))?;
        let about = header.metadata().as_ref().and_then(|entries| entries.get(ABOUT));
        let about: About = serde_json::from_str(about.ok_or_else(|| damaged(&"it doesn't say what it is"))?)
            .map_err(|error| damaged(&error))?;
        if about.question != question() || about.kinds != Kind::ALL {
            return Err(WeightsError::Outdated);
        }
        let tensors = SafeTensors::deserialize(bytes).map_err(|error| damaged(&error))?;
        let numbers = |name: &str| {
            let tensor = tensors.tensor(name).map_err(|error| damaged(&error))?;
            if tensor.dtype() != Dtype::F32 {
                return Err(damaged(&"its numbers are not f32"));
            }
            let (numbers, _) = tensor.data().as_chunks::<4>();
            Ok(numbers.iter().map(|number| f32::from_le_bytes(*number)).collect::<Vec<f32>>())
        };
        let (weights, biases) = (numbers("weights")?, numbers("biases")?);
        let rows = 1 + Kind::ALL.len();
        if biases.len() != rows || weights.is_empty() || !weights.len().is_multiple_of(rows) {
            return Err(damaged(&"its tables have the wrong shape"));
        }
        let width = weights.len() / rows;
        let rows = weights.chunks(width).zip(biases).map(|(weights, bias)| Row { weights: weights.to_vec(), bias });
        Ok(Self { layer: about.layer, concern: about.concern, danger: about.danger, rows: rows.collect() })
    }
}

impl Row {
    /// `None` where the state is of another width.
    fn score(&self, state: &[f32]) -> Option<f32> {
        (state.len() == self.weights.len())
            .then(|| self.weights.iter().zip(state).map(|(weight, value)| weight * value).sum::<f32>() + self.bias)
    }
}

fn question() -> String {
    format!("{}…{}", QUESTION.before, QUESTION.after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights() -> Weights {
        let linear = |at: usize| Linear { weights: vec![at as f64, -1.0, 0.5], bias: 0.25 };
        let kinds: Vec<Linear> = (0..Kind::ALL.len()).map(linear).collect();
        Weights::new(3, (-0.5, 1.5), &linear(2), &kinds)
    }

    #[test]
    fn a_file_reads_back_and_has_the_same_bytes_each_time() {
        let bytes = weights().to_bytes("some-model").unwrap();
        assert_eq!(Weights::parse(&bytes).unwrap(), weights());
        assert_eq!(bytes, weights().to_bytes("some-model").unwrap());
    }

    #[test]
    fn a_state_of_another_model_is_refused() {
        let reading = weights().read(&[1.0, 1.0, 2.0]).unwrap();
        assert!((reading.score - 2.25).abs() < 1e-6);
        assert_eq!(Some(reading.kind), Kind::ALL.last().copied());
        assert!(weights().read(&[1.0; 4]).unwrap_err().to_string().contains("another model's"));
    }

    #[test]
    fn a_damaged_file_is_refused() {
        let bytes = weights().to_bytes("some-model").unwrap();
        for cut in [0, 7, bytes.len() / 2, bytes.len() - 1] {
            assert!(Weights::parse(&bytes[..cut]).is_err(), "{cut}");
        }
    }

    #[test]
    fn an_owners_file_comes_before_the_shipped_one() {
        let dir = tempfile::tempdir().unwrap();
        let model = SHIPPED[0].0;
        let shipped = Weights::find(model, dir.path()).unwrap().unwrap();
        assert_ne!(shipped, weights());
        let path = Weights::path(model, dir.path());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, weights().to_bytes(model).unwrap()).unwrap();
        assert_eq!(Weights::find(model, dir.path()).unwrap().unwrap(), weights());
        assert!(Weights::find("no-such-model", dir.path()).unwrap().is_none());
    }
}
