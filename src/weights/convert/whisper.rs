//! Whisper from CTranslate2 to ggml, as whisper.cpp's `models/convert-pt-to-ggml.py` writes it.

use std::io::Write;

use half::f16;

use super::ctranslate2::{Checkpoint, Element, Variable};
use super::{ConversionError, mel, vocabulary};

/// "ggml", as whisper.cpp reads it.
const MAGIC: u32 = 0x6767_6d6c;

/// Tokens that stand for text. whisper.cpp names those above (languages, timestamps) by itself.
const TEXT_TOKENS: usize = 50_257;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stored {
    F32 = 0,
    F16 = 1,
}

/// Writes the ggml file of a Whisper whose `model.bin` and `vocabulary.txt` are given.
///
/// # Errors
/// As [`ConversionError`]; nothing that was written by then is of use.
pub fn ctranslate2_to_ggml(model: &[u8], vocabulary: &str, to: &mut impl Write) -> Result<(), ConversionError> {
    let checkpoint = Checkpoint::read(model)?;
    if checkpoint.specification != "WhisperSpec" {
        return Err(ConversionError::Unsupported {
            name: "the model".into(),
            got: checkpoint.specification.to_owned(),
            expected: "only WhisperSpec is converted".into(),
        });
    }
    let tokens = vocabulary::token_bytes(vocabulary, TEXT_TOKENS)?;
    let sizes = Sizes::read(&checkpoint)?;
    sizes.write(to)?;
    write_filters(sizes.bands, to)?;
    put(to, TEXT_TOKENS)?;
    for token in &tokens {
        put(to, token.len())?;
        to.write_all(token)?;
    }
    write_tensors(&checkpoint, &sizes, to)
}

/// The hyperparameters, in the header's words.
#[derive(Debug)]
struct Sizes {
    vocabulary: usize,
    audio_context: usize,
    audio_state: usize,
    audio_heads: usize,
    audio_layers: usize,
    text_context: usize,
    text_state: usize,
    text_heads: usize,
    text_layers: usize,
    bands: usize,
}

impl Sizes {
    fn read(checkpoint: &Checkpoint<'_>) -> Result<Self, ConversionError> {
        let [vocabulary, text_state] = shape(checkpoint, "decoder/embeddings/weight")?;
        let [audio_context, audio_state] = shape(checkpoint, "encoder/position_encodings/encodings")?;
        let [text_context, _] = shape(checkpoint, "decoder/position_encodings/encodings")?;
        let [_, bands, _] = shape(checkpoint, "encoder/conv1/weight")?;
        Ok(Self {
            vocabulary,
            audio_context,
            audio_state,
            audio_heads: heads(checkpoint, "encoder/num_heads")?,
            audio_layers: layers(checkpoint, "encoder")?,
            text_context,
            text_state,
            text_heads: heads(checkpoint, "decoder/num_heads")?,
            text_layers: layers(checkpoint, "decoder")?,
            bands,
        })
    }

    fn write(&self, to: &mut impl Write) -> Result<(), ConversionError> {
        to.write_all(&MAGIC.to_le_bytes())?;
        for size in [
            self.vocabulary,
            self.audio_context,
            self.audio_state,
            self.audio_heads,
            self.audio_layers,
            self.text_context,
            self.text_state,
            self.text_heads,
            self.text_layers,
            self.bands,
            Stored::F16 as usize,
        ] {
            put(to, size)?;
        }
        Ok(())
    }
}

fn shape<const RANK: usize>(checkpoint: &Checkpoint<'_>, name: &str) -> Result<[usize; RANK], ConversionError> {
    let variable = checkpoint.require(name)?;
    variable.shape.as_slice().try_into().map_err(|_| ConversionError::Unsupported {
        name: name.to_owned(),
        got: format!("of shape {:?}", variable.shape),
        expected: format!("{RANK} axes are needed"),
    })
}

fn heads(checkpoint: &Checkpoint<'_>, name: &str) -> Result<usize, ConversionError> {
    let variable = checkpoint.require(name)?;
    variable.integer().and_then(|heads| usize::try_from(heads).ok()).ok_or_else(|| ConversionError::Unsupported {
        name: name.to_owned(),
        got: format!("{:?} of shape {:?}", variable.element, variable.shape),
        expected: "one whole number is needed".into(),
    })
}

fn layers(checkpoint: &Checkpoint<'_>, stack: &str) -> Result<usize, ConversionError> {
    let name = |layer: usize| format!("{stack}/layer_{layer}/ffn/linear_0/weight");
    checkpoint.require(&name(0))?;
    Ok((1..).find(|layer| checkpoint.get(&name(*layer)).is_none()).expect("a file holds finitely many variables"))
}

fn write_filters(bands: usize, to: &mut impl Write) -> Result<(), ConversionError> {
    // whisper.cpp knows 80 and, for large-v3, 128; a damaged file may say anything.
    if ![80, 128].contains(&bands) {
        return Err(ConversionError::Unsupported {
            name: "encoder/conv1/weight".into(),
            got: format!("for {bands} mel bands"),
            expected: "80 or 128 are possible".into(),
        });
    }
    put(to, bands)?;
    put(to, mel::BINS)?;
    for weight in mel::filter_bank(bands) {
        to.write_all(&weight.to_le_bytes())?;
    }
    Ok(())
}

fn put(to: &mut impl Write, size: usize) -> Result<(), ConversionError> {
    let size = i32::try_from(size).map_err(|_| ConversionError::Unsupported {
        name: "a size".into(),
        got: size.to_string(),
        expected: "ggml's sizes have 31 bits".into(),
    })?;
    Ok(to.write_all(&size.to_le_bytes())?)
}

/// One tensor of the ggml file: its name there, its variable, and which run of that variable's rows it is.
struct Tensor {
    name: String,
    variable: String,
    part: (usize, usize),
    shape: Vec<usize>,
    stored: Stored,
}

/// The tensors, in the order of OpenAI's checkpoints: whisper.cpp takes any, but in this one the converted file is byte
/// for byte the one that its project publishes.
struct Plan(Vec<Tensor>);

impl Plan {
    fn tensor(&mut self, name: String, variable: String, part: (usize, usize), shape: &[usize], stored: Stored) {
        self.0.push(Tensor { name, variable, part, shape: shape.to_vec(), stored });
    }

    fn linear(&mut self, name: &str, variable: &str, part: (usize, usize), [outputs, inputs]: [usize; 2], bias: bool) {
        let weight = (format!("{name}.weight"), format!("{variable}/weight"));
        self.tensor(weight.0, weight.1, part, &[outputs, inputs], Stored::F16);
        if bias {
            self.tensor(format!("{name}.bias"), format!("{variable}/bias"), part, &[outputs], Stored::F32);
        }
    }

    fn norm(&mut self, name: &str, variable: &str, state: usize) {
        self.tensor(format!("{name}.weight"), format!("{variable}/gamma"), (0, 1), &[state], Stored::F32);
        self.tensor(format!("{name}.bias"), format!("{variable}/beta"), (0, 1), &[state], Stored::F32);
    }

    /// The keys' bias is zero: OpenAI's Whisper has none there, and neither has ggml.
    fn self_attention(&mut self, block: &str, layer: &str, state: usize) {
        self.norm(&format!("{block}.attn_ln"), &format!("{layer}/self_attention/layer_norm"), state);
        let square = [state, state];
        let fused = format!("{layer}/self_attention/linear_0");
        self.linear(&format!("{block}.attn.query"), &fused, (0, 3), square, true);
        self.linear(&format!("{block}.attn.key"), &fused, (1, 3), square, false);
        self.linear(&format!("{block}.attn.value"), &fused, (2, 3), square, true);
        self.linear(&format!("{block}.attn.out"), &format!("{layer}/self_attention/linear_1"), (0, 1), square, true);
    }

    fn cross_attention(&mut self, block: &str, layer: &str, text: usize, audio: usize) {
        self.norm(&format!("{block}.cross_attn_ln"), &format!("{layer}/attention/layer_norm"), text);
        let fused = format!("{layer}/attention/linear_1");
        let out = format!("{layer}/attention/linear_2");
        self.linear(
            &format!("{block}.cross_attn.query"),
            &format!("{layer}/attention/linear_0"),
            (0, 1),
            [text, text],
            true,
        );
        self.linear(&format!("{block}.cross_attn.key"), &fused, (0, 2), [text, audio], false);
        self.linear(&format!("{block}.cross_attn.value"), &fused, (1, 2), [text, audio], true);
        self.linear(&format!("{block}.cross_attn.out"), &out, (0, 1), [text, text], true);
    }

    fn feed_forward(&mut self, block: &str, layer: &str, state: usize) {
        self.norm(&format!("{block}.mlp_ln"), &format!("{layer}/ffn/layer_norm"), state);
        // Whisper's inner width, in every size of it.
        let inner = 4 * state;
        self.linear(&format!("{block}.mlp.0"), &format!("{layer}/ffn/linear_0"), (0, 1), [inner, state], true);
        self.linear(&format!("{block}.mlp.2"), &format!("{layer}/ffn/linear_1"), (0, 1), [state, inner], true);
    }

    fn convolution(&mut self, index: usize, inputs: usize, state: usize) {
        let (name, variable) = (format!("encoder.conv{index}"), format!("encoder/conv{index}"));
        self.tensor(format!("{name}.weight"), format!("{variable}/weight"), (0, 1), &[state, inputs, 3], Stored::F16);
        // whisper.cpp adds it to every frame, so it is a column.
        self.tensor(format!("{name}.bias"), format!("{variable}/bias"), (0, 1), &[state, 1], Stored::F32);
    }

    fn of(sizes: &Sizes) -> Self {
        let (audio, text) = (sizes.audio_state, sizes.text_state);
        let mut plan = Self(Vec::new());
        plan.positions("decoder", sizes.text_context, text);
        plan.positions("encoder", sizes.audio_context, audio);
        plan.tensor(
            "decoder.token_embedding.weight".into(),
            "decoder/embeddings/weight".into(),
            (0, 1),
            &[sizes.vocabulary, text],
            Stored::F16,
        );
        for layer in 0..sizes.text_layers {
            let (block, layer) = (format!("decoder.blocks.{layer}"), format!("decoder/layer_{layer}"));
            plan.feed_forward(&block, &layer, text);
            plan.self_attention(&block, &layer, text);
            plan.cross_attention(&block, &layer, text, audio);
        }
        plan.norm("decoder.ln", "decoder/layer_norm", text);
        plan.convolution(1, sizes.bands, audio);
        plan.convolution(2, audio, audio);
        for layer in 0..sizes.audio_layers {
            let (block, layer) = (format!("encoder.blocks.{layer}"), format!("encoder/layer_{layer}"));
            plan.feed_forward(&block, &layer, audio);
            plan.self_attention(&block, &layer, audio);
        }
        plan.norm("encoder.ln_post", "encoder/layer_norm", audio);
        plan
    }

    fn positions(&mut self, stack: &str, context: usize, state: usize) {
        self.tensor(
            format!("{stack}.positional_embedding"),
            format!("{stack}/position_encodings/encodings"),
            (0, 1),
            &[context, state],
            Stored::F32,
        );
    }
}

fn write_tensors(checkpoint: &Checkpoint<'_>, sizes: &Sizes, to: &mut impl Write) -> Result<(), ConversionError> {
    for tensor in Plan::of(sizes).0 {
        let variable = tensor.find(checkpoint)?;
        put(to, tensor.shape.len())?;
        put(to, tensor.name.len())?;
        put(to, tensor.stored as usize)?;
        for axis in tensor.shape.iter().rev() {
            put(to, *axis)?;
        }
        to.write_all(tensor.name.as_bytes())?;
        tensor.write_data(&variable, to)?;
    }
    Ok(())
}

impl Tensor {
    fn find<'a>(&self, checkpoint: &Checkpoint<'a>) -> Result<Variable<'a>, ConversionError> {
        let whole = checkpoint.require(&self.variable)?;
        let part = whole.part(self.part.0, self.part.1);
        // A column is stored without its axis of one.
        let wanted = self.shape.strip_suffix(&[1]).unwrap_or(&self.shape);
        part.filter(|part| part.shape == wanted).ok_or_else(|| ConversionError::Unsupported {
            name: self.variable.clone(),
            got: format!("of shape {:?}", whole.shape),
            expected: format!("`{}` needs {wanted:?}", self.name),
        })
    }

    fn write_data(&self, variable: &Variable<'_>, to: &mut impl Write) -> Result<(), ConversionError> {
        if variable.element == Element::F16 && self.stored == Stored::F16 {
            return Ok(to.write_all(variable.data)?);
        }
        let floats = variable.floats().ok_or_else(|| ConversionError::Unsupported {
            name: self.variable.clone(),
            got: format!("{:?}", variable.element),
            expected: "only f16 and f32 weights are converted".into(),
        })?;
        for value in floats {
            match self.stored {
                Stored::F32 => to.write_all(&value.to_le_bytes())?,
                Stored::F16 => to.write_all(&f16::from_f32(value).to_le_bytes())?,
            }
        }
        Ok(())
    }
}
