//! The engine's own thread: samples in, segments out.

use std::collections::HashMap;
use std::ffi::c_void;
use std::path::Path;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use whisper_rs::{FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperError, WhisperState};

use super::judge::Tokens;
use super::words::{self, Piece};
use super::{BACKEND, failed, header, text};
use crate::config::LocalSttConfig;
use crate::domain::audio::SampleRate;
use crate::providers::stt::Word;
use crate::providers::{ProviderError, cores};

/// Encoder frames for each second of sound: a mel frame each 10 ms, halved by the second convolution.
const FRAMES_PER_SECOND: f32 = 50.0;

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

/// What a window is heard with, beside its language.
#[derive(Debug, Clone, Default)]
pub(super) struct Manner {
    /// As [`TranscriptionRequest`](super::TranscriptionRequest) has them.
    pub(super) prompt: Option<String>,
    pub(super) temperature: Option<f32>,
    pub(super) words: bool,
}

pub(super) struct Heard {
    pub(super) segments: Vec<HeardSegment>,
    pub(super) language: Language,
}

/// Times count from the start of the samples.
pub(super) struct HeardSegment {
    pub(super) start: Duration,
    pub(super) end: Duration,
    pub(super) text: String,
    pub(super) words: Vec<Word>,
    pub(super) tokens: Tokens,
    pub(super) temperature: f32,
    pub(super) no_speech_probability: f32,
}

/// Temperatures at which a window is heard again, while its words look wrong. whisper.cpp's own steps are half as wide and
/// keep what the encoder made, but don't tell which of them the words are of.
const WARMER: [f32; 2] = [0.4, 0.8];

pub(super) struct Engine {
    context: WhisperContext,
    state: WhisperState,
    context_margin: Duration,
    threads: usize,
    /// One for each language asked for: making one leaks the language's name (whisper-rs 0.16.0, `set_language`).
    params: HashMap<Language, FullParams<'static, 'static>>,
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
            params: HashMap::new(),
        };
        // Touches every weight once.
        let length = Duration::from_secs(1);
        let silence = vec![0.0; SampleRate::SPEECH.samples_in(length)];
        let attempt = Attempt { frames: Some(FRAMES_PER_SECOND as i32), length, temperature: 0.0 };
        engine.run(&silence, ENGLISH, attempt, &Run::default(), &CancellationToken::new())?;
        Ok(engine)
    }

    pub(super) fn is_multilingual(&self) -> bool {
        self.context.is_multilingual()
    }

    /// `samples` are 16 kHz mono, of one window at most.
    ///
    /// # Errors
    /// `Cancelled`, or `Failed` where the model can't be run.
    pub(super) fn transcribe(
        &mut self,
        samples: &[f32],
        spoken: Spoken,
        manner: &Manner,
        cancel: &CancellationToken,
    ) -> Result<Heard, ProviderError> {
        let length = SampleRate::SPEECH.duration_of(samples.len());
        let spoken = if self.is_multilingual() { spoken } else { Spoken::Known(ENGLISH) };
        let mut language = spoken.first_guess();
        let run = Run { prompt: self.prompt_tokens(manner.prompt.as_deref())?, words: manner.words };
        let temperature = manner.temperature.unwrap_or(0.0);
        if let Some(frames) = self.shrunk_context(length) {
            let attempt = Attempt { frames: Some(frames), length, temperature };
            let tokens = self.attempt(samples, &mut language, spoken, attempt, &run, cancel)?;
            if !tokens.look_wrong() {
                return Ok(Heard { segments: self.segments(attempt, &run, tokens.ids.len()), language });
            }
            tracing::debug!("transcribing again with the full context");
        }
        let mut attempt = Attempt { frames: None, length, temperature };
        let mut tokens = self.attempt(samples, &mut language, spoken, attempt, &run, cancel)?;
        for warmer in WARMER {
            if manner.temperature.is_some() || !tokens.are_guessed() {
                break;
            }
            attempt.temperature = warmer;
            self.run(samples, language, attempt, &run, cancel)?;
            tokens = self.tokens();
        }
        Ok(Heard { segments: self.segments(attempt, &run, usize::MAX), language })
    }

    /// Hears a window in `language`; where it turns out to be in another, once more in that.
    fn attempt(
        &mut self,
        samples: &[f32],
        language: &mut Language,
        spoken: Spoken,
        attempt: Attempt,
        run: &Run,
        cancel: &CancellationToken,
    ) -> Result<Tokens, ProviderError> {
        self.run(samples, *language, attempt, run, cancel)?;
        let mut tokens = self.tokens();
        if attempt.frames.is_some() {
            tokens.say_it_once(attempt.length);
        }
        if let Spoken::Known(_) = spoken {
            return Ok(tokens);
        }
        let (found, probability) = self.spoken_language()?;
        let needed = match spoken {
            // Short clips are often taken for something else.
            Spoken::Likely(_) if !tokens.look_wrong() && attempt.length < CLEAR_FROM => return Ok(tokens),
            Spoken::Likely(_) if !tokens.look_wrong() => CLEARLY,
            _ => RATHER,
        };
        if found != *language && probability >= needed {
            *language = found;
            self.run(samples, found, attempt, run, cancel)?;
            tokens = self.tokens();
            if attempt.frames.is_some() {
                tokens.say_it_once(attempt.length);
            }
        }
        Ok(tokens)
    }

    /// # Errors
    /// `InvalidInput` where the text can't be told in the model's tokens.
    fn prompt_tokens(&self, prompt: Option<&str>) -> Result<Vec<i32>, ProviderError> {
        let Some(prompt) = prompt.filter(|prompt| !prompt.trim().is_empty()) else { return Ok(Vec::new()) };
        let most = usize::try_from(self.context.n_text_ctx()).unwrap_or(0);
        // A space before it, as before every word that the model writes.
        let mut tokens = self.context.tokenize(&format!(" {}", prompt.trim()), most).map_err(|_| {
            let reason = format!("the prompt has more than {most} tokens, or a NUL");
            ProviderError::InvalidInput { backend: BACKEND, reason }
        })?;
        // Half of the context is the prompt's; its end is nearest to what comes.
        let first = tokens.len().saturating_sub(most / 2 - 1);
        Ok(tokens.split_off(first))
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

    /// [`Engine::tokens`] and [`Engine::segments`] are the words.
    fn run(
        &mut self,
        samples: &[f32],
        language: Language,
        attempt: Attempt,
        run: &Run,
        cancel: &CancellationToken,
    ) -> Result<(), ProviderError> {
        if cancel.is_cancelled() {
            return Err(ProviderError::Cancelled);
        }
        let mut params: FullParams<'static, '_> =
            self.params.entry(language).or_insert_with(|| params(language)).clone();
        attempt.apply(&mut params);
        params.set_tokens(&run.prompt);
        params.set_token_timestamps(run.words);
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
            Ok(()) | Err(WhisperError::NoSamples) => Ok(()),
            Err(_) if cancel.is_cancelled() => Err(ProviderError::Cancelled),
            Err(error) => Err(failed(format!("the model can't be run: {error}"))),
        }
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

    /// The words of the last run, up to so many tokens of text. The window is one segment to whisper.cpp; its timestamps
    /// part it here.
    fn segments(&self, attempt: Attempt, run: &Run, most_tokens: usize) -> Vec<HeardSegment> {
        let Attempt { length, temperature, .. } = attempt;
        let mut segments = Vec::new();
        let mut left = most_tokens;
        for whole in self.state.as_iter() {
            let no_speech_probability = whole.no_speech_probability();
            let (mut start, mut pieces, mut tokens) = (Duration::ZERO, Vec::new(), Tokens::default());
            let mut end_segment = |start: Duration, end: Duration, pieces: Vec<Piece>, tokens: Tokens| {
                let raw: Vec<u8> = pieces.iter().flat_map(|piece| piece.bytes.iter().copied()).collect();
                let text = text::spoken(&String::from_utf8_lossy(&raw));
                if !text.is_empty() {
                    let end = end.max(start);
                    let words = if run.words { words::of(&pieces, start..end) } else { Vec::new() };
                    segments.push(HeardSegment { start, end, text, words, tokens, temperature, no_speech_probability });
                }
            };
            for token in (0..whole.n_tokens()).filter_map(|at| whole.get_token(at)) {
                let id = token.token_id();
                if let Ok(steps) = u32::try_from(id - self.context.token_beg()) {
                    let at = TIMESTAMP_STEP * steps;
                    end_segment(start, at, std::mem::take(&mut pieces), std::mem::take(&mut tokens));
                    start = at;
                } else if id < self.context.token_eot() && left > 0 {
                    left -= 1;
                    let data = token.token_data();
                    tokens.ids.push(id);
                    tokens.log_probabilities.push(data.plog);
                    let bytes = token.to_bytes().unwrap_or_default().to_vec();
                    pieces.push(Piece { bytes, start: centiseconds(data.t0), end: centiseconds(data.t1) });
                }
            }
            end_segment(start, length, pieces, tokens);
        }
        segments
    }
}

fn centiseconds(count: i64) -> Duration {
    Duration::from_millis(u64::try_from(count).unwrap_or(0) * 10)
}

/// One run of the model over a window.
#[derive(Debug, Clone, Copy)]
struct Attempt {
    /// Encoder frames of the clip and a margin; `None`: the encoder sees 30 s.
    frames: Option<i32>,
    length: Duration,
    temperature: f32,
}

/// What all runs over a window share.
#[derive(Debug, Default)]
struct Run {
    prompt: Vec<i32>,
    words: bool,
}

impl Attempt {
    fn apply(self, params: &mut FullParams<'_, '_>) {
        // Else what follows the last timestamp, silence mostly, is heard once more by itself, and words found in it.
        params.set_single_segment(true);
        params.set_max_tokens((SPARE_TOKENS + TOKENS_PER_SECOND * self.length.as_secs_f32()) as i32);
        params.set_audio_ctx(self.frames.unwrap_or(0));
        params.set_temperature(self.temperature);
        params.set_temperature_inc(0.0);
    }
}

fn params(language: Language) -> FullParams<'static, 'static> {
    let mut params = FullParams::new(SamplingStrategy::Greedy { best_of: 2 });
    params.set_language(Some(language.code()));
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
