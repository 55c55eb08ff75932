//! What whisper.cpp has to say, into our log at debug level. It says how models load and what it skips, never words.

use std::ffi::{CStr, c_char, c_void};
use std::sync::Once;

/// From now on, for the whole process.
pub(super) fn route() {
    static ROUTED: Once = Once::new();
    // SAFETY: the callback lives as long as the process and takes no user data.
    ROUTED.call_once(|| unsafe { whisper_rs::set_log_callback(Some(forward), std::ptr::null_mut()) });
}

unsafe extern "C" fn forward(_level: u32, text: *const c_char, _user_data: *mut c_void) {
    if text.is_null() {
        return;
    }
    // SAFETY: whisper.cpp passes a NUL-terminated string that lives until this returns.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    let line = text.trim();
    if !line.is_empty() {
        tracing::debug!(target: "whisper.cpp", "{line}");
    }
}
