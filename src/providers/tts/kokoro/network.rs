//! Kokoro's model: ids in, samples out, the first of them before the rest is rendered.

use std::borrow::Cow;
use std::path::Path;

use ort::session::{Session, SessionInputValue};
use ort::value::TensorRef;

use super::float;
use super::graph::{self, ENERGY, FRAMES, GIVEN, PITCH, Parts, STYLE, Statistic};
use crate::providers::tts::{BACKEND, failed, playable};
use crate::providers::{ProviderError, cores, onnx};
use crate::weights::InstalledModel;

/// Frames of the first chunk, 25 ms each. Each chunk after it may be so many times as long as the one before: it is
/// rendered while that one sounds.
const FIRST_CHUNK: usize = 12;
const GROWTH: usize = 2;

/// Frames that a chunk is rendered with on each side. Beyond four, the samples differ by less than the phases do
/// (benches/results: mel distance 1.0 dB with four as with eight).
const REACH: usize = 4;

/// A chunk ends in the quietest of so many frames around its length.
const LEEWAY: usize = 4;

/// Samples over which a chunk goes over into the next, whose harmonics have other phases: 10 ms.
const FADE: usize = 240;

/// Frames of silence before the first sound that are kept: 100 ms. The model gives about 14.
const LEAD: usize = 4;

/// What is to be rendered.
pub(super) struct Utterance<'a> {
    pub(super) ids: &'a [i64],
    pub(super) style: &'a [f32],
    /// 1 is the voice's own pace, 2 twice as fast.
    pub(super) speed: f32,
}

/// The means that the decoder normalises by, of speech in one voice; each with its shape.
pub(super) struct Statistics(Vec<(Vec<i64>, Vec<f32>)>);

pub(super) struct Network {
    threads: usize,
    model: Model,
}

enum Model {
    /// Renders all at once.
    Whole(Session),
    Parted {
        encoder: Session,
        decoder: Session,
        statistics: Vec<Statistic>,
    },
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
        let file = std::fs::read(weights).map_err(failed)?;
        let session = |model: &[u8]| onnx::session_of(BACKEND, runtime, model, threads);
        let in_floats = !exact && !float::bytes_are_faster();
        let model = match graph::part(file.into(), in_floats).map_err(failed)? {
            Some(Parts { encoder, decoder, statistics }) => {
                Model::Parted { encoder: session(&encoder)?, decoder: session(&decoder)?, statistics }
            }
            None => Model::Whole(onnx::session(BACKEND, runtime, weights, threads)?),
        };
        Ok(Self { threads, model })
    }

    /// All the samples at once, and the statistics that they were normalised by; none of a model that can't be parted.
    ///
    /// # Errors
    /// `Failed` where the model can't be run.
    pub(super) fn whole(&mut self, utterance: &Utterance<'_>) -> Result<(Vec<f32>, Option<Statistics>), ProviderError> {
        let threads = self.threads;
        match &mut self.model {
            Model::Whole(session) => {
                let run = |session: &mut Session| -> ort::Result<Vec<f32>> {
                    let inputs = inputs(utterance)?;
                    let outputs = cores::compute(threads, |_| session.run(inputs))?;
                    Ok(playable(outputs[0].try_extract_tensor::<f32>()?.1))
                };
                Ok((run(session).map_err(failed)?, None))
            }
            Model::Parted { encoder, decoder, statistics } => {
                let frames = encode(encoder, threads, utterance)?;
                let stretch = frames.stretch(0, frames.count);
                let (samples, measured) =
                    decode(decoder, threads, &stretch, utterance.style, statistics, None).map_err(failed)?;
                Ok((samples, Some(measured)))
            }
        }
    }

    /// Gives `each` the samples, chunk by chunk, until it fails.
    ///
    /// # Errors
    /// Its own, and `Failed` where the model can't be run.
    pub(super) fn stream(
        &mut self,
        utterance: &Utterance<'_>,
        given: &Statistics,
        mut each: impl FnMut(Vec<f32>) -> Result<(), ProviderError>,
    ) -> Result<(), ProviderError> {
        let threads = self.threads;
        let Model::Parted { encoder, decoder, statistics } = &mut self.model else {
            let (samples, _) = self.whole(utterance)?;
            return each(samples);
        };
        let frames = encode(encoder, threads, utterance)?;
        let (mut from, mut length) = (frames.silent().saturating_sub(LEAD), FIRST_CHUNK);
        let mut fading: Vec<f32> = Vec::new();
        while from < frames.count {
            // What would be left for a short last chunk comes with this one.
            let last = from + length + length / 2 >= frames.count;
            let to = if last { frames.count } else { frames.quietest(from + length) };
            let (start, end) = (from.saturating_sub(REACH), (to + REACH).min(frames.count));
            let stretch = frames.stretch(start, end);
            let (samples, _) =
                decode(decoder, threads, &stretch, utterance.style, statistics, Some(given)).map_err(failed)?;
            let hop = samples.len() / (end - start);
            let own_end = (to - start) * hop;
            let end = if last { own_end } else { (own_end + FADE).min(samples.len()) };
            let mut chunk = samples[(from - start) * hop..end].to_vec();
            fade_over(&fading, &mut chunk);
            fading = chunk.split_off(chunk.len() - (end - own_end));
            each(chunk)?;
            (from, length) = (to, length * GROWTH);
        }
        Ok(())
    }
}

/// Mixes the end of the chunk before into the beginning of this one.
fn fade_over(before: &[f32], chunk: &mut [f32]) {
    let length = before.len() as f32;
    for (at, (old, new)) in before.iter().zip(chunk).enumerate() {
        let share = (at as f32 + 0.5) / length;
        *new = old * (1.0 - share) + *new * share;
    }
}

type Inputs<'a> = Vec<(Cow<'a, str>, SessionInputValue<'a>)>;

fn inputs<'a>(utterance: &'a Utterance<'_>) -> ort::Result<Inputs<'a>> {
    let speed = std::slice::from_ref(&utterance.speed);
    Ok(ort::inputs![
        "tokens" => TensorRef::from_array_view(([1, utterance.ids.len()], utterance.ids))?,
        STYLE => TensorRef::from_array_view(([1, utterance.style.len()], utterance.style))?,
        "speed" => TensorRef::from_array_view(([1], speed))?,
    ])
}

fn encode(session: &mut Session, threads: usize, utterance: &Utterance<'_>) -> Result<Frames, ProviderError> {
    let mut run = || -> ort::Result<Result<Frames, ProviderError>> {
        let inputs = inputs(utterance)?;
        let outputs = cores::compute(threads, |_| session.run(inputs))?;
        let (shape, hidden) = outputs[FRAMES].try_extract_tensor::<f32>()?;
        let pitch = outputs[PITCH].try_extract_tensor::<f32>()?.1;
        let energy = outputs[ENERGY].try_extract_tensor::<f32>()?.1;
        Ok(Frames::of(shape, hidden, pitch, energy))
    };
    run().map_err(failed)?
}

/// The samples of some frames, and their own statistics.
fn decode(
    session: &mut Session,
    threads: usize,
    frames: &Frames,
    style: &[f32],
    names: &[Statistic],
    given: Option<&Statistics>,
) -> ort::Result<(Vec<f32>, Statistics)> {
    let nothing = [0.0_f32];
    let is_given = [given.is_some()];
    let mut inputs: Inputs<'_> = ort::inputs![
        FRAMES => TensorRef::from_array_view(([1, frames.channels, frames.count], frames.hidden.as_slice()))?,
        PITCH => TensorRef::from_array_view(([1, frames.pitch.len()], frames.pitch.as_slice()))?,
        ENERGY => TensorRef::from_array_view(([1, frames.energy.len()], frames.energy.as_slice()))?,
        STYLE => TensorRef::from_array_view(([1, style.len()], style))?,
        GIVEN => TensorRef::from_array_view(([1], is_given.as_slice()))?,
    ];
    for (at, name) in names.iter().enumerate() {
        let value = match given {
            Some(Statistics(values)) => TensorRef::from_array_view((values[at].0.clone(), values[at].1.as_slice()))?,
            None => TensorRef::from_array_view((vec![1_i64, 1, 1], nothing.as_slice()))?,
        };
        inputs.push((name.given.as_str().into(), value.into()));
    }
    let outputs = cores::compute(threads, |_| session.run(inputs))?;
    let samples = playable(outputs[0].try_extract_tensor::<f32>()?.1);
    let mut measured = Vec::with_capacity(names.len());
    for name in names {
        let (shape, values) = outputs[name.measured.as_str()].try_extract_tensor::<f32>()?;
        measured.push((shape.to_vec(), values.to_vec()));
    }
    Ok((samples, Statistics(measured)))
}

/// What the decoder takes of an utterance, or of a stretch of it.
struct Frames {
    /// Channel by channel.
    hidden: Vec<f32>,
    channels: usize,
    count: usize,
    /// Two for each frame.
    pitch: Vec<f32>,
    energy: Vec<f32>,
}

impl Frames {
    fn of(shape: &[i64], hidden: &[f32], pitch: &[f32], energy: &[f32]) -> Result<Self, ProviderError> {
        let (channels, count) = match *shape {
            [1, channels, count] if channels > 0 && count > 0 => (channels as usize, count as usize),
            _ => return Err(failed(format!("the voice's frames have the shape {shape:?}, not (1, channels, frames)"))),
        };
        if pitch.len() != 2 * count || energy.len() != 2 * count {
            return Err(failed("the voice's pitch and energy are not those of its frames"));
        }
        Ok(Self { hidden: hidden.to_vec(), channels, count, pitch: pitch.to_vec(), energy: energy.to_vec() })
    }

    fn stretch(&self, start: usize, end: usize) -> Self {
        Self {
            hidden: self.hidden.chunks_exact(self.count).flat_map(|channel| &channel[start..end]).copied().collect(),
            channels: self.channels,
            count: end - start,
            pitch: self.pitch[2 * start..2 * end].to_vec(),
            energy: self.energy[2 * start..2 * end].to_vec(),
        }
    }

    /// How many frames at the start belong to the mark of the beginning: a phoneme's frames are all the same.
    fn silent(&self) -> usize {
        let same =
            |at: &usize| self.hidden.chunks_exact(self.count).all(|channel| (channel[*at] - channel[0]).abs() < 1e-6);
        (0..self.count).take_while(same).count()
    }

    /// The frame near `at` in which the change of phases is heard least.
    fn quietest(&self, at: usize) -> usize {
        let (from, to) = (at.saturating_sub(LEEWAY / 2), (at + LEEWAY).min(self.count - 1));
        (from..to).min_by(|one, other| self.energy[2 * one].total_cmp(&self.energy[2 * other])).unwrap_or(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames() -> Frames {
        let energy = [5.0, 5.0, 4.0, 4.0, 1.0, 1.0, 6.0, 6.0, 7.0, 7.0, 8.0, 8.0];
        Frames::of(&[1, 2, 6], &[1.0, 1.0, 1.0, 2.0, 3.0, 4.0, 9.0, 9.0, 8.0, 8.0, 8.0, 8.0], &energy, &energy)
            .expect("frames")
    }

    #[test]
    fn a_stretch_is_cut_out_of_every_channel() {
        let stretch = frames().stretch(1, 3);
        assert_eq!(stretch.hidden, [1.0, 1.0, 9.0, 8.0]);
        assert_eq!(stretch.energy, [4.0, 4.0, 1.0, 1.0]);
    }

    #[test]
    fn silence_and_quiet_places_are_found() {
        assert_eq!(frames().silent(), 2);
        assert_eq!(frames().quietest(3), 2);
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        assert!(Frames::of(&[1, 2], &[0.0; 2], &[0.0; 2], &[0.0; 2]).is_err());
        assert!(Frames::of(&[1, 2, 6], &[0.0; 12], &[0.0; 6], &[0.0; 12]).is_err());
    }

    #[test]
    fn one_chunk_goes_over_into_the_next() {
        let mut chunk = vec![1.0; 6];
        fade_over(&[0.0; 4], &mut chunk);
        assert!(chunk.is_sorted() && chunk[0] > 0.0 && chunk[0] < 0.2 && chunk[4] == 1.0, "{chunk:?}");
    }
}
