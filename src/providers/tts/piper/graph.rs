//! Parts a voice's ONNX graph at its vocoder, so that the sound can be rendered piece by piece.
//!
//! Piper's export (piper1-gpl 1.3, `export_onnx.py`) keeps the names of the VITS modules: everything of the HiFi-GAN
//! generator is under `/dec/`. Field numbers are those of `onnx.proto3`; what isn't named here stays as its bytes.

use std::collections::HashSet;

use bytes::Bytes;
use prost::{DecodeError, Message};

/// Where the names of the generator's nodes begin.
const VOCODER: &str = "/dec/";

/// Frames to each side that a sample depends on, for the two kinds of residual blocks that HiFi-GAN has (Kong et al. 2020,
/// arXiv 2010.05646, appendix A) with piper's kernels: half the kernels times their dilations, at each layer's rate.
const REACH_OF_TWO_CONVOLUTIONS: usize = 10;
const REACH_OF_SIX_CONVOLUTIONS: usize = 14;
/// Only the larger kind has nodes of this name.
const SIX_CONVOLUTIONS: &str = "/convs1.";

/// `ELEM_TYPE_FLOAT` of `onnx.proto3`.
const FLOAT: i32 = 1;

#[derive(Clone, PartialEq, Message)]
struct Model {
    #[prost(int64, tag = "1")]
    ir_version: i64,
    #[prost(message, optional, tag = "7")]
    graph: Option<Graph>,
    #[prost(bytes = "bytes", repeated, tag = "8")]
    opset_imports: Vec<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
struct Graph {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    nodes: Vec<Bytes>,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(bytes = "bytes", repeated, tag = "5")]
    weights: Vec<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "11")]
    inputs: Vec<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "12")]
    outputs: Vec<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
struct Node {
    #[prost(string, repeated, tag = "1")]
    inputs: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    outputs: Vec<String>,
    #[prost(string, tag = "3")]
    name: String,
}

#[derive(Clone, PartialEq, Message)]
struct Weight {
    #[prost(string, tag = "8")]
    name: String,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    value_type: Option<ValueType>,
}

#[derive(Clone, PartialEq, Message)]
struct ValueType {
    #[prost(message, optional, tag = "1")]
    tensor: Option<TensorType>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorType {
    #[prost(int32, tag = "1")]
    element: i32,
}

/// Two models that do in turn what the whole one does.
pub(super) struct Parts {
    /// From phonemes to latents.
    pub(super) encoder: Vec<u8>,
    /// From latents, of shape `(1, channels, frames)`, to samples.
    pub(super) vocoder: Vec<u8>,
    /// What the latents are called in both.
    pub(super) latents: String,
    /// How many frames to each side of its own a sample depends on.
    pub(super) reach: usize,
}

/// `None` where the graph has no vocoder by that name, or one that takes more than latents (voices with several
/// speakers do).
///
/// # Errors
/// Where `model` is no ONNX file.
pub(super) fn part(model: Bytes) -> Result<Option<Parts>, DecodeError> {
    let model = Model::decode(model)?;
    let Some(graph) = &model.graph else { return Ok(None) };
    let nodes = graph.nodes.iter().map(|node| Node::decode(node.clone())).collect::<Result<Vec<_>, _>>()?;
    let weights = graph.weights.iter().map(|weight| Ok(Weight::decode(weight.clone())?.name));
    let weights = weights.collect::<Result<Vec<String>, DecodeError>>()?;
    let outputs = graph.outputs.iter().map(|output| Ok(Value::decode(output.clone())?.name));
    let outputs = outputs.collect::<Result<Vec<String>, DecodeError>>()?;

    let vocoder = || nodes.iter().filter(|node| node.name.starts_with(VOCODER));
    let known: HashSet<&str> =
        weights.iter().chain(vocoder().flat_map(|node| &node.outputs)).map(String::as_str).collect();
    let taken: HashSet<&str> = vocoder()
        .flat_map(|node| &node.inputs)
        .map(String::as_str)
        .filter(|input| !input.is_empty() && !known.contains(input))
        .collect();
    let [latents] = taken.into_iter().collect::<Vec<_>>()[..] else { return Ok(None) };

    let half = |wanted: HashSet<&str>, given: Option<&str>, inputs: Vec<Bytes>, outputs: Vec<Bytes>| {
        let (needed, values) = needed(&nodes, wanted, given);
        let part = Graph {
            nodes: needed.into_iter().map(|at| graph.nodes[at].clone()).collect(),
            name: graph.name.clone(),
            weights: graph
                .weights
                .iter()
                .zip(&weights)
                .filter(|(_, name)| values.contains(name.as_str()))
                .map(|(weight, _)| weight.clone())
                .collect(),
            inputs,
            outputs,
        };
        Model { graph: Some(part), ..model.clone() }.encode_to_vec()
    };
    let tensor = TensorType { element: FLOAT };
    let value = Value { name: latents.to_owned(), value_type: Some(ValueType { tensor: Some(tensor) }) };
    let boundary = vec![Bytes::from(value.encode_to_vec())];
    let samples = outputs.iter().take(1).map(String::as_str).collect();
    Ok(Some(Parts {
        encoder: half(HashSet::from([latents]), None, graph.inputs.clone(), boundary.clone()),
        vocoder: half(samples, Some(latents), boundary, graph.outputs.iter().take(1).cloned().collect()),
        latents: latents.to_owned(),
        reach: match vocoder().any(|node| node.name.contains(SIX_CONVOLUTIONS)) {
            true => REACH_OF_SIX_CONVOLUTIONS,
            false => REACH_OF_TWO_CONVOLUTIONS,
        },
    }))
}

/// The nodes that `wanted` comes from, in order, and every value that they take; `given` needs none.
fn needed<'g>(
    nodes: &'g [Node],
    mut wanted: HashSet<&'g str>,
    given: Option<&'g str>,
) -> (Vec<usize>, HashSet<&'g str>) {
    let mut needed = Vec::new();
    // Nodes stand behind those that they take from.
    for (at, node) in nodes.iter().enumerate().rev() {
        if node.outputs.iter().any(|output| wanted.contains(output.as_str())) {
            wanted.extend(node.inputs.iter().map(String::as_str).filter(|input| Some(*input) != given));
            needed.push(at);
        }
    }
    needed.reverse();
    (needed, wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, inputs: &[&str], output: &str) -> Bytes {
        let inputs = inputs.iter().map(|input| (*input).to_owned()).collect();
        Node { inputs, outputs: vec![output.to_owned()], name: name.to_owned() }.encode_to_vec().into()
    }

    fn value(name: &str) -> Bytes {
        Value { name: name.to_owned(), value_type: None }.encode_to_vec().into()
    }

    fn weight(name: &str) -> Bytes {
        Weight { name: name.to_owned() }.encode_to_vec().into()
    }

    fn model(nodes: Vec<Bytes>) -> Bytes {
        let graph = Graph {
            nodes,
            name: "voice".into(),
            weights: vec![weight("w.text"), weight("w.dec")],
            inputs: vec![value("ids")],
            outputs: vec![value("samples")],
        };
        Model { ir_version: 8, graph: Some(graph), opset_imports: vec![] }.encode_to_vec().into()
    }

    fn names(model: &[u8]) -> (Vec<String>, Vec<String>) {
        let graph = Model::decode(model).unwrap().graph.unwrap();
        let nodes = graph.nodes.into_iter().map(|node| Node::decode(node).unwrap().name).collect();
        (nodes, graph.weights.into_iter().map(|weight| Weight::decode(weight).unwrap().name).collect())
    }

    #[test]
    fn each_half_holds_what_it_needs() {
        let whole = model(vec![
            node("/axes", &[], "axes"),
            node("/text", &["ids", "w.text"], "hidden"),
            node("/Mul", &["hidden"], "z"),
            node("/dec/pre", &["z", "w.dec"], "a"),
            node("/dec/post", &["a"], "b"),
            node("/Unsqueeze", &["b", "axes"], "samples"),
        ]);
        let parts = part(whole).unwrap().expect("it has a vocoder");
        assert_eq!(parts.latents, "z");
        assert_eq!(names(&parts.encoder), (vec!["/text".into(), "/Mul".into()], vec!["w.text".into()]));
        let vocoder = ["/axes", "/dec/pre", "/dec/post", "/Unsqueeze"].map(String::from).to_vec();
        assert_eq!(names(&parts.vocoder), (vocoder, vec!["w.dec".into()]));
    }

    #[test]
    fn what_cannot_be_parted_stays_whole() {
        let several = vec![
            node("/Mul", &["ids"], "z"),
            node("/emb", &["ids"], "speaker"),
            node("/dec/pre", &["z", "w.dec"], "a"),
            node("/dec/cond", &["a", "speaker"], "samples"),
        ];
        assert!(part(model(several)).unwrap().is_none());
        assert!(part(model(vec![node("/all", &["ids"], "samples")])).unwrap().is_none());
        assert!(part(Bytes::from_static(b"no model at all")).is_err());
    }
}
