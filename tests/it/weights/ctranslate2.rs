//! Writes CTranslate2's Whisper files: small made-up ones, and the inverse of a ggml file.

use std::collections::BTreeMap;

/// Element types, as the format numbers them.
pub(super) const F32: u8 = 0;
pub(super) const I8: u8 = 1;
pub(super) const I16: u8 = 2;
pub(super) const F16: u8 = 4;

#[derive(Debug, Clone)]
pub(super) struct Variable {
    pub(super) shape: Vec<u32>,
    pub(super) element: u8,
    pub(super) data: Vec<u8>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    pub(super) variables: BTreeMap<String, Variable>,
    pub(super) aliases: Vec<(String, String)>,
}

fn string(text: &str, to: &mut Vec<u8>) {
    to.extend((text.len() as u16 + 1).to_le_bytes());
    to.extend(text.as_bytes());
    to.push(0);
}

impl Model {
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut to = 6u32.to_le_bytes().to_vec();
        string("WhisperSpec", &mut to);
        to.extend(3u32.to_le_bytes());
        to.extend((self.variables.len() as u32).to_le_bytes());
        for (name, variable) in &self.variables {
            string(name, &mut to);
            to.push(variable.shape.len() as u8);
            variable.shape.iter().for_each(|axis| to.extend(axis.to_le_bytes()));
            to.push(variable.element);
            to.extend((variable.data.len() as u32).to_le_bytes());
            to.extend(&variable.data);
        }
        to.extend((self.aliases.len() as u32).to_le_bytes());
        for (alias, name) in &self.aliases {
            string(alias, &mut to);
            string(name, &mut to);
        }
        to
    }

    fn put(&mut self, name: &str, shape: &[u32], element: u8, data: Vec<u8>) {
        self.variables.insert(name.to_owned(), Variable { shape: shape.to_vec(), element, data });
    }

    fn zeros(&mut self, name: &str, shape: &[u32], element: u8) {
        let width = if element == F32 { 4 } else { 2 };
        self.put(name, shape, element, vec![0; shape.iter().product::<u32>() as usize * width]);
    }

    /// A Whisper of one layer each, two wide. Its weights are all zero.
    pub(super) fn small(element: u8) -> Self {
        let mut model = Self::default();
        model.put("encoder/num_heads", &[], I16, vec![1, 0]);
        model.put("decoder/num_heads", &[], I8, vec![1]);
        for (name, shape) in [
            ("decoder/embeddings/weight", &[51_864, 2][..]),
            ("decoder/position_encodings/encodings", &[3, 2]),
            ("encoder/position_encodings/encodings", &[5, 2]),
            ("encoder/conv1/weight", &[2, 80, 3]),
            ("encoder/conv1/bias", &[2]),
            ("encoder/conv2/weight", &[2, 2, 3]),
            ("encoder/conv2/bias", &[2]),
        ] {
            model.zeros(name, shape, element);
        }
        for stack in ["encoder", "decoder"] {
            let layer = format!("{stack}/layer_0");
            for (name, outputs, inputs) in [
                ("self_attention/linear_0", 6, 2),
                ("self_attention/linear_1", 2, 2),
                ("ffn/linear_0", 8, 2),
                ("ffn/linear_1", 2, 8),
            ] {
                model.zeros(&format!("{layer}/{name}/weight"), &[outputs, inputs], element);
                model.zeros(&format!("{layer}/{name}/bias"), &[outputs], element);
            }
            for norm in ["layer_0/self_attention/layer_norm", "layer_0/ffn/layer_norm", "layer_norm"] {
                model.zeros(&format!("{stack}/{norm}/gamma"), &[2], element);
                model.zeros(&format!("{stack}/{norm}/beta"), &[2], element);
            }
        }
        for (name, outputs) in [("linear_0", 2), ("linear_1", 4), ("linear_2", 2)] {
            model.zeros(&format!("decoder/layer_0/attention/{name}/weight"), &[outputs, 2], element);
            model.zeros(&format!("decoder/layer_0/attention/{name}/bias"), &[outputs], element);
        }
        model.zeros("decoder/layer_0/attention/layer_norm/gamma", &[2], element);
        model.zeros("decoder/layer_0/attention/layer_norm/beta", &[2], element);
        model.aliases.push(("decoder/projection/weight".into(), "decoder/embeddings/weight".into()));
        model
    }
}

/// A vocabulary of single letters; its words don't matter.
pub(super) fn vocabulary() -> String {
    "a\n".repeat(51_864)
}

/// The model and vocabulary that a ggml Whisper would have come from, all its weights as f16.
pub(super) fn from_ggml(ggml: &[u8]) -> (Model, String) {
    let mut reader = Ggml { bytes: ggml, offset: 4 };
    let header: Vec<i32> = (0..11).map(|_| reader.i32()).collect();
    let (rows, columns) = (reader.i32(), reader.i32());
    reader.take((rows * columns * 4) as usize);
    let mut vocabulary = String::new();
    for _ in 0..reader.i32() {
        let length = reader.i32() as usize;
        vocabulary.extend(reader.take(length).iter().map(|byte| character_of(*byte)));
        vocabulary.push('\n');
    }
    let mut tensors = BTreeMap::new();
    while reader.offset < ggml.len() {
        let (rank, name_length, stored) = (reader.i32(), reader.i32() as usize, reader.i32());
        let mut shape: Vec<u32> = (0..rank).map(|_| reader.i32() as u32).collect();
        shape.reverse();
        let name = String::from_utf8(reader.take(name_length).to_vec()).unwrap();
        let count: u32 = shape.iter().product();
        let data = match stored {
            0 => {
                let floats = reader.take(count as usize * 4).chunks_exact(4);
                let narrowed = floats.map(|bytes| half::f16::from_f32(f32::from_le_bytes(bytes.try_into().unwrap())));
                narrowed.flat_map(half::f16::to_le_bytes).collect()
            }
            _ => reader.take(count as usize * 2).to_vec(),
        };
        tensors.insert(name, Variable { shape, element: F16, data });
    }
    let heads =
        |stack: usize| Variable { shape: vec![], element: I16, data: (header[stack] as i16).to_le_bytes().to_vec() };
    let mut model = Model::default();
    model.variables.insert("encoder/num_heads".into(), heads(3));
    model.variables.insert("decoder/num_heads".into(), heads(7));
    fuse(&mut tensors);
    for (name, mut variable) in tensors {
        if variable.shape.len() == 2 && variable.shape[1] == 1 {
            variable.shape.pop();
        }
        model.variables.insert(ctranslate2_name(&name), variable);
    }
    (model, vocabulary)
}

struct Ggml<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Ggml<'a> {
    fn take(&mut self, length: usize) -> &'a [u8] {
        self.offset += length;
        &self.bytes[self.offset - length..self.offset]
    }

    fn i32(&mut self) -> i32 {
        i32::from_le_bytes(self.take(4).try_into().unwrap())
    }
}

/// GPT-2's `bytes_to_unicode`.
fn character_of(byte: u8) -> char {
    let printable = |byte: u8| matches!(byte, 0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF);
    if printable(byte) {
        return char::from(byte);
    }
    let before = (0..byte).filter(|byte| !printable(*byte)).count();
    char::from_u32(0x100 + before as u32).unwrap()
}

/// Query, key and value become one; so do the key and value of the decoder's other attention. Keys get a zero bias.
fn fuse(tensors: &mut BTreeMap<String, Variable>) {
    let queries: Vec<String> = tensors.keys().filter(|name| name.ends_with("attn.query.weight")).cloned().collect();
    for query in queries {
        let attention = query.trim_end_matches(".query.weight");
        let parts: &[&str] =
            if attention.ends_with("cross_attn") { &["key", "value"] } else { &["query", "key", "value"] };
        for kind in ["weight", "bias"] {
            let value = tensors[&format!("{attention}.value.{kind}")].clone();
            let mut fused = Variable { shape: value.shape.clone(), element: F16, data: Vec::new() };
            fused.shape[0] *= parts.len() as u32;
            for part in parts {
                let found = tensors.remove(&format!("{attention}.{part}.{kind}"));
                fused.data.extend(found.map_or_else(|| vec![0; value.data.len()], |found| found.data));
            }
            tensors.insert(format!("{attention}.fused.{kind}"), fused);
        }
    }
}

fn ctranslate2_name(name: &str) -> String {
    let (name, kind) = name.rsplit_once('.').unwrap();
    let stack = name.split('.').next().unwrap();
    if kind == "positional_embedding" {
        return format!("{name}/position_encodings/encodings");
    }
    let layer = |block: &str| block.replace(&format!("{stack}.blocks."), &format!("{stack}/layer_"));
    let (module, kind) = match name.rsplit_once('.') {
        Some((_, "token_embedding")) => ("decoder/embeddings".to_owned(), kind),
        Some((_, conv)) if conv.starts_with("conv") => (format!("encoder/{conv}"), kind),
        Some((_, "ln_post" | "ln")) => (format!("{stack}/layer_norm"), norm(kind)),
        Some((block, "attn_ln")) => (format!("{}/self_attention/layer_norm", layer(block)), norm(kind)),
        Some((block, "cross_attn_ln")) => (format!("{}/attention/layer_norm", layer(block)), norm(kind)),
        Some((block, "mlp_ln")) => (format!("{}/ffn/layer_norm", layer(block)), norm(kind)),
        Some((block, "0")) => (format!("{}/ffn/linear_0", layer(block.trim_end_matches(".mlp"))), kind),
        Some((block, "2")) => (format!("{}/ffn/linear_1", layer(block.trim_end_matches(".mlp"))), kind),
        Some((attention, part)) => {
            let (block, attention) = attention.rsplit_once('.').unwrap();
            let path = match (attention, part) {
                ("attn", "fused") => "self_attention/linear_0",
                ("attn", "out") => "self_attention/linear_1",
                ("cross_attn", "query") => "attention/linear_0",
                ("cross_attn", "fused") => "attention/linear_1",
                ("cross_attn", "out") => "attention/linear_2",
                _ => panic!("an unknown tensor {name}"),
            };
            (format!("{}/{path}", layer(block)), kind)
        }
        None => panic!("an unknown tensor {name}"),
    };
    format!("{module}/{kind}")
}

fn norm(kind: &str) -> &str {
    if kind == "weight" { "gamma" } else { "beta" }
}
