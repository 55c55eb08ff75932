//! The engine's own thread: samples in, segments out.

use std::collections::HashMap;
use std::ffi::c_void;
use std::path::Path;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use whisper_rs::{FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperError, WhisperState};

use super::judge::Tokens;
use super::{BACKEND, failed, header, text};
use crate::config::LocalSttConfig;
use crate::domain::audio::SampleRate;
use crate::providers::{ProviderError, cores};

/// Encoder frames for each second of sound: a mel frame each 10 ms, halved by the second convolution.
const FRAMES_PER_SECOND: f32 = 50.0;

/// What the model hears at once; longer clips are heard window by window.
const WINDOW: Duration = Duration::from_secs(30);

/// A token of text is written at most so often: twice as fast as people speak.
const TOKENS_PER_SECOND: f32 = 12.0;

/// Tokens that a clip may take whatever its length.
const SPARE_TOKENS: f32 = 24.0;

/// Each timestamp token is so much later than the one before.
const TIMESTAMP_STEP: Duration = Duration::from_millis(20);

/// How probable another language must be than the one that was listened for: where nothing is known of the conversation,
/// and where it was in that language before.
const RATHER: f32 = 0.5;
const CLEARLY: f32 = 0.8;

/// Shorter clips say little about their language.
const CLEAR_FROM: Duration = Duration::from_millis(1500);

const ENGLISH: Language = Language("en");

/// What is known of a clip's language before it is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spoken {
    Known(Language),
    /// What the conversation was in before.
    Likely(Language),
    Unknown,
}

impl Spoken {
    fn first_guess(self) -> Language {
        match self {
            Spoken::Known(language) | Spoken::Likely(language) => language,
            Spoken::Unknown => ENGLISH,
        }
    }
}

/// A language that the model knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Language(&'static str);

impl Language {
    /// # Errors
    /// `InvalidInput` where Whisper, or this model, doesn't know it.
    pub(super) fn of(code: &str, multilingual: bool) -> Result<Self, ProviderError> {
        // whisper-rs panics at a NUL.
        let is_code = !code.is_empty() && code.chars().all(|c| c.is_ascii_lowercase());
        let known = is_code.then(|| whisper_rs::get_lang_id(code)).flatten().and_then(whisper_rs::get_lang_str);
        let reason = match known {
            Some(code) if multilingual || code == "en" => return Ok(Self(code)),
            Some(_) => format!("this model hears English only, not `{code}`"),
            None => format!("the language `{}` is not known; give an ISO 639-1 code", code.escape_default()),
        };
        Err(ProviderError::InvalidInput { backend: BACKEND, reason })
    }

    pub(super) fn code(self) -> &'static str {
        self.0
    }
}

pub(super) struct Heard {
    pub(super) segments: Vec<HeardSegment>,
    pub(super) language: Option<Language>,
}

/// Times count from the start of the samples.
pub(super) struct HeardSegment {
    pub(super) start: Duration,
    pub(super) end: Duration,
    pub(super) text: String,
}

pub(super) struct Engine {
    context: WhisperContext,
    state: WhisperState,
    context_margin: Duration,
    threads: usize,
    /// The last run's context was cut.
    is_cut: bool,
    /// One for each language asked for: making one leaks the language's name (whisper-rs 0.16.0, `set_language`).
    params: HashMap<Option<Language>, FullParams<'static, 'static>>,
}

impl Engine {
    /// Loads the model and runs it once.
    ///
    /// # Errors
    /// `Failed` where the file is no model.
    pub(super) fn load(weights: &Path, config: &LocalSttConfig) -> Result<Self, ProviderError> {
        header::check(weights).map_err(|reason| failed(format!("the model can't be loaded: {reason}")))?;
        let path = weights.to_str().ok_or_else(|| failed("the model's path is not UTF-8"))?;
        let context = WhisperContext::new_with_params(path, WhisperContextParameters::default())
            .map_err(|error| failed(format!("the model can't be loaded: {error}")))?;
        let state = context.create_state().map_err(|error| failed(format!("no memory for the model: {error}")))?;
        let mut engine = Self {
            context,
            state,
            context_margin: config.context_margin,
            threads: config.threads,
            is_cut: false,
            params: HashMap::new(),
        };
        // Touches every weight once.
        let attempt = Attempt::Shrunk { frames: FRAMES_PER_SECOND as i32, length: Duration::from_secs(1) };
        engine.run_on_silence(attempt, &CancellationToken::new())?;
        Ok(engine)
    }

    fn run_on_silence(&mut self, attempt: Attempt, cancel: &CancellationToken) -> Result<(), ProviderError> {
        let silence = vec![0.0; SampleRate::SPEECH.samples_in(attempt.length())];
        self.run(&silence, Some(ENGLISH), attempt, cancel).map(|_| ())
    }

    pub(super) fn is_multilingual(&self) -> bool {
        self.context.is_multilingual()
    }

    /// `samples` are 16 kHz mono.
    ///
    /// # Errors
    /// `Cancelled`, or `Failed` where the model can't be run.
    pub(super) fn transcribe(
        &mut self,
        samples: &[f32],
        spoken: Spoken,
        cancel: &CancellationToken,
    ) -> Result<Heard, ProviderError> {
        let length = SampleRate::SPEECH.duration_of(samples.len());
        let spoken = if self.is_multilingual() { spoken } else { Spoken::Known(ENGLISH) };
        if length > WINDOW && !matches!(spoken, Spoken::Known(_)) {
            return self.transcribe_in_windows(samples, length, cancel);
        }
        let mut language = spoken.first_guess();
        if let Some(frames) = self.shrunk_context(length) {
            let tokens = self.attempt(samples, &mut language, spoken, Attempt::Shrunk { frames, length }, cancel)?;
            if !tokens.look_wrong() {
                return Ok(Heard { segments: self.segments(length, tokens.ids.len()), language: Some(language) });
            }
            tracing::debug!("transcribing again with the full context");
        }
        self.attempt(samples, &mut language, spoken, Attempt::Full { length }, cancel)?;
        Ok(Heard { segments: self.segments(length, usize::MAX), language: Some(language) })
    }

    /// Hears a clip of one window in `language`; where it turns out to be in another, once more in that.
    fn attempt(
        &mut self,
        samples: &[f32],
        language: &mut Language,
        spoken: Spoken,
        attempt: Attempt,
        cancel: &CancellationToken,
    ) -> Result<Tokens, ProviderError> {
        self.run(samples, Some(*language), attempt, cancel)?;
        let mut tokens = self.tokens();
        if matches!(attempt, Attempt::Shrunk { .. }) {
            tokens.say_it_once(attempt.length());
        }
        if let Spoken::Known(_) = spoken {
            return Ok(tokens);
        }
        let (found, probability) = self.spoken_language()?;
        let needed = match spoken {
            // Short clips are often taken for something else.
            Spoken::Likely(_) if !tokens.look_wrong() && attempt.length() < CLEAR_FROM => return Ok(tokens),
            Spoken::Likely(_) if !tokens.look_wrong() => CLEARLY,
            _ => RATHER,
        };
        if found != *language && probability >= needed {
            *language = found;
            self.run(samples, Some(found), attempt, cancel)?;
            tokens = self.tokens();
            if matches!(attempt, Attempt::Shrunk { .. }) {
                tokens.say_it_once(attempt.length());
            }
        }
        Ok(tokens)
    }

    /// A clip of several windows in a language that nobody named: whisper.cpp judges it by the first.
    fn transcribe_in_windows(
        &mut self,
        samples: &[f32],
        length: Duration,
        cancel: &CancellationToken,
    ) -> Result<Heard, ProviderError> {
        // whisper.cpp 1.8.3 judges with the context of the run before, and takes English for Latin where that was cut.
        if self.is_cut {
            self.run_on_silence(Attempt::Full { length: Duration::from_secs(1) }, cancel)?;
        }
        let language = self.run(samples, None, Attempt::Full { length }, cancel)?;
        Ok(Heard { segments: self.segments(length, usize::MAX), language })
    }

    /// The language of the clip that was just heard, and how probable it is: from one step of the decoder over the
    /// encoder's output, which is still there (the first token that the decoder writes names the language).
    fn spoken_language(&mut self) -> Result<(Language, f32), ProviderError> {
        let start = [self.context.token_sot()];
        let state = &mut self.state;
        cores::compute(self.threads, |threads| state.decode(&start, 0, threads))
            .map_err(|error| failed(format!("the language can't be judged: {error}")))?;
        let logits =
            self.state.get_logits().map_err(|error| failed(format!("the language can't be judged: {error}")))?;
        let logit = |id: i32| {
            let token = usize::try_from(self.context.token_lang(id)).ok()?;
            logits.get(token).copied()
        };
        let known = (0..=whisper_rs::get_lang_max_id())
            .filter_map(|id| Some((Language(whisper_rs::get_lang_str(id)?), logit(id)?)));
        let known: Vec<(Language, f32)> = known.collect();
        let (found, most) = known
            .iter()
            .copied()
            .max_by(|(_, a), (_, b)| a.total_cmp(b))
            .ok_or_else(|| failed("the model knows no language"))?;
        let sum: f32 = known.iter().map(|(_, logit)| (logit - most).exp()).sum();
        Ok((found, 1.0 / sum))
    }

    /// How many encoder frames do for a clip; `None` where that is nearly all of them.
    fn shrunk_context(&self, length: Duration) -> Option<i32> {
        let frames = ((length + self.context_margin).as_secs_f32() * FRAMES_PER_SECOND).ceil() as i32;
        (frames < self.context.n_audio_ctx() * 9 / 10).then_some(frames)
    }

    /// The language that was heard, or given; [`Engine::tokens`] and [`Engine::segments`] are the words.
    fn run(
        &mut self,
        samples: &[f32],
        language: Option<Language>,
        attempt: Attempt,
        cancel: &CancellationToken,
    ) -> Result<Option<Language>, ProviderError> {
        if cancel.is_cancelled() {
            return Err(ProviderError::Cancelled);
        }
        let mut params = self.params.entry(language).or_insert_with(|| params(language)).clone();
        attempt.apply(&mut params);
        self.is_cut = matches!(attempt, Attempt::Shrunk { .. });
        // SAFETY: the callback reads the token behind the pointer, which outlives the call to `full` below; no copy of
        // these params lives longer.
        unsafe {
            params.set_abort_callback(Some(is_cancelled));
            params.set_abort_callback_user_data(std::ptr::from_ref(cancel).cast_mut().cast());
        }
        let state = &mut self.state;
        let outcome = cores::compute(self.threads, |threads| {
            params.set_n_threads(i32::try_from(threads).unwrap_or(i32::MAX));
            state.full(params, samples)
        });
        match outcome {
            Ok(()) => {}
            Err(_) if cancel.is_cancelled() => return Err(ProviderError::Cancelled),
            Err(WhisperError::NoSamples) => {}
            Err(error) => return Err(failed(format!("the model can't be run: {error}"))),
        }
        let spoken = whisper_rs::get_lang_str(self.state.full_lang_id_from_state()).map(Language);
        Ok(language.or(spoken))
    }

    /// The text tokens of the last run.
    fn tokens(&self) -> Tokens {
        let end_of_text = self.context.token_eot();
        let mut tokens = Tokens::default();
        for segment in self.state.as_iter() {
            for token in (0..segment.n_tokens()).filter_map(|at| segment.get_token(at)) {
                if token.token_id() < end_of_text {
                    tokens.ids.push(token.token_id());
                    tokens.log_probabilities.push(token.token_data().plog);
                }
            }
        }
        tokens
    }

    /// The words of the last run over a clip of that length, up to so many tokens of text. A clip of one window is one
    /// segment to whisper.cpp; its timestamps part it here.
    fn segments(&self, length: Duration, most_tokens: usize) -> Vec<HeardSegment> {
        let mut segments = Vec::new();
        let mut left = most_tokens;
        for whole in self.state.as_iter() {
            if length > WINDOW {
                let text = String::from_utf8_lossy(whole.to_bytes().unwrap_or_default());
                push(&mut segments, centiseconds(whole.start_timestamp()), centiseconds(whole.end_timestamp()), &text);
                continue;
            }
            let (mut start, mut bytes) = (Duration::ZERO, Vec::new());
            for token in (0..whole.n_tokens()).filter_map(|at| whole.get_token(at)) {
                let id = token.token_id();
                if let Ok(steps) = u32::try_from(id - self.context.token_beg()) {
                    let at = TIMESTAMP_STEP * steps;
                    push(&mut segments, start, at, &String::from_utf8_lossy(&bytes));
                    (start, bytes) = (at, Vec::new());
                } else if id < self.context.token_eot() && left > 0 {
                    left -= 1;
                    bytes.extend_from_slice(token.to_bytes().unwrap_or_default());
                }
            }
            push(&mut segments, start, length, &String::from_utf8_lossy(&bytes));
        }
        segments
    }
}

fn push(segments: &mut Vec<HeardSegment>, start: Duration, end: Duration, raw: &str) {
    let text = text::spoken(raw);
    if !text.is_empty() {
        segments.push(HeardSegment { start, end: end.max(start), text });
    }
}

fn centiseconds(count: i64) -> Duration {
    Duration::from_millis(u64::try_from(count).unwrap_or(0) * 10)
}

/// One run of the model over a clip.
#[derive(Debug, Clone, Copy)]
enum Attempt {
    /// The encoder sees the clip and a margin, not 30 s; once, at temperature 0.
    Shrunk { frames: i32, length: Duration },
    /// As whisper.cpp does it, with higher temperatures where it finds its own result wanting.
    Full { length: Duration },
}

impl Attempt {
    fn length(self) -> Duration {
        match self {
            Attempt::Shrunk { length, .. } | Attempt::Full { length } => length,
        }
    }

    fn apply(self, params: &mut FullParams<'_, '_>) {
        let length = self.length();
        // Else what follows the last timestamp, silence mostly, is heard once more by itself, and words found in it.
        params.set_single_segment(length <= WINDOW);
        if length <= WINDOW {
            params.set_max_tokens((SPARE_TOKENS + TOKENS_PER_SECOND * length.as_secs_f32()) as i32);
        }
        match self {
            Attempt::Shrunk { frames, .. } => {
                params.set_audio_ctx(frames);
                params.set_temperature_inc(0.0);
            }
            Attempt::Full { .. } => {
                params.set_audio_ctx(0);
                params.set_temperature_inc(0.2);
            }
        }
    }
}

fn params(language: Option<Language>) -> FullParams<'static, 'static> {
    let mut params = FullParams::new(SamplingStrategy::Greedy { best_of: 2 });
    params.set_language(language.map(Language::code));
    params.set_no_context(true);
    params.set_suppress_blank(true);
    params.set_suppress_nst(true);
    params.set_print_special(false);
    params.set_print_progress(false);
    params.set_print_realtime(false);
    params.set_print_timestamps(false);
    params
}

unsafe extern "C" fn is_cancelled(token: *mut c_void) -> bool {
    // SAFETY: `Engine::run` passes a pointer to a token that outlives the run, and nobody changes it through here.
    unsafe { &*token.cast::<CancellationToken>() }.is_cancelled()
}
