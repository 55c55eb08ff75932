//! Weights of a part, read from its safetensors file as `f32`, whatever they are kept as.

use std::path::Path;

use candle_core::safetensors::MmapedSafetensors;
use candle_core::{DType, Device, Result, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};

pub(super) struct Weights(MmapedSafetensors);

impl Weights {
    /// # Errors
    /// Where the file can't be read, or is no safetensors.
    pub(super) fn open(path: &Path) -> Result<Self> {
        // SAFETY: the map is read-only and lives for as long as the weights are copied out of it. A file that another
        // process shortens meanwhile ends this one, as it does for every reader of weights that maps them.
        Ok(Self(unsafe { MmapedSafetensors::new(path) }?))
    }

    /// What they take as `f32`.
    pub(super) fn size_bytes(&self) -> u64 {
        let counts = self.0.tensors().into_iter().map(|(_, tensor)| tensor.shape().iter().product::<usize>() as u64);
        counts.sum::<u64>() * size_of::<f32>() as u64
    }

    pub(super) fn of_model(self) -> VarBuilder<'static> {
        VarBuilder::from_backend(Box::new(self.0), DType::F32, Device::Cpu)
    }

    /// candle's autoencoder can't be made without the half that reads pictures. Nothing here does: that half gets noughts,
    /// one for each tensor, so that it takes no memory.
    pub(super) fn of_decoder(self) -> VarBuilder<'static> {
        VarBuilder::from_backend(Box::new(DecoderOnly(self.0)), DType::F32, Device::Cpu)
    }
}

struct DecoderOnly(MmapedSafetensors);

impl SimpleBackend for DecoderOnly {
    fn get(&self, shape: Shape, name: &str, hint: Init, dtype: DType, device: &Device) -> Result<Tensor> {
        if name.starts_with("encoder.") {
            return Tensor::zeros(1, dtype, device)?.broadcast_as(shape);
        }
        SimpleBackend::get(&self.0, shape, name, hint, dtype, device)
    }

    fn get_unchecked(&self, name: &str, dtype: DType, device: &Device) -> Result<Tensor> {
        self.0.get_unchecked(name, dtype, device)
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.0.contains_tensor(name)
    }
}
