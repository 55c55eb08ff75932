//! ONNX Runtime, for every backend that runs an ONNX model: its shared library is loaded once in a process.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};

use super::ProviderError;
use crate::weights::InstalledModel;

/// One thread at a time, since two must not load the library at once.
static LOADING: Mutex<()> = Mutex::new(());

/// A session of `model` on `threads` threads that sleep while they have nothing to do. `runtime` is the installed
/// [`OnnxRuntime`](crate::weights::Capability::OnnxRuntime); the first one that a process loads serves it to its end.
///
/// # Errors
/// `Failed` where the library or the model can't be loaded.
pub(crate) fn session(
    backend: &'static str,
    runtime: &InstalledModel,
    model: &Path,
    threads: usize,
) -> Result<Session, ProviderError> {
    build(backend, runtime, threads, |mut builder| builder.commit_from_file(model))
}

/// As [`session`], of a model in memory.
///
/// # Errors
/// As [`session`].
#[cfg(feature = "tts-local")]
pub(crate) fn session_of(
    backend: &'static str,
    runtime: &InstalledModel,
    model: &[u8],
    threads: usize,
) -> Result<Session, ProviderError> {
    build(backend, runtime, threads, |mut builder| builder.commit_from_memory(model))
}

fn build(
    backend: &'static str,
    runtime: &InstalledModel,
    threads: usize,
    commit: impl FnOnce(SessionBuilder) -> ort::Result<Session>,
) -> Result<Session, ProviderError> {
    let failed = |what: &str, error: String| ProviderError::Failed { backend, reason: format!("{what}: {error}") };
    let library = runtime
        .file("library")
        .ok_or_else(|| failed("ONNX Runtime", format!("the model {} names no library", runtime.name)))?;
    load(library).map_err(|error| failed("ONNX Runtime can't be loaded", error.to_string()))?;
    // A builder's errors carry the builder; only their text is of use.
    let build = || -> Result<Session, String> {
        let builder = Session::builder()
            .map_err(|error| error.to_string())?
            .with_optimization_level(GraphOptimizationLevel::All)
            .map_err(|error| error.to_string())?
            .with_intra_threads(threads)
            .map_err(|error| error.to_string())?
            .with_intra_op_spinning(false)
            .map_err(|error| error.to_string())?;
        commit(builder).map_err(|error| error.to_string())
    };
    build().map_err(|error| failed("the ONNX model can't be loaded", error))
}

fn load(library: &Path) -> ort::Result<()> {
    let _one_at_a_time = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
    // Both calls do nothing when they have been made before: `commit` then says `false`.
    ort::init_from(library)?.with_name("rose").with_telemetry(false).commit();
    Ok(())
}
