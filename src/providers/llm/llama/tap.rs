//! Reads hidden states while llama.cpp computes: of the chosen layers, the row of the last token. Nothing is computed
//! past the last chosen layer. What follows it in memory (the key-value cells of higher layers, logits) is then never
//! filled, so such a context serves for nothing else.

use std::ffi::{CStr, c_void};
use std::slice;

use llama_cpp_sys_2 as sys;

/// `"l_out"` is what llama.cpp's model builders call the residual stream behind a layer.
const OUTPUT: &str = "l_out";

/// Filled anew by each computation.
pub(super) struct Tap {
    /// In rising order; the tensors' names and what was read of them.
    layers: Vec<(String, Vec<f32>)>,
}

impl Tap {
    /// `layers` count from 0 and rise. Boxed: llama.cpp keeps the address.
    pub(super) fn new(layers: &[usize]) -> Box<Self> {
        debug_assert!(layers.is_sorted(), "nothing is computed past the last layer");
        Box::new(Self { layers: layers.iter().map(|layer| (format!("{OUTPUT}-{layer}"), Vec::new())).collect() })
    }

    /// Tells llama.cpp to call back; the parameters' context must not outlive `self`.
    pub(super) fn install(&mut self, parameters: &mut sys::llama_context_params) {
        parameters.cb_eval = Some(look);
        parameters.cb_eval_user_data = std::ptr::from_mut(self).cast::<c_void>();
    }

    /// What the last computation left, one state for each layer, in their order. Empty where a layer didn't come.
    pub(super) fn take(&mut self) -> Vec<Vec<f32>> {
        self.layers.iter_mut().map(|(_, state)| std::mem::take(state)).collect()
    }

    /// `true` where the tensor is wanted (`ask`), or where the computation is to go on behind it.
    fn look(&mut self, name: &str, ask: bool, row: impl FnOnce() -> Vec<f32>) -> bool {
        let Some(at) = self.layers.iter().position(|(layer, _)| layer == name) else { return !ask };
        if ask {
            return true;
        }
        self.layers[at].1 = row();
        at + 1 < self.layers.len()
    }
}

extern "C" fn look(tensor: *mut sys::ggml_tensor, ask: bool, tap: *mut c_void) -> bool {
    if tensor.is_null() || tap.is_null() {
        return !ask;
    }
    // SAFETY: the pointer is the one that `install` gave; the context that calls belongs to one thread, which holds no
    // other reference to the tap while it computes.
    let tap = unsafe { &mut *tap.cast::<Tap>() };
    // SAFETY: ggml passes a tensor that lives through the call; its name ends with NUL inside the array.
    let (tensor, name) = unsafe { (&*tensor, CStr::from_ptr((*tensor).name.as_ptr())) };
    tap.look(&name.to_string_lossy(), ask, || last_row(tensor))
}

/// Of a two-dimensional tensor `(tokens, width)` of f32 in the processor's memory; empty for any other.
fn last_row(tensor: &sys::ggml_tensor) -> Vec<f32> {
    let (width, rows) = (usize::try_from(tensor.ne[0]).unwrap_or(0), usize::try_from(tensor.ne[1]).unwrap_or(0));
    let plain = tensor.type_ == sys::GGML_TYPE_F32 && tensor.nb[1] == width * size_of::<f32>();
    if !plain || rows == 0 || tensor.data.is_null() {
        return Vec::new();
    }
    // SAFETY: a contiguous tensor of f32 has `rows` rows of `width` values at `data`; the processor's backend, which is
    // the only one built in, keeps them in this process's memory.
    unsafe { slice::from_raw_parts(tensor.data.cast::<f32>().add((rows - 1) * width), width) }.to_vec()
}
