//! What llama-cpp-2's safe interface leaves out: a KV cache shared by all sequences (`kv_unified`), plain text that
//! stays text (`parse_special = false`), and log lines at a level of our choosing. All `unsafe` of this adapter is here.

use std::ffi::{CStr, c_char, c_void};
use std::ptr::NonNull;
use std::slice;
use std::sync::Arc;

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_sys_2 as sys;

use super::tap::Tap;
use crate::providers::cores;

// `model_pointer` reads a `LlamaModel` as the pointer that it wraps.
const _: () = assert!(size_of::<LlamaModel>() == size_of::<NonNull<sys::llama_model>>());

#[derive(Debug, Clone, Copy)]
pub(super) struct ContextSettings {
    /// Of all sequences together.
    pub(super) cells: u32,
    pub(super) sequences: u32,
    /// The most that one `decode` takes.
    pub(super) batch_tokens: u32,
    pub(super) threads: i32,
    /// How keys and values are kept.
    pub(super) cache: CachePrecision,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CachePrecision {
    Half,
    /// Without flash attention, which is at half precision whatever the cache is. For comparing with a reference.
    #[cfg(test)]
    Single,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum RawError {
    #[error("llama.cpp can't make a context of {cells} tokens")]
    NoContext { cells: u32 },
    #[error("the KV cache is full")]
    NoSpace,
    #[error("llama.cpp can't decode (code {0})")]
    Decode(i32),
    #[error("a prompt names a picture that it doesn't bring")]
    NoPicture,
    #[error("a text of {0} bytes is too long to tokenise")]
    TooLong(usize),
}

/// The tokens of one step, of any number of sequences.
#[derive(Default)]
pub(super) struct Batch {
    tokens: Vec<sys::llama_token>,
    positions: Vec<sys::llama_pos>,
    sequences: Vec<sys::llama_seq_id>,
    wanted: Vec<i8>,
}

impl Batch {
    pub(super) fn clear(&mut self) {
        self.tokens.clear();
        self.positions.clear();
        self.sequences.clear();
        self.wanted.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Adds a token at `position` of `sequence`; returns its row. Its logits are computed where they are `wanted`.
    pub(super) fn push(&mut self, token: LlamaToken, position: usize, sequence: usize, wanted: bool) -> usize {
        self.tokens.push(token.0);
        self.positions.push(index(position));
        self.sequences.push(index(sequence));
        self.wanted.push(i8::from(wanted));
        self.tokens.len() - 1
    }
}

/// A model's working memory; it stays on the thread that made it.
pub(super) struct Context {
    context: NonNull<sys::llama_context>,
    /// Outlives the context.
    model: Arc<LlamaModel>,
    settings: ContextSettings,
    /// The rows of the last batch that have logits.
    rows: Vec<bool>,
    /// Freed after the context, which calls it.
    tap: Option<Box<Tap>>,
}

impl Context {
    /// # Errors
    /// `NoContext`, mostly for want of memory.
    pub(super) fn new(model: Arc<LlamaModel>, settings: ContextSettings) -> Result<Self, RawError> {
        Self::make(model, settings, None)
    }

    /// One that only reads hidden states.
    ///
    /// # Errors
    /// As [`Context::new`].
    pub(super) fn with_tap(model: Arc<LlamaModel>, settings: ContextSettings, tap: Box<Tap>) -> Result<Self, RawError> {
        Self::make(model, settings, Some(tap))
    }

    fn make(model: Arc<LlamaModel>, settings: ContextSettings, mut tap: Option<Box<Tap>>) -> Result<Self, RawError> {
        // SAFETY: returns a plain struct of defaults.
        let mut parameters = unsafe { sys::llama_context_default_params() };
        parameters.n_ctx = settings.cells;
        parameters.n_batch = settings.batch_tokens;
        parameters.n_ubatch = settings.batch_tokens;
        parameters.n_seq_max = settings.sequences;
        parameters.n_threads = settings.threads;
        parameters.n_threads_batch = settings.threads;
        // One pool of cells: a shared beginning is stored once, and any set of sequences decodes in one batch. Flash
        // attention skips the cells of other sequences, so that those that rest cost next to nothing.
        parameters.kv_unified = true;
        let (cache, flash) = match settings.cache {
            CachePrecision::Half => (sys::GGML_TYPE_F16, sys::LLAMA_FLASH_ATTN_TYPE_ENABLED),
            #[cfg(test)]
            CachePrecision::Single => (sys::GGML_TYPE_F32, sys::LLAMA_FLASH_ATTN_TYPE_DISABLED),
        };
        parameters.flash_attn_type = flash;
        parameters.type_k = cache;
        parameters.type_v = cache;
        parameters.no_perf = true;
        if let Some(tap) = &mut tap {
            tap.install(&mut parameters);
        }
        // SAFETY: the model is alive for as long as the context, which holds it.
        let context = unsafe { sys::llama_init_from_model(model_pointer(&model).as_ptr(), parameters) };
        let context = NonNull::new(context).ok_or(RawError::NoContext { cells: settings.cells })?;
        Ok(Self { context, model, settings, rows: Vec::new(), tap })
    }

    /// Computes the batch; its wanted logits can be read until the next one.
    ///
    /// # Errors
    /// `NoSpace` where no cells are left, and nothing was changed; `Decode` where the computation failed, and the
    /// batch's sequences are in an unknown state.
    ///
    /// # Panics
    /// Where the batch is larger than the settings allow or names a sequence that there isn't.
    pub(super) fn decode(&mut self, batch: &mut Batch) -> Result<(), RawError> {
        assert!(batch.len() <= self.settings.batch_tokens as usize, "a batch is cut to the size of the context's");
        let sequences = index(self.settings.sequences as usize);
        assert!(batch.sequences.iter().all(|id| (0..sequences).contains(id)), "sequence ids come from the slots");
        self.compute(batch, None)
    }

    /// Computes rows of embeddings at the positions `start` and after of `sequence`, in the place of tokens.
    ///
    /// # Errors
    /// As [`Context::decode`].
    ///
    /// # Panics
    /// Where there are more rows than the settings allow, or they are not as wide as the model.
    pub(super) fn decode_embeddings(&mut self, rows: &[f32], start: usize, sequence: usize) -> Result<(), RawError> {
        let width = embedding_width(&self.model);
        assert!(width > 0 && rows.len().is_multiple_of(width), "rows are as wide as the model");
        let count = rows.len() / width;
        assert!(count <= self.settings.batch_tokens as usize, "rows are cut to the size of the context's");
        assert!(sequence < self.settings.sequences as usize, "sequence ids come from the slots");
        let mut batch = Batch::default();
        for row in 0..count {
            batch.push(LlamaToken(0), start + row, sequence, false);
        }
        self.compute(&mut batch, Some(rows))
    }

    /// With `embeddings` in the place of the batch's tokens, a row for each.
    fn compute(&mut self, batch: &mut Batch, embeddings: Option<&[f32]>) -> Result<(), RawError> {
        self.rows.clear();
        let mut counts = vec![1_i32; batch.len()];
        let mut ids: Vec<*mut sys::llama_seq_id> = batch.sequences.iter_mut().map(std::ptr::from_mut).collect();
        // llama.cpp only reads them; the pointer's type is older than that.
        let embd = embeddings.map_or(std::ptr::null_mut(), |rows| rows.as_ptr().cast_mut());
        let raw = sys::llama_batch {
            n_tokens: index(batch.len()),
            token: if embeddings.is_some() { std::ptr::null_mut() } else { batch.tokens.as_mut_ptr() },
            embd,
            pos: batch.positions.as_mut_ptr(),
            n_seq_id: counts.as_mut_ptr(),
            seq_id: ids.as_mut_ptr(),
            logits: batch.wanted.as_mut_ptr(),
        };
        let context = self.context.as_ptr();
        let code = cores::compute(usize::try_from(self.settings.threads).unwrap_or(1), |threads| {
            let threads = index(threads);
            // SAFETY: the context is this one's alone. Every array of the batch has `n_tokens` entries (`Batch::push`
            // grows all of them), each `seq_id` points at one id (`n_seq_id` is 1), embeddings have a row of the
            // model's width for each, and all outlive the call, which keeps none of them.
            unsafe {
                sys::llama_set_n_threads(context, threads, threads);
                sys::llama_decode(context, raw)
            }
        });
        match code {
            0 => {
                self.rows.extend(batch.wanted.iter().map(|wanted| *wanted != 0));
                Ok(())
            }
            1 => Err(RawError::NoSpace),
            code => Err(RawError::Decode(code)),
        }
    }

    /// What the last computation left in the tap; nothing where there is none.
    pub(super) fn tapped(&mut self) -> Vec<Vec<f32>> {
        self.tap.as_mut().map(|tap| tap.take()).unwrap_or_default()
    }

    /// `(vocabulary,)`, of a row whose logits were wanted.
    ///
    /// # Panics
    /// Where the last batch did not want them.
    pub(super) fn logits(&mut self, row: usize) -> &mut [f32] {
        assert!(self.rows.get(row) == Some(&true), "logits are read of rows that asked for them");
        let length = usize::try_from(self.model.n_vocab()).expect("a vocabulary's size is positive");
        // SAFETY: the row was computed by the last decode.
        let logits = unsafe { sys::llama_get_logits_ith(self.context.as_ptr(), index(row)) };
        assert!(!logits.is_null(), "llama.cpp has the logits that it was asked for");
        // SAFETY: a row has one value for each token of the vocabulary; it stays in place until the next decode, which
        // takes `&mut self`.
        unsafe { slice::from_raw_parts_mut(logits, length) }
    }

    /// Forgets what stands at `length` and after. `false` where the model's memory can't be cut there: then the
    /// sequence must be forgotten whole, which always works.
    pub(super) fn truncate(&mut self, sequence: usize, length: usize) -> bool {
        // SAFETY: the memory belongs to this context; ids out of range are refused by llama.cpp itself.
        unsafe { sys::llama_memory_seq_rm(self.memory(), index(sequence), index(length), -1) }
    }

    /// Lets sequence `to` share what `from` has at the positions `range`.
    pub(super) fn share(&mut self, from: usize, to: usize, range: std::ops::Range<usize>) {
        assert!(from.max(to) < self.settings.sequences as usize, "sequence ids come from the slots");
        // SAFETY: as above; both ids are in range, which llama.cpp asserts.
        unsafe {
            sys::llama_memory_seq_cp(self.memory(), index(from), index(to), index(range.start), index(range.end));
        }
    }

    pub(super) fn clear(&mut self) {
        // SAFETY: the memory belongs to this context. The data itself needs no wiping.
        unsafe { sys::llama_memory_clear(self.memory(), false) }
    }

    fn memory(&self) -> sys::llama_memory_t {
        // SAFETY: the context is alive.
        unsafe { sys::llama_get_memory(self.context.as_ptr()) }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: made by `llama_init_from_model`, freed once, before the model that the field holds.
        unsafe { sys::llama_free(self.context.as_ptr()) }
    }
}

/// Positions, counts and ids are far below 2³¹: a context is bounded by its cells.
pub(super) fn index(value: usize) -> i32 {
    i32::try_from(value).expect("positions fit a context, which holds fewer than 2^31 tokens")
}

pub(super) fn model_pointer(model: &LlamaModel) -> NonNull<sys::llama_model> {
    // SAFETY: `LlamaModel` is `repr(transparent)` over this pointer (its version is pinned; the size is checked above).
    unsafe { *std::ptr::from_ref(model).cast::<NonNull<sys::llama_model>>() }
}

fn vocabulary(model: &LlamaModel) -> *const sys::llama_vocab {
    // SAFETY: the model is alive, and its vocabulary lives as long.
    unsafe { sys::llama_model_get_vocab(model_pointer(model).as_ptr()) }
}

/// The tokens of `text`, in which nothing is a control token.
///
/// # Errors
/// `TooLong` from 2³¹ bytes on.
pub(super) fn tokenize(model: &LlamaModel, text: &str) -> Result<Vec<LlamaToken>, RawError> {
    let length = i32::try_from(text.len()).map_err(|_| RawError::TooLong(text.len()))?;
    let vocabulary = vocabulary(model);
    let mut tokens: Vec<sys::llama_token> = vec![0; text.len() / 2 + 8];
    loop {
        let room = i32::try_from(tokens.len()).map_err(|_| RawError::TooLong(text.len()))?;
        // SAFETY: `text` has `length` bytes, `tokens` room for `room`. No special tokens are added or parsed.
        let count = unsafe {
            sys::llama_tokenize(
                vocabulary,
                text.as_ptr().cast::<c_char>(),
                length,
                tokens.as_mut_ptr(),
                room,
                false,
                false,
            )
        };
        match usize::try_from(count) {
            Ok(count) => {
                tokens.truncate(count);
                return Ok(tokens.into_iter().map(LlamaToken).collect());
            }
            // What it would have taken, negated; `i32::MIN` says that the count doesn't fit.
            Err(_) if count == i32::MIN => return Err(RawError::TooLong(text.len())),
            Err(_) => tokens.resize(count.unsigned_abs() as usize, 0),
        }
    }
}

/// A conversation of `(role, content)` laid out by a chat template, open for the model's turn where `generation` says
/// so. `None` where llama.cpp doesn't know the template.
pub(super) fn render(template: &CStr, messages: &[(&CStr, &CStr)], generation: bool) -> Option<Vec<u8>> {
    let messages: Vec<_> = messages
        .iter()
        .map(|(role, content)| sys::llama_chat_message { role: role.as_ptr(), content: content.as_ptr() })
        .collect();
    let mut text = vec![0_u8; 1024];
    loop {
        // SAFETY: the strings outlive the call, `text` has room for the length given; what doesn't fit is not written.
        let length = unsafe {
            sys::llama_chat_apply_template(
                template.as_ptr(),
                messages.as_ptr(),
                messages.len(),
                generation,
                text.as_mut_ptr().cast::<c_char>(),
                index(text.len()),
            )
        };
        let length = usize::try_from(length).ok()?;
        if length <= text.len() {
            text.truncate(length);
            return Some(text);
        }
        text.resize(length, 0);
    }
}

/// How many numbers stand for a token where embeddings are given in its place.
pub(super) fn embedding_width(model: &LlamaModel) -> usize {
    // SAFETY: the model is alive.
    usize::try_from(unsafe { sys::llama_model_n_embd_inp(model_pointer(model).as_ptr()) }).unwrap_or(0)
}

/// The bytes that a token stands for; of a control token none, or its mark where `marks` are asked for. None either of
/// what is no token of the vocabulary.
pub(super) fn piece(model: &LlamaModel, token: LlamaToken, marks: bool) -> Vec<u8> {
    if !(0..model.n_vocab()).contains(&token.0) {
        return Vec::new();
    }
    let mut bytes = vec![0_u8; 32];
    loop {
        let room = index(bytes.len());
        // SAFETY: `bytes` has room for `room` bytes.
        let count = unsafe {
            sys::llama_token_to_piece(vocabulary(model), token.0, bytes.as_mut_ptr().cast::<c_char>(), room, 0, marks)
        };
        match usize::try_from(count) {
            Ok(count) => {
                bytes.truncate(count);
                return bytes;
            }
            Err(_) => bytes.resize(count.unsigned_abs() as usize, 0),
        }
    }
}

/// Every control token with its mark, such as `<|im_start|>`.
pub(super) fn control_tokens(model: &LlamaModel) -> Vec<(String, LlamaToken)> {
    (0..model.n_vocab())
        // SAFETY: the vocabulary has a token of each of these ids.
        .filter(|id| unsafe { sys::llama_vocab_is_control(vocabulary(model), *id) })
        .filter_map(|id| {
            let token = LlamaToken(id);
            let mark = String::from_utf8(piece(model, token, true)).ok()?;
            (!mark.is_empty()).then_some((mark, token))
        })
        .collect()
}

/// Whether a prompt of this model begins with its begin-of-text token.
pub(super) fn begins_with_mark(model: &LlamaModel) -> bool {
    // SAFETY: the vocabulary is alive.
    unsafe { sys::llama_vocab_get_add_bos(vocabulary(model)) }
}

/// Whether a sequence's memory can be cut and shared at any token. Not so for models that keep a running state.
pub(super) fn has_positional_memory(model: &LlamaModel) -> bool {
    let model = model_pointer(model).as_ptr();
    // SAFETY: the model is alive.
    unsafe { !sys::llama_model_is_recurrent(model) && !sys::llama_model_is_hybrid(model) }
}

/// Sends llama.cpp's and ggml's lines to the log: complaints as warnings, the rest for debugging.
pub(super) fn log_to_tracing() {
    // SAFETY: the callback is safe to call from any thread, and needs no data.
    unsafe { sys::llama_log_set(Some(log_line), std::ptr::null_mut()) }
}

pub(super) extern "C" fn log_line(level: sys::ggml_log_level, text: *const c_char, _data: *mut c_void) {
    if text.is_null() {
        return;
    }
    // SAFETY: llama.cpp passes a string that ends with NUL and lives through the call.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    let line = text.trim();
    // Progress dots and pieces of lines say nothing by themselves.
    if line.trim_matches('.').is_empty() || level == sys::GGML_LOG_LEVEL_CONT {
        return;
    }
    if level == sys::GGML_LOG_LEVEL_ERROR {
        tracing::warn!(llm.engine = "llama.cpp", "{line}");
    } else {
        tracing::debug!(llm.engine = "llama.cpp", "{line}");
    }
}
