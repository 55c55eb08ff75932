//! The voice's model: ids in, samples out, the first of them before the rest is rendered.

use std::path::Path;

use ort::session::Session;
use ort::value::TensorRef;

use super::graph::{self, Parts};
use crate::providers::tts::{BACKEND, failed, playable};
use crate::providers::{ProviderError, cores, onnx};
use crate::weights::InstalledModel;

/// Frames of the first chunk: 0.28 s at 22,050 Hz. Each chunk after it may be so many times as long as the one before.
const FIRST_CHUNK: usize = 24;
const GROWTH: usize = 4;

/// What is to be rendered.
pub(super) struct Utterance<'a> {
    pub(super) ids: &'a [i64],
    /// Noise, length, noise of the durations.
    pub(super) scales: [f32; 3],
    /// Of a voice with several speakers.
    pub(super) speaker: Option<i64>,
}

pub(super) struct Vits {
    threads: usize,
    model: Model,
}

enum Model {
    /// Renders all at once.
    Whole(Session),
    Parted {
        encoder: Session,
        vocoder: Session,
        latents: String,
        /// Frames that a chunk is rendered with on each side and that are not kept.
        reach: usize,
    },
}

impl Vits {
    /// # Errors
    /// `Failed` where the file is no model.
    pub(super) fn load(runtime: &InstalledModel, weights: &Path, threads: usize) -> Result<Self, ProviderError> {
        let file = std::fs::read(weights).map_err(failed)?;
        let session = |model: &[u8]| onnx::session_of(BACKEND, runtime, model, threads);
        let model = match graph::part(file.into()).map_err(failed)? {
            Some(Parts { encoder, vocoder, latents, reach }) => {
                Model::Parted { encoder: session(&encoder)?, vocoder: session(&vocoder)?, latents, reach }
            }
            None => Model::Whole(onnx::session(BACKEND, runtime, weights, threads)?),
        };
        Ok(Self { threads, model })
    }

    /// Gives `each` the mono samples, chunk by chunk, until it fails.
    ///
    /// # Errors
    /// Its own, and `Failed` where the model can't be run.
    pub(super) fn render(
        &mut self,
        utterance: &Utterance<'_>,
        mut each: impl FnMut(Vec<f32>) -> Result<(), ProviderError>,
    ) -> Result<(), ProviderError> {
        let threads = self.threads;
        match &mut self.model {
            Model::Whole(session) => {
                let samples = encode(session, threads, utterance, |_, samples| playable(samples)).map_err(failed)?;
                each(samples)
            }
            Model::Parted { encoder, vocoder, latents, reach } => {
                let frames = encode(encoder, threads, utterance, Latents::of).map_err(failed)??;
                let (mut from, mut length) = (0, FIRST_CHUNK);
                while from < frames.count {
                    // What would be left for a short last chunk comes with this one.
                    let to = if from + length * 3 / 2 < frames.count { from + length } else { frames.count };
                    let (start, end) = (from.saturating_sub(*reach), (to + *reach).min(frames.count));
                    let part = frames.part(start, end);
                    let mut render = || -> ort::Result<Vec<f32>> {
                        let shape = [1, frames.channels, end - start];
                        let input = TensorRef::from_array_view((shape, part.as_slice()))?;
                        let inputs = ort::inputs![latents.as_str() => input];
                        let outputs = cores::compute(threads, |_| vocoder.run(inputs))?;
                        let samples = outputs[0].try_extract_tensor::<f32>()?.1;
                        let hop = samples.len() / (end - start);
                        Ok(playable(&samples[(from - start) * hop..(to - start) * hop]))
                    };
                    each(render().map_err(failed)?)?;
                    (from, length) = (to, length * GROWTH);
                }
                Ok(())
            }
        }
    }
}

/// Runs the session that takes phonemes, and hands on its first output with its shape.
fn encode<T>(
    session: &mut Session,
    threads: usize,
    utterance: &Utterance<'_>,
    take: impl FnOnce(&[i64], &[f32]) -> T,
) -> ort::Result<T> {
    let ids = utterance.ids;
    let lengths = [ids.len() as i64];
    let speaker = utterance.speaker.map(|speaker| [speaker]);
    let mut inputs = ort::inputs![
        "input" => TensorRef::from_array_view(([1, ids.len()], ids))?,
        "input_lengths" => TensorRef::from_array_view(([1], lengths.as_slice()))?,
        "scales" => TensorRef::from_array_view(([3], utterance.scales.as_slice()))?,
    ];
    if let Some(speaker) = &speaker {
        let speaker = TensorRef::from_array_view(([1], speaker.as_slice()))?;
        inputs.push(("sid".into(), speaker.into()));
    }
    let outputs = cores::compute(threads, |_| session.run(inputs))?;
    // Whatever its name; alignments may follow.
    let (shape, values) = outputs[0].try_extract_tensor::<f32>()?;
    Ok(take(shape, values))
}

/// The latents of an utterance, channel by channel.
struct Latents {
    values: Vec<f32>,
    channels: usize,
    count: usize,
}

impl Latents {
    fn of(shape: &[i64], values: &[f32]) -> Result<Self, ProviderError> {
        match *shape {
            [1, channels, count] if channels > 0 && count >= 0 => {
                Ok(Self { values: values.to_vec(), channels: channels as usize, count: count as usize })
            }
            _ => Err(failed(format!("the voice's latents have the shape {shape:?}, not (1, channels, frames)"))),
        }
    }

    /// The frames from `start` to `end` of every channel.
    fn part(&self, start: usize, end: usize) -> Vec<f32> {
        self.values.chunks_exact(self.count).flat_map(|channel| &channel[start..end]).copied().collect()
    }
}
