//! Phonemes by espeak-ng, clause by clause, for every voice that learned them.
//!
//! espeak-ng keeps its state in globals, so every call goes through one lock, whichever engine asks.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};

use regex::Regex;

/// The variable that names the folder which holds [`DATA`].
const DATA_VARIABLE: &str = "PIPER_ESPEAKNG_DATA_DIRECTORY";
const DATA: &str = "espeak-ng-data";

/// Where distributions put the data.
const SYSTEM_FOLDERS: &[&str] = &[
    "/usr/share",
    "/usr/local/share",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/opt/homebrew/share",
];

// `libespeak-ng/translate.h`: what a clause ends with.
const CLAUSE_TYPE_SENTENCE: c_int = 0x0008_0000;
const CLAUSE_KIND: c_int = 0x000F_FFFF;
const CLAUSE_PERIOD: c_int = 40 | CLAUSE_TYPE_SENTENCE;
const CLAUSE_QUESTION: c_int = 40 | 0x2000 | CLAUSE_TYPE_SENTENCE;
const CLAUSE_EXCLAMATION: c_int = 45 | 0x3000 | CLAUSE_TYPE_SENTENCE;
const CLAUSE_COMMA: c_int = 20 | 0x1000 | 0x0004_0000;
const CLAUSE_COLON: c_int = 30 | 0x0004_0000;
const CLAUSE_SEMICOLON: c_int = 30 | 0x1000 | 0x0004_0000;

/// IPA, as UTF-8: bit 1 of `phonememode`.
const PHONEMES_IPA: c_int = 0x02;
/// The letters of one phoneme are tied by [`TIE`]: bit 7, and the character from bit 8 on.
const PHONEMES_TIED: c_int = 0x80 | ((TIE as c_int) << 8);

/// Between the letters of a diphthong or an affricate, such as `t^ʃ`; in no phoneme of its own.
pub(super) const TIE: char = '^';

/// Around words of another language than the voice's: `(fr)…(en-us)`.
static LANGUAGE_SWITCH: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\([^)]+\)").expect("the pattern is constant"));

/// How phonemes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notation {
    Plain,
    /// With [`TIE`].
    Tied,
}

// Not in a header of espeak-ng's, but not static either. `espeak_TextToPhonemes` is the same without the clause's end,
// which the voices need; `espeak_TextToPhonemesWithTerminator`, which gives it, is newer than the espeak-ng here.
unsafe extern "C" {
    static mut translator: *mut c_void;
    static mut p_decoder: *mut espeak_rs_sys::espeak_ng_TEXT_DECODER;
    fn TranslateClauseWithTerminator(
        translator: *mut c_void,
        tone_out: *mut c_int,
        voice_change: *mut *mut c_char,
        terminator_out: *mut c_int,
    );
    fn GetTranslatedPhonemeString(phoneme_mode: c_int) -> *const c_char;
}

/// A part of a text up to a mark.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Clause {
    /// IPA.
    pub(super) phonemes: String,
    /// `.`, `?`, `!`, `,`, `:`, `;` or nothing.
    pub(super) mark: &'static str,
    pub(super) ends_sentence: bool,
}

#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum EspeakError {
    #[error(
        "espeak-ng's data folder is nowhere: install the package espeak-ng-data, put the folder {DATA} beside this \
         program, or name the folder that holds it in {DATA_VARIABLE}"
    )]
    NoData,
    #[error("espeak-ng can't be started with {}: status {status:#x}; its version may be another one", folder.display())]
    Start { folder: PathBuf, status: u32 },
    #[error("espeak-ng has no voice `{voice}` in {}", folder.display())]
    NoVoice { voice: String, folder: PathBuf },
    #[error("espeak-ng can't read the text")]
    Unreadable,
}

/// `None` until it was started; then where its data is, or why it could not be.
static ESPEAK: Mutex<Option<Result<PathBuf, EspeakError>>> = Mutex::new(None);

/// The clauses of `text` as the espeak-ng voice `voice` says them.
///
/// # Errors
/// Where the data or the voice is missing.
pub(super) fn clauses(voice: &str, text: &str, notation: Notation) -> Result<Vec<Clause>, EspeakError> {
    // A panic between calls leaves espeak-ng as it was.
    let mut espeak = ESPEAK.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = espeak.get_or_insert_with(start).clone()?;
    let missing = || EspeakError::NoVoice { voice: voice.to_owned(), folder: folder.clone() };
    let name = CString::new(voice).map_err(|_| missing())?;
    // A NUL would end the text for espeak-ng.
    let text = CString::new(text.replace('\0', " ")).map_err(|_| EspeakError::Unreadable)?;

    // SAFETY: espeak-ng was started, the lock keeps others out, and the name ends with a NUL.
    let status = unsafe { espeak_rs_sys::espeak_SetVoiceByName(name.as_ptr()) };
    if status != espeak_rs_sys::espeak_ERROR_EE_OK {
        return Err(missing());
    }
    let mut clauses = Vec::new();
    let mut rest = text.as_ptr();
    // Each call takes at least one byte; the count only guards against one that doesn't.
    for _ in 0..=text.as_bytes().len() {
        if rest.is_null() {
            break;
        }
        // SAFETY: espeak-ng was started and has a voice, the lock keeps others out, and `rest` points into `text`,
        // which ends with a NUL and outlives the loop.
        let (clause, after) = unsafe { next_clause(rest, notation) }?;
        clauses.push(clause);
        rest = after;
    }
    Ok(clauses)
}

/// The body of `espeak_TextToPhonemesWithTerminator`; also gives what is left, null at the end.
///
/// # Safety
/// espeak-ng is started, has a voice, and is used by nobody else; `text` is UTF-8 that ends with a NUL.
unsafe fn next_clause(text: *const c_char, notation: Notation) -> Result<(Clause, *const c_char), EspeakError> {
    let mut end: c_int = 0;
    let mode = match notation {
        Notation::Plain => PHONEMES_IPA,
        Notation::Tied => PHONEMES_IPA | PHONEMES_TIED,
    };
    // SAFETY: by this function's own terms; the decoder keeps the pointer only until the next call, and the string that
    // comes back is espeak-ng's buffer, copied before anything else is called.
    unsafe {
        if p_decoder.is_null() {
            p_decoder = espeak_rs_sys::create_text_decoder();
        }
        let status = espeak_rs_sys::text_decoder_decode_string_multibyte(
            p_decoder,
            text.cast(),
            espeak_rs_sys::espeak_ng_ENCODING_ESPEAKNG_ENCODING_UTF_8,
            espeak_rs_sys::espeakCHARS_UTF8 as c_int,
        );
        if status != espeak_rs_sys::espeak_ng_STATUS_ENS_OK {
            return Err(EspeakError::Unreadable);
        }
        TranslateClauseWithTerminator(translator, std::ptr::null_mut(), std::ptr::null_mut(), &raw mut end);
        let after = espeak_rs_sys::text_decoder_get_buffer(p_decoder).cast::<c_char>();
        let phonemes = GetTranslatedPhonemeString(mode);
        let phonemes =
            if phonemes.is_null() { String::new() } else { CStr::from_ptr(phonemes).to_string_lossy().into_owned() };
        let phonemes = LANGUAGE_SWITCH.replace_all(&phonemes, "").into_owned();
        Ok((Clause { phonemes, mark: mark(end), ends_sentence: end & CLAUSE_TYPE_SENTENCE != 0 }, after))
    }
}

fn mark(end: c_int) -> &'static str {
    match end & CLAUSE_KIND {
        CLAUSE_PERIOD => ".",
        CLAUSE_QUESTION => "?",
        CLAUSE_EXCLAMATION => "!",
        CLAUSE_COMMA => ",",
        CLAUSE_COLON => ":",
        CLAUSE_SEMICOLON => ";",
        _ => "",
    }
}

fn start() -> Result<PathBuf, EspeakError> {
    let folder = data_folder().ok_or(EspeakError::NoData)?;
    let path = CString::new(folder.as_os_str().as_encoded_bytes()).map_err(|_| EspeakError::NoData)?;
    // SAFETY: the lock that the caller holds keeps others out; the path ends with a NUL and is copied.
    let status = unsafe {
        espeak_rs_sys::espeak_ng_InitializePath(path.as_ptr());
        espeak_rs_sys::espeak_ng_Initialize(std::ptr::null_mut())
    };
    if status != espeak_rs_sys::espeak_ng_STATUS_ENS_OK {
        return Err(EspeakError::Start { folder, status });
    }
    tracing::debug!(tts.espeak_data = %folder.display(), "espeak-ng is started");
    Ok(folder)
}

/// The folder that holds espeak-ng's data: the one that is named, the one beside the program, the one that this
/// espeak-ng was built with, the system's. The system's is often of an older version, which says a few words otherwise
/// than the voices learned them.
fn data_folder() -> Option<PathBuf> {
    let has_data = |folder: &PathBuf| folder.join(DATA).join("phontab").is_file();
    let named = std::env::var_os(DATA_VARIABLE).map(PathBuf::from);
    if let Some(folder) = named.as_ref().filter(|folder| !has_data(folder)) {
        tracing::warn!(tts.espeak_data = %folder.display(), "{DATA_VARIABLE} names a folder that holds no {DATA}");
    }
    let beside = std::env::current_exe().ok().and_then(|program| program.parent().map(Path::to_owned));
    let system = SYSTEM_FOLDERS.iter().map(PathBuf::from);
    named.into_iter().chain(beside).chain(built_in()).chain(system).find(has_data)
}

/// Where espeak-ng's own build put its data: there on the machine that built it, mostly nowhere else.
fn built_in() -> Option<PathBuf> {
    let mut data: *const c_char = std::ptr::null();
    // SAFETY: the lock that the caller's caller holds keeps others out; the path that comes back is a static buffer of
    // espeak-ng's, copied at once.
    let path = unsafe {
        espeak_rs_sys::espeak_ng_InitializePath(std::ptr::null());
        espeak_rs_sys::espeak_Info(&raw mut data);
        if data.is_null() {
            return None;
        }
        CStr::from_ptr(data).to_string_lossy().into_owned()
    };
    Path::new(&path).parent().map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_keep_their_marks() {
        let clauses = clauses("en-us", "Come in, rest. Why? Now!", Notation::Plain).expect("espeak-ng works");
        let marks: Vec<_> = clauses.iter().map(|clause| (clause.mark, clause.ends_sentence)).collect();
        assert_eq!(marks, [(",", false), (".", true), ("?", true), ("!", true)]);
        assert!(clauses.iter().all(|clause| !clause.phonemes.is_empty()));
    }

    #[test]
    fn the_letters_of_one_phoneme_can_be_tied() {
        let of = |notation| clauses("en-us", "choice", notation).expect("espeak-ng works").remove(0).phonemes;
        assert_eq!(of(Notation::Tied).replace(TIE, ""), of(Notation::Plain));
        assert!(of(Notation::Tied).starts_with("t^ʃ"));
    }

    #[test]
    fn an_unknown_voice_is_told() {
        assert!(matches!(clauses("no-such-voice", "Hello.", Notation::Plain), Err(EspeakError::NoVoice { .. })));
    }
}
