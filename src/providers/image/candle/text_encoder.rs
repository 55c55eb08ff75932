//! CLIP's text encoder, as transformers' `CLIPTextModel` computes it: pre-norm blocks under a causal mask, and a last norm.
//!
//! candle's own can be made from a few fixed sizes only, and takes the approximation of GELU where models ask for the exact.

use candle_core::{D, Device, Result, Tensor};
use candle_nn::{Embedding, LayerNorm, Linear, Module, VarBuilder, embedding, layer_norm, linear, ops};

use super::layout::{Activation, TextConfig};

pub(super) struct TextEncoder {
    tokens: Embedding,
    positions: Embedding,
    blocks: Vec<Block>,
    norm: LayerNorm,
}

impl TextEncoder {
    pub(super) fn load(weights: &VarBuilder<'_>, config: &TextConfig) -> Result<Self> {
        // transformers 5 writes no prefix.
        let prefixed = weights.contains_tensor("text_model.final_layer_norm.weight");
        let weights = if prefixed { weights.pp("text_model") } else { weights.clone() };
        let parts = weights.pp("embeddings");
        let width = config.hidden_size;
        let layers = weights.pp("encoder").pp("layers");
        Ok(Self {
            tokens: embedding(config.vocab_size, width, parts.pp("token_embedding"))?,
            positions: embedding(config.max_position_embeddings, width, parts.pp("position_embedding"))?,
            blocks: (0..config.num_hidden_layers).map(|i| Block::load(&layers.pp(i), config)).collect::<Result<_>>()?,
            norm: layer_norm(width, config.layer_norm_eps, weights.pp("final_layer_norm"))?,
        })
    }

    /// Token ids in, `(1, ids, width)` out.
    pub(super) fn encode(&self, ids: &[u32]) -> Result<Tensor> {
        let count = ids.len();
        let positions = Tensor::arange(0, u32::try_from(count).unwrap_or(u32::MAX), &Device::Cpu)?;
        let tokens = self.tokens.forward(&Tensor::new(ids, &Device::Cpu)?)?;
        let mut states = (tokens + self.positions.forward(&positions)?)?.unsqueeze(0)?;
        let mask: Vec<f32> = (0..count)
            .flat_map(|row| (0..count).map(move |column| if column > row { f32::NEG_INFINITY } else { 0.0 }))
            .collect();
        let mask = Tensor::from_vec(mask, (count, count), &Device::Cpu)?;
        for block in &self.blocks {
            states = block.forward(&states, &mask)?;
        }
        self.norm.forward(&states)
    }
}

struct Block {
    first_norm: LayerNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
    heads: usize,
    second_norm: LayerNorm,
    widen: Linear,
    narrow: Linear,
    activation: Activation,
}

impl Block {
    fn load(weights: &VarBuilder<'_>, config: &TextConfig) -> Result<Self> {
        let (width, inner) = (config.hidden_size, config.intermediate_size);
        let (attention, layers) = (weights.pp("self_attn"), weights.pp("mlp"));
        Ok(Self {
            first_norm: layer_norm(width, config.layer_norm_eps, weights.pp("layer_norm1"))?,
            query: linear(width, width, attention.pp("q_proj"))?,
            key: linear(width, width, attention.pp("k_proj"))?,
            value: linear(width, width, attention.pp("v_proj"))?,
            out: linear(width, width, attention.pp("out_proj"))?,
            heads: config.num_attention_heads,
            second_norm: layer_norm(width, config.layer_norm_eps, weights.pp("layer_norm2"))?,
            widen: linear(width, inner, layers.pp("fc1"))?,
            narrow: linear(inner, width, layers.pp("fc2"))?,
            activation: config.hidden_act,
        })
    }

    fn forward(&self, states: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let states = (states + self.attend(&self.first_norm.forward(states)?, mask)?)?;
        let wide = self.widen.forward(&self.second_norm.forward(&states)?)?;
        let wide = match self.activation {
            Activation::QuickGelu => (&wide * ops::sigmoid(&(&wide * 1.702)?)?)?,
            Activation::Gelu => wide.gelu_erf()?,
        };
        states + self.narrow.forward(&wide)?
    }

    fn attend(&self, states: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let (batch, count, width) = states.dims3()?;
        let per_head = width / self.heads;
        let split = |by: &Linear| {
            by.forward(states)?.reshape((batch, count, self.heads, per_head))?.transpose(1, 2)?.contiguous()
        };
        let scores = (split(&self.query)? * (per_head as f64).powf(-0.5))?.matmul(&split(&self.key)?.t()?)?;
        let weights = ops::softmax(&scores.broadcast_add(mask)?, D::Minus1)?;
        let states = weights.matmul(&split(&self.value)?)?.transpose(1, 2)?.reshape((batch, count, width))?;
        self.out.forward(&states)
    }
}
