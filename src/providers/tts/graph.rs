//! Surgery on the ONNX graphs of voices, so that their sound can be rendered piece by piece.
//!
//! Field numbers are those of `onnx.proto3`; what isn't named here is left out of what is written.

use std::collections::HashSet;

use bytes::Bytes;
use prost::{DecodeError, Message};

/// `DataType` of `onnx.proto3`.
pub(super) const FLOAT: i32 = 1;
pub(super) const UINT8: i32 = 2;
pub(super) const INT8: i32 = 3;
#[cfg(test)]
pub(super) const INT64: i32 = 7;

#[derive(Clone, PartialEq, Message)]
pub(super) struct Model {
    #[prost(int64, tag = "1")]
    ir_version: i64,
    #[prost(message, optional, tag = "7")]
    graph: Option<Graph>,
    #[prost(bytes = "bytes", repeated, tag = "8")]
    opset_imports: Vec<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Graph {
    #[prost(message, repeated, tag = "1")]
    pub(super) nodes: Vec<Node>,
    #[prost(string, tag = "2")]
    name: String,
    /// Each is a [`Tensor`].
    #[prost(bytes = "bytes", repeated, tag = "5")]
    pub(super) weights: Vec<Bytes>,
    /// Each is a [`Value`], as is each output.
    #[prost(bytes = "bytes", repeated, tag = "11")]
    pub(super) inputs: Vec<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "12")]
    pub(super) outputs: Vec<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Node {
    #[prost(string, repeated, tag = "1")]
    pub(super) inputs: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub(super) outputs: Vec<String>,
    #[prost(string, tag = "3")]
    pub(super) name: String,
    #[prost(string, tag = "4")]
    pub(super) operator: String,
    #[prost(bytes = "bytes", repeated, tag = "5")]
    pub(super) attributes: Vec<Bytes>,
    #[prost(string, tag = "7")]
    pub(super) domain: String,
}

/// Of a weight, its name alone.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Weight {
    #[prost(string, tag = "8")]
    pub(super) name: String,
}

/// A weight with its numbers, where they are few bytes wide and lie in `raw`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Tensor {
    #[prost(int64, repeated, tag = "1")]
    pub(super) dimensions: Vec<i64>,
    #[prost(int32, tag = "2")]
    pub(super) element: i32,
    #[prost(float, repeated, tag = "4")]
    pub(super) floats: Vec<f32>,
    /// Where integers of up to 32 bits lie when they aren't in `raw`.
    #[prost(int32, repeated, tag = "5")]
    pub(super) integers: Vec<i32>,
    #[prost(string, tag = "8")]
    pub(super) name: String,
    #[prost(bytes = "bytes", tag = "9")]
    pub(super) raw: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Value {
    #[prost(string, tag = "1")]
    pub(super) name: String,
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

/// What stands at a graph's edge: a tensor of that name, of whatever shape.
pub(super) fn tensor(name: &str, element: i32) -> Bytes {
    let value_type = Some(ValueType { tensor: Some(TensorType { element }) });
    Value { name: name.to_owned(), value_type }.encode_to_vec().into()
}

/// A model and its parts by name.
pub(super) struct Surgery {
    model: Model,
    pub(super) graph: Graph,
    /// The weights' names, in their order.
    pub(super) weights: Vec<String>,
}

impl Surgery {
    /// # Errors
    /// Where `model` is no ONNX file. One without a graph is an empty one.
    pub(super) fn open(model: Bytes) -> Result<Self, DecodeError> {
        let mut model = Model::decode(model)?;
        let graph = model.graph.take().unwrap_or_default();
        let weights = graph.weights.iter().map(|weight| Ok(Weight::decode(weight.clone())?.name));
        let weights = weights.collect::<Result<Vec<String>, DecodeError>>()?;
        Ok(Self { model, graph, weights })
    }

    /// The model as it is now.
    pub(super) fn whole(self) -> Vec<u8> {
        Model { graph: Some(self.graph), ..self.model }.encode_to_vec()
    }

    /// # Errors
    /// Where an output can't be read.
    pub(super) fn outputs(&self) -> Result<Vec<String>, DecodeError> {
        self.graph.outputs.iter().map(|output| Ok(Value::decode(output.clone())?.name)).collect()
    }

    /// The model that makes `wanted` of `given` and of the whole's inputs, as far as it needs them.
    pub(super) fn part(&self, wanted: &[&str], given: &[&str], inputs: Vec<Bytes>, outputs: Vec<Bytes>) -> Vec<u8> {
        let (needed, values) = needed(&self.graph.nodes, wanted.iter().copied().collect(), given);
        let weights = self.graph.weights.iter().zip(&self.weights);
        let part = Graph {
            nodes: needed.into_iter().map(|at| self.graph.nodes[at].clone()).collect(),
            name: self.graph.name.clone(),
            weights: weights
                .filter(|(_, name)| values.contains(name.as_str()))
                .map(|(weight, _)| weight.clone())
                .collect(),
            inputs,
            outputs,
        };
        Model { graph: Some(part), ..self.model.clone() }.encode_to_vec()
    }
}

/// The nodes that `wanted` comes from, in order, and every value that they take; `given` needs none.
pub(super) fn needed<'g>(
    nodes: &'g [Node],
    mut wanted: HashSet<&'g str>,
    given: &[&str],
) -> (Vec<usize>, HashSet<&'g str>) {
    let mut needed = Vec::new();
    // Nodes stand behind those that they take from.
    for (at, node) in nodes.iter().enumerate().rev() {
        if node.outputs.iter().any(|output| wanted.contains(output.as_str())) {
            wanted.extend(node.inputs.iter().map(String::as_str).filter(|input| !given.contains(input)));
            needed.push(at);
        }
    }
    needed.reverse();
    (needed, wanted)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::providers::tts) fn node(name: &str, operator: &str, inputs: &[&str], output: &str) -> Node {
        Node {
            inputs: inputs.iter().map(|input| (*input).to_owned()).collect(),
            outputs: vec![output.to_owned()],
            name: name.to_owned(),
            operator: operator.to_owned(),
            ..Node::default()
        }
    }

    /// From `ids` to `samples`.
    pub(in crate::providers::tts) fn model(nodes: Vec<Node>, weights: &[Tensor]) -> Bytes {
        let graph = Graph {
            nodes,
            name: "voice".into(),
            weights: weights.iter().map(|weight| weight.encode_to_vec().into()).collect(),
            inputs: vec![tensor("ids", INT64)],
            outputs: vec![tensor("samples", FLOAT)],
        };
        Model { ir_version: 8, graph: Some(graph), opset_imports: vec![] }.encode_to_vec().into()
    }

    pub(in crate::providers::tts) fn weight(name: &str) -> Tensor {
        Tensor { name: name.to_owned(), ..Tensor::default() }
    }

    /// Of the nodes and of the weights.
    pub(in crate::providers::tts) fn names(model: &[u8]) -> (Vec<String>, Vec<String>) {
        let part = Surgery::open(Bytes::copy_from_slice(model)).unwrap();
        (part.graph.nodes.into_iter().map(|node| node.name).collect(), part.weights)
    }
}
