//! Kokoro's model: ids in, samples out.
//!
//! The decoder normalises each channel over the whole of what it renders (adaptive instance normalisation), so that a part
//! of the frames gives other samples than the whole: what is to be heard early is cut before, at a clause.

use std::path::Path;

use ort::session::Session;
use ort::value::TensorRef;

use super::float;
use crate::providers::tts::graph::Surgery;
use crate::providers::tts::{BACKEND, failed, playable};
use crate::providers::{ProviderError, cores, onnx};
use crate::weights::InstalledModel;

/// What is to be rendered.
pub(super) struct Utterance<'a> {
    pub(super) ids: &'a [i64],
    pub(super) style: &'a [f32],
    /// 1 is the voice's own pace, 2 twice as fast.
    pub(super) speed: f32,
}

pub(super) struct Network {
    threads: usize,
    session: Session,
}

impl Network {
    /// `exact`: computed as the file says, whatever is faster.
    ///
    /// # Errors
    /// `Failed` where the file is no model.
    pub(super) fn load(
        runtime: &InstalledModel,
        weights: &Path,
        threads: usize,
        exact: bool,
    ) -> Result<Self, ProviderError> {
        let session = if exact || float::bytes_are_faster() {
            onnx::session(BACKEND, runtime, weights, threads)?
        } else {
            let mut model = Surgery::open(std::fs::read(weights).map_err(failed)?.into()).map_err(failed)?;
            float::rewrite(&mut model).map_err(failed)?;
            onnx::session_of(BACKEND, runtime, &model.whole(), threads)?
        };
        Ok(Self { threads, session })
    }

    /// Mono samples, in [-1, 1].
    ///
    /// # Errors
    /// `Failed` where the model can't be run.
    pub(super) fn render(&mut self, utterance: &Utterance<'_>) -> Result<Vec<f32>, ProviderError> {
        let (threads, session) = (self.threads, &mut self.session);
        let mut run = || -> ort::Result<Vec<f32>> {
            let speed = std::slice::from_ref(&utterance.speed);
            let inputs = ort::inputs![
                "tokens" => TensorRef::from_array_view(([1, utterance.ids.len()], utterance.ids))?,
                "style" => TensorRef::from_array_view(([1, utterance.style.len()], utterance.style))?,
                "speed" => TensorRef::from_array_view(([1], speed))?,
            ];
            let outputs = cores::compute(threads, |_| session.run(inputs))?;
            Ok(playable(outputs[0].try_extract_tensor::<f32>()?.1))
        };
        run().map_err(failed)
    }
}
