//! llama.cpp's mtmd: a projector makes of a picture what stands in a prompt in its place. The `unsafe` of it is here.

use std::ffi::CString;
use std::path::Path;
use std::ptr::NonNull;
use std::slice;
use std::sync::Arc;

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_sys_2 as sys;

use super::raw;
use crate::images::Rgb;
use crate::providers::cores;

#[derive(Debug, thiserror::Error)]
pub(super) enum ProjectorError {
    #[error("llama.cpp can't load the projector, or it is not one for this model")]
    NotLoaded,
    #[error("the projector is not one for pictures")]
    NoVision,
    /// Its positions are not those of a text: rows and columns count too.
    #[error("the projector places pictures in two dimensions (M-RoPE), which is not supported; idefics3 is, for one")]
    TwoDimensional,
    #[error("the path of the projector has a NUL")]
    Path,
    #[error("the model's vocabulary has no tokens for pictures")]
    NoMarks,
    #[error("the picture can't be prepared")]
    Unfit,
    #[error("the picture can't be computed")]
    Failed,
}

/// What stands in a prompt in a picture's place.
pub(super) enum Chunk {
    Tokens(Vec<LlamaToken>),
    Embeddings(Embeddings),
}

/// `rows` positions of a prompt, each of the width that the language model takes.
pub(super) struct Embeddings {
    pub(super) rows: usize,
    pub(super) width: usize,
    pub(super) values: Vec<f32>,
}

/// Stays on one thread at a time.
pub(super) struct Projector {
    context: NonNull<sys::mtmd_context>,
    /// Outlives the context.
    model: Arc<LlamaModel>,
    threads: usize,
}

// SAFETY: the context is only reached through `&mut self`, and nothing of it is bound to a thread.
unsafe impl Send for Projector {}

impl Projector {
    /// # Errors
    /// Where the file is no projector for this model's pictures, or one whose positions have two dimensions.
    pub(super) fn load(model: Arc<LlamaModel>, path: &Path, threads: usize) -> Result<Self, ProjectorError> {
        let path = path.to_str().and_then(|path| CString::new(path).ok()).ok_or(ProjectorError::Path)?;
        // SAFETY: the callback is safe to call from any thread, and needs no data.
        unsafe { sys::mtmd_log_set(Some(raw::log_line), std::ptr::null_mut()) };
        // SAFETY: returns a plain struct of defaults.
        let mut parameters = unsafe { sys::mtmd_context_params_default() };
        parameters.use_gpu = false;
        parameters.print_timings = false;
        parameters.n_threads = raw::index(threads);
        // The first picture is as good a one to warm up with as any.
        parameters.warmup = false;
        // SAFETY: the path ends with NUL; the model is alive for as long as the context, which this holds.
        let context =
            unsafe { sys::mtmd_init_from_file(path.as_ptr(), raw::model_pointer(&model).as_ptr(), parameters) };
        let context = NonNull::new(context).ok_or(ProjectorError::NotLoaded)?;
        let projector = Self { context, model, threads };
        // SAFETY: the context is alive.
        let (vision, two_dimensional) =
            unsafe { (sys::mtmd_support_vision(context.as_ptr()), sys::mtmd_decode_use_mrope(context.as_ptr())) };
        match (vision, two_dimensional) {
            (false, _) => Err(ProjectorError::NoVision),
            (true, true) => Err(ProjectorError::TwoDimensional),
            (true, false) => Ok(projector),
        }
    }

    /// Computes a picture: of a large one, tiles with tokens between them.
    ///
    /// # Errors
    /// Where the picture can't be prepared or computed, or the model knows no tokens for pictures.
    pub(super) fn read(&mut self, picture: &Rgb) -> Result<Vec<Chunk>, ProjectorError> {
        assert_eq!(picture.bytes.len(), picture.width as usize * picture.height as usize * 3, "three bytes a pixel");
        // SAFETY: the bytes are copied; there are as many as the sides say.
        let bitmap = unsafe { sys::mtmd_bitmap_init(picture.width, picture.height, picture.bytes.as_ptr()) };
        let bitmap = Owned::new(bitmap, sys::mtmd_bitmap_free)?;
        // SAFETY: makes an empty list.
        let chunks = Owned::new(unsafe { sys::mtmd_input_chunks_init() }, sys::mtmd_input_chunks_free)?;
        // SAFETY: returns a string that lives as long as the process.
        let text = unsafe { sys::mtmd_default_marker() };
        let text = sys::mtmd_input_text { text, add_special: false, parse_special: true };
        let mut bitmaps = [bitmap.pointer.as_ptr().cast_const()];
        // SAFETY: all of them are alive through the call; one marker stands in the text, and one bitmap is given.
        let code = unsafe {
            sys::mtmd_tokenize(
                self.context.as_ptr(),
                chunks.pointer.as_ptr(),
                &raw const text,
                bitmaps.as_mut_ptr(),
                bitmaps.len(),
            )
        };
        if code != 0 {
            return Err(ProjectorError::Unfit);
        }
        // SAFETY: the list is alive.
        let count = unsafe { sys::mtmd_input_chunks_size(chunks.pointer.as_ptr()) };
        (0..count)
            .map(|at| {
                // SAFETY: the index is below the list's size; the chunk lives as long as the list.
                let chunk = unsafe { sys::mtmd_input_chunks_get(chunks.pointer.as_ptr(), at) };
                self.chunk(chunk)
            })
            .collect()
    }

    fn chunk(&mut self, chunk: *const sys::mtmd_input_chunk) -> Result<Chunk, ProjectorError> {
        // SAFETY: the chunk is alive.
        let kind = unsafe { sys::mtmd_input_chunk_get_type(chunk) };
        if kind == sys::MTMD_INPUT_CHUNK_TYPE_TEXT {
            let mut count = 0;
            // SAFETY: as above; `count` is told how many tokens there are.
            let tokens = unsafe { sys::mtmd_input_chunk_get_tokens_text(chunk, &raw mut count) };
            if tokens.is_null() || count == 0 {
                return Ok(Chunk::Tokens(Vec::new()));
            }
            // SAFETY: `count` tokens stand there, as long as the chunk lives.
            let tokens = unsafe { slice::from_raw_parts(tokens, count) };
            // A mark that the vocabulary lacks is a negative one.
            if tokens.iter().any(|token| !(0..self.model.n_vocab()).contains(token)) {
                return Err(ProjectorError::NoMarks);
            }
            return Ok(Chunk::Tokens(tokens.iter().map(|token| LlamaToken(*token)).collect()));
        }
        let context = self.context.as_ptr();
        // The threads were told when it was loaded.
        // SAFETY: both are alive; the computation touches nothing else.
        let code = cores::compute(self.threads, |_| unsafe { sys::mtmd_encode_chunk(context, chunk) });
        if code != 0 {
            return Err(ProjectorError::Failed);
        }
        // SAFETY: the chunk is alive.
        let rows = unsafe { sys::mtmd_input_chunk_get_n_tokens(chunk) };
        let width = raw::embedding_width(&self.model);
        // SAFETY: the last encoding left `rows` rows of the language model's width there.
        let values = unsafe { sys::mtmd_get_output_embd(context) };
        if values.is_null() {
            return Err(ProjectorError::Failed);
        }
        // SAFETY: as above; copied before the next encoding.
        let values = unsafe { slice::from_raw_parts(values, rows * width) }.to_vec();
        Ok(Chunk::Embeddings(Embeddings { rows, width, values }))
    }
}

impl Drop for Projector {
    fn drop(&mut self) {
        // SAFETY: made by `mtmd_init_from_file`, freed once, before the model.
        unsafe { sys::mtmd_free(self.context.as_ptr()) }
    }
}

/// Freed when it is dropped.
struct Owned<T> {
    pointer: NonNull<T>,
    free: unsafe extern "C" fn(*mut T),
}

impl<T> Owned<T> {
    fn new(pointer: *mut T, free: unsafe extern "C" fn(*mut T)) -> Result<Self, ProjectorError> {
        Ok(Self { pointer: NonNull::new(pointer).ok_or(ProjectorError::Failed)?, free })
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: made by the function that `free` belongs to, freed once.
        unsafe { (self.free)(self.pointer.as_ptr()) }
    }
}
