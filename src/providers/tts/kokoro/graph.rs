//! Parts Kokoro's graph before its decoder, and lets the decoder take the statistics that it normalises by.
//!
//! The names are those of kokoro-onnx's int8 export of Kokoro-82M v1.0. The decoder normalises each channel over time
//! (adaptive instance normalisation): a stretch of frames alone has other means than the whole. Given those of a longer
//! speech in the same voice, a sample depends on the frames around it and on nothing else.

use std::collections::HashSet;

use bytes::Bytes;
use prost::DecodeError;

use super::float;
use crate::providers::tts::graph::{BOOL, FLOAT, Node, Surgery, needed, tensor};

/// The frames of the phonemes, of shape `(1, 512, frames)`.
pub(super) const FRAMES: &str = "/encoder/MatMul_1_output_0";
/// The pitch and the energy, of shape `(1, 2 × frames)`.
pub(super) const PITCH: &str = "/encoder/Reshape_output_0";
pub(super) const ENERGY: &str = "/encoder/Reshape_1_output_0";
pub(super) const STYLE: &str = "style";

/// Whether the decoder normalises by what it is given.
pub(super) const GIVEN: &str = "statistics_given";

/// Two models that do in turn what the whole one does.
pub(super) struct Parts {
    pub(super) encoder: Vec<u8>,
    /// From [`FRAMES`], [`PITCH`], [`ENERGY`], [`STYLE`], [`GIVEN`] and every statistic to the samples; the statistics as
    /// they are of these frames stand behind the samples, in their order.
    pub(super) decoder: Vec<u8>,
    pub(super) statistics: Vec<Statistic>,
}

/// A mean over time, of each channel.
#[derive(Debug, Clone)]
pub(super) struct Statistic {
    pub(super) given: String,
    pub(super) measured: String,
}

/// `None` where the graph has no such tensors. `in_floats`: computed in floats, where integers are slower.
///
/// # Errors
/// Where `model` is no ONNX file.
pub(super) fn part(model: Bytes, in_floats: bool) -> Result<Option<Parts>, DecodeError> {
    let mut voice = Surgery::open(model)?;
    let boundary = [FRAMES, PITCH, ENERGY];
    let makes = |name: &&str| voice.graph.nodes.iter().any(|node| node.outputs.iter().any(|output| output == name));
    let outputs = voice.outputs()?;
    let [sound] = outputs.as_slice() else { return Ok(None) };
    if !boundary.iter().all(makes) {
        return Ok(None);
    }
    if in_floats {
        float::rewrite(&mut voice)?;
    }
    let encoder =
        voice.part(&boundary, &[], voice.graph.inputs.clone(), boundary.map(|name| tensor(name, FLOAT)).to_vec());

    let statistics = open_statistics(&mut voice, sound, &boundary);
    let mut inputs: Vec<Bytes> = [FRAMES, PITCH, ENERGY, STYLE].map(|name| tensor(name, FLOAT)).to_vec();
    inputs.push(tensor(GIVEN, BOOL));
    inputs.extend(statistics.iter().map(|statistic| tensor(&statistic.given, FLOAT)));
    let mut outputs = vec![tensor(sound, FLOAT)];
    outputs.extend(statistics.iter().map(|statistic| tensor(&statistic.measured, FLOAT)));
    let mut wanted = vec![sound.as_str()];
    wanted.extend(statistics.iter().map(|statistic| statistic.measured.as_str()));
    let decoder = voice.part(&wanted, &boundary, inputs, outputs);
    Ok(Some(Parts { encoder, decoder, statistics }))
}

/// Behind every mean of the decoder's, a choice between it and the given one.
fn open_statistics(voice: &mut Surgery, sound: &str, boundary: &[&str]) -> Vec<Statistic> {
    let (decoder, _) = needed(&voice.graph.nodes, HashSet::from([sound]), boundary);
    let decoder: HashSet<usize> = decoder.into_iter().collect();
    let mut opened = Vec::new();
    let mut statistics = Vec::new();
    for (at, node) in std::mem::take(&mut voice.graph.nodes).into_iter().enumerate() {
        let mean = node.outputs.first().filter(|_| node.operator == "ReduceMean" && decoder.contains(&at)).cloned();
        let Some(mean) = mean else {
            opened.push(node);
            continue;
        };
        let statistic = Statistic { given: format!("{mean}/given"), measured: format!("{mean}/measured") };
        opened.push(Node { outputs: vec![statistic.measured.clone()], ..node });
        opened.push(Node {
            inputs: vec![GIVEN.into(), statistic.given.clone(), statistic.measured.clone()],
            outputs: vec![mean.clone()],
            name: format!("{mean}/choice"),
            operator: "Where".into(),
            ..Node::default()
        });
        statistics.push(statistic);
    }
    voice.graph.nodes = opened;
    statistics
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::tts::graph::tests::{model, names, node};

    #[test]
    fn each_half_holds_what_it_needs() {
        let whole = model(
            vec![
                node("text", "Gather", &["ids"], "a"),
                node("mean of the text", "ReduceMean", &["a"], "b"),
                node("frames", "MatMul", &["b"], FRAMES),
                node("pitch", "Reshape", &["b"], PITCH),
                node("energy", "Reshape", &["b"], ENERGY),
                node("in", "Concat", &[FRAMES, PITCH, ENERGY], "c"),
                node("mean", "ReduceMean", &["c"], "m"),
                node("norm", "Sub", &["c", "m"], "d"),
                node("out", "Mul", &["d", "style"], "samples"),
            ],
            &[],
        );
        let parts = part(whole, false).unwrap().expect("it has the tensors");
        assert_eq!(names(&parts.encoder).0, ["text", "mean of the text", "frames", "pitch", "energy"]);
        assert_eq!(names(&parts.decoder).0, ["in", "mean", "m/choice", "norm", "out"]);
        let [statistic] = &parts.statistics[..] else { panic!("one mean is the decoder's") };
        assert_eq!((statistic.given.as_str(), statistic.measured.as_str()), ("m/given", "m/measured"));
    }

    #[test]
    fn another_graph_stays_whole() {
        assert!(part(model(vec![node("all", "Mul", &["ids"], "samples")], &[]), false).unwrap().is_none());
        assert!(part(Bytes::from_static(b"no model at all"), false).is_err());
    }
}
