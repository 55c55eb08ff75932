//! Undoes the dynamic quantisation of a graph, where the processor multiplies floats faster than bytes.
//!
//! What `quantize_dynamic` of ONNX Runtime writes for a convolution or a matrix product,
//! `DynamicQuantizeLinear → ConvInteger [→ Add the quantised bias] → Cast → Mul by the scales`, becomes one node over
//! the weights as floats. Without instructions for sums of byte products, ONNX Runtime's kernels for bytes are the slower ones.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use prost::{DecodeError, Message};

use crate::providers::tts::graph::{FLOAT, INT8, Node, Surgery, Tensor, UINT8};

/// How the quantiser names what it makes of a weight.
const QUANTIZED: &str = "_quantized";
const SCALE: &str = "_scale";

/// Whether this processor has them: VNNI of x86, the dot products of ARM. Not where it has tiles of bytes (AMX) too: with them
/// ONNX Runtime 1.24.2 gave other samples than everywhere else, a hum in the place of words; later ones were not tried there.
pub(super) fn bytes_are_faster() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        let sums = std::arch::is_x86_feature_detected!("avx512vnni") || std::arch::is_x86_feature_detected!("avxvnni");
        sums && !has_tiles()
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        true
    }
}

/// AMX-INT8: bit 25 of EDX of CPUID's leaf 7 (Intel SDM, volume 2A).
#[cfg(target_arch = "x86_64")]
fn has_tiles() -> bool {
    std::arch::x86_64::__cpuid_count(7, 0).edx >> 25 & 1 == 1
}

/// What doesn't look as the quantiser writes it stays as it is.
///
/// # Errors
/// Where a weight can't be read.
pub(super) fn rewrite(model: &mut Surgery) -> Result<(), DecodeError> {
    let plan = Plan::of(model)?;
    let Plan { replaced, dropped, weights } = plan;
    let nodes = std::mem::take(&mut model.graph.nodes).into_iter().enumerate();
    let mut replaced = replaced;
    model.graph.nodes =
        nodes.filter(|(at, _)| !dropped.contains(at)).map(|(at, node)| replaced.remove(&at).unwrap_or(node)).collect();
    for weight in weights {
        model.weights.push(weight.name.clone());
        model.graph.weights.push(Bytes::from(weight.encode_to_vec()));
    }
    Ok(())
}

#[derive(Default)]
struct Plan {
    /// By the place of the scaling, the last node of each.
    replaced: HashMap<usize, Node>,
    dropped: HashSet<usize>,
    weights: Vec<Tensor>,
}

impl Plan {
    fn of(model: &Surgery) -> Result<Self, DecodeError> {
        let graph = Wiring::of(model);
        let mut plan = Self::default();
        for (at, node) in model.graph.nodes.iter().enumerate() {
            let operator = match node.operator.as_str() {
                "ConvInteger" => "Conv",
                "MatMulInteger" => "MatMul",
                _ => continue,
            };
            let Some(found) = graph.follow(at) else { continue };
            let Some(weight) = graph.floats(&node.inputs[1], node.inputs.get(3))? else { continue };
            let mut inputs = vec![found.input, weight.name.clone()];
            inputs.extend(found.bias);
            plan.replaced.insert(
                found.scaling,
                Node {
                    inputs,
                    outputs: model.graph.nodes[found.scaling].outputs.clone(),
                    name: format!("{}/float", node.name),
                    operator: operator.into(),
                    attributes: node.attributes.clone(),
                    domain: String::new(),
                },
            );
            plan.dropped.insert(at);
            plan.dropped.extend(found.between);
            plan.weights.push(weight);
        }
        Ok(plan)
    }
}

/// Around one product of integers.
struct Found {
    /// Before it was quantised.
    input: String,
    /// As floats.
    bias: Option<String>,
    /// The nodes between the product and the scaling.
    between: Vec<usize>,
    scaling: usize,
}

/// Which node makes a value, and which take it.
struct Wiring<'m> {
    model: &'m Surgery,
    makers: HashMap<&'m str, usize>,
    takers: HashMap<&'m str, Vec<usize>>,
    weights: HashMap<&'m str, usize>,
}

impl<'m> Wiring<'m> {
    fn of(model: &'m Surgery) -> Self {
        let (mut makers, mut takers) = (HashMap::new(), HashMap::<&str, Vec<usize>>::new());
        for (at, node) in model.graph.nodes.iter().enumerate() {
            makers.extend(node.outputs.iter().map(|output| (output.as_str(), at)));
            for input in &node.inputs {
                takers.entry(input).or_default().push(at);
            }
        }
        let weights = model.weights.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
        Self { model, makers, takers, weights }
    }

    fn node(&self, at: usize) -> &'m Node {
        &self.model.graph.nodes[at]
    }

    fn maker(&self, value: &str) -> Option<&'m Node> {
        self.makers.get(value).map(|at| self.node(*at))
    }

    /// The one node that takes the one output of another.
    fn taker(&self, at: usize) -> Option<usize> {
        let [output] = self.node(at).outputs.as_slice() else { return None };
        match self.takers.get(output.as_str())?.as_slice() {
            [taker] => Some(*taker),
            _ => None,
        }
    }

    fn follow(&self, at: usize) -> Option<Found> {
        let product = self.node(at);
        let quantised = self.maker(product.inputs.first()?)?;
        if quantised.operator != "DynamicQuantizeLinear" {
            return None;
        }
        let mut next = self.taker(at)?;
        let (mut between, mut bias) = (Vec::new(), None);
        if self.node(next).operator == "Add" {
            let other = self.node(next).inputs.iter().find(|input| !product.outputs.contains(input))?;
            bias = Some(self.bias(other)?);
            between.push(next);
            next = self.taker(next)?;
        }
        if self.node(next).operator != "Cast" {
            return None;
        }
        between.push(next);
        let scaling = self.taker(next)?;
        let input = quantised.inputs.first()?.clone();
        (self.node(scaling).operator == "Mul").then_some(Found { input, bias, between, scaling })
    }

    /// The floats that a bias was before it was divided by the scales, rounded, and brought into shape.
    fn bias(&self, quantised: &str) -> Option<String> {
        let mut value = quantised;
        loop {
            let maker = self.maker(value)?;
            value = maker.inputs.first()?;
            match maker.operator.as_str() {
                "Div" => return self.weights.contains_key(value).then(|| value.to_owned()),
                "Reshape" | "Cast" | "Floor" | "Round" => {}
                _ => return None,
            }
        }
    }

    fn tensor(&self, name: &str) -> Result<Option<Tensor>, DecodeError> {
        self.weights.get(name).map(|at| Tensor::decode(self.model.graph.weights[*at].clone())).transpose()
    }

    /// `(weight − zero point) × scale`; the last two of one number, or of one for each column.
    fn floats(&self, weight: &str, zero_point: Option<&String>) -> Result<Option<Tensor>, DecodeError> {
        let Some(base) = weight.strip_suffix(QUANTIZED) else { return Ok(None) };
        let (weight, scale) = (self.tensor(weight)?, self.tensor(&format!("{base}{SCALE}"))?);
        let zero = zero_point.map(|name| self.tensor(name)).transpose()?.flatten();
        let (Some(weight), Some(scale), Some(zero)) = (weight, scale, zero) else { return Ok(None) };
        let (Some(values), Some(zeros), Some(scales)) = (integers(&weight), integers(&zero), floats(&scale)) else {
            return Ok(None);
        };
        let columns = weight.dimensions.last().and_then(|width| usize::try_from(*width).ok()).unwrap_or(0);
        if ![zeros.len(), scales.len()].iter().all(|length| *length == 1 || *length == columns) {
            return Ok(None);
        }
        let values = values.iter().enumerate();
        let raw = values.flat_map(|(at, value)| {
            let column = if columns == 0 { 0 } else { at % columns };
            let of = |length: usize| if length == 1 { 0 } else { column };
            ((value - zeros[of(zeros.len())]) as f32 * scales[of(scales.len())]).to_le_bytes()
        });
        Ok(Some(Tensor {
            dimensions: weight.dimensions.clone(),
            element: FLOAT,
            name: format!("{base}/float"),
            raw: raw.collect::<Vec<u8>>().into(),
            ..Tensor::default()
        }))
    }
}

fn integers(tensor: &Tensor) -> Option<Vec<i32>> {
    match tensor.element {
        UINT8 | INT8 if tensor.raw.is_empty() => Some(tensor.integers.clone()).filter(|values| !values.is_empty()),
        UINT8 => Some(tensor.raw.iter().map(|byte| i32::from(*byte)).collect()),
        INT8 => Some(tensor.raw.iter().map(|byte| i32::from(byte.cast_signed())).collect()),
        _ => None,
    }
}

fn floats(tensor: &Tensor) -> Option<Vec<f32>> {
    if tensor.element != FLOAT {
        return None;
    }
    let raw = || tensor.raw.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect::<Vec<f32>>();
    Some(if tensor.raw.is_empty() { tensor.floats.clone() } else { raw() }).filter(|values| !values.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::tts::graph::tests::{model, names, node};

    fn tensor(name: &str, element: i32, dimensions: &[i64], raw: &[u8]) -> Tensor {
        let raw = Bytes::copy_from_slice(raw);
        Tensor { name: name.into(), element, dimensions: dimensions.to_vec(), raw, ..Tensor::default() }
    }

    fn quantised(last: &str) -> Surgery {
        let weights = [
            tensor("w_quantized", UINT8, &[1, 1, 3], &[130, 128, 120]),
            tensor("w_scale", FLOAT, &[], &0.5_f32.to_le_bytes()),
            tensor("w_zero_point", UINT8, &[], &[128]),
            tensor("b", FLOAT, &[1], &1.0_f32.to_le_bytes()),
        ];
        let mut quantise = node("quantise", "DynamicQuantizeLinear", &["ids"], "q");
        quantise.outputs.extend(["q_scale".into(), "q_zero_point".into()]);
        let nodes = vec![
            quantise,
            node("scales", "Mul", &["q_scale", "w_scale"], "s"),
            node("divide", "Div", &["b", "s"], "b1"),
            node("round", "Floor", &["b1"], "b2"),
            node("cast the bias", "Cast", &["b2"], "b3"),
            node("convolve", "ConvInteger", &["q", "w_quantized", "q_zero_point", "w_zero_point"], "c"),
            node("add", "Add", &["c", "b3"], "c1"),
            node("cast", "Cast", &["c1"], "c2"),
            node("scale", last, &["c2", "s"], "samples"),
        ];
        Surgery::open(model(nodes, &weights)).expect("a model")
    }

    #[test]
    fn a_quantised_convolution_becomes_one_of_floats() {
        let mut model = quantised("Mul");
        rewrite(&mut model).expect("its weights can be read");
        let whole = model.part(&["samples"], &[], vec![], vec![]);
        assert_eq!(names(&whole), (vec!["convolve/float".into()], vec!["b".into(), "w/float".into()]));
        let convolution = model.graph.nodes.iter().find(|node| node.operator == "Conv").expect("it is there");
        assert_eq!(convolution.inputs, ["ids", "w/float", "b"]);
        let weight = Tensor::decode(model.graph.weights.last().expect("a weight").clone()).expect("a tensor");
        assert_eq!(floats(&weight), Some(vec![1.0, 0.0, -4.0]));
    }

    #[test]
    fn what_looks_otherwise_stays() {
        let mut model = quantised("Sub");
        let before = model.graph.nodes.clone();
        rewrite(&mut model).expect("its weights can be read");
        assert_eq!(model.graph.nodes, before);
    }
}
