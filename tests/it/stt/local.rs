//! whisper.cpp: it keeps the contract, hears the words, and hears none where there are none.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rose::config::{Config, ModelReference};
use rose::domain::word_error_rate::word_error_rate;
use rose::providers::stt::{SpeechToText, build};
use rose::providers::{BuildError, ProviderError};
use rose::weights::ModelStore;

use super::contract::contract;
use super::{SPOKEN, empty_folder, joined, request, write};
use crate::audio::{corpus, made, original, sounds};
use crate::vad::local_detector;

fn load(change: impl FnOnce(&mut Config)) -> Result<Arc<dyn SpeechToText>, BuildError> {
    let mut config = crate::support::settings::tiny();
    change(&mut config);
    let models = ModelStore::open(&config.models).expect("a models folder");
    build(&config.stt, &models, Some(&local_detector()))
}

fn make(queue_length: usize) -> Arc<dyn SpeechToText> {
    load(|config| config.stt.local.queue_length = queue_length).expect("the speech model is installed")
}

/// The set's model, loaded once for all tests that only ask it.
fn english() -> Arc<dyn SpeechToText> {
    static ENGLISH: OnceLock<Arc<dyn SpeechToText>> = OnceLock::new();
    Arc::clone(ENGLISH.get_or_init(|| make(64)))
}

fn multilingual() -> Arc<dyn SpeechToText> {
    static MULTILINGUAL: OnceLock<Arc<dyn SpeechToText>> = OnceLock::new();
    let named = |config: &mut Config| config.stt.local.model = ModelReference::Named("whisper-base".into());
    Arc::clone(MULTILINGUAL.get_or_init(|| load(named).expect("the speech model is installed")))
}

async fn transcript(backend: &dyn SpeechToText, clip: rose::domain::audio::Clip) -> String {
    backend.transcribe(request(clip)).await.expect("an answer").text
}

contract!(make);

#[tokio::test]
async fn hears_what_was_said() {
    assert_eq!(english().describe().backend, "local");
    let mut total = 0.0;
    for (name, spoken) in SPOKEN {
        let heard = transcript(&*english(), original(name)).await;
        let errors = word_error_rate(spoken, &heard);
        assert!(name != "jfk.wav" || errors <= 0.10, "{errors} of the words are wrong: {heard}");
        total += errors;
    }
    assert!(total / 3.0 <= 0.10, "{} of all words are wrong", total / 3.0);
}

#[tokio::test]
async fn hears_the_same_in_every_container() {
    let plain = transcript(&*english(), original("austen-0890.wav")).await;
    // Telephone rates and four-bit samples cost the smallest model words; what they decode to is compared elsewhere.
    let coarse = |file: &str| file.starts_with("8k") || file.starts_with("adpcm");
    for (kind, recording) in made::made().iter().filter(|(kind, _)| !coarse(kind.file)) {
        let heard = transcript(&*english(), made::decoded_at_16k(recording)).await;
        let errors = word_error_rate(&plain, &heard);
        // One word in thirteen: codecs leave out what is hardly heard.
        assert!(errors <= 0.08, "{}: {heard}", kind.file);
    }
}

#[tokio::test]
async fn hears_the_same_in_every_shape() {
    let plain = transcript(&*english(), original("austen-0890.wav")).await;
    // One of each way to be odd; all of them are compared by their samples. Codecs cost the smallest model up to
    // three words of thirteen.
    let selected = [
        "WAV with no sizes",
        "WAV with an odd chunk, not padded",
        "WAV with RF64",
        "WAV with RIFX",
        "WAV around MP3",
        "MP3 behind garbage",
        "MP3 from the middle of a frame",
        "FLAC in Ogg",
        "Opus, one side turned",
        "MP3, one side turned",
        "AIFF",
        "CAF, Opus",
        "CAF, ALAC",
    ];
    for name in selected {
        let shape = corpus::corpus().iter().find(|shape| shape.name == name).expect(name);
        let heard = transcript(&*english(), made::decoded_at_16k(&shape.bytes)).await;
        let lossy = ["MP3", "Opus"].iter().any(|codec| name.contains(codec));
        let errors = word_error_rate(&plain, &heard);
        assert!(errors <= if lossy { 0.25 } else { 0.08 }, "{name}: {heard}");
    }
    let chained = corpus::corpus().iter().find(|shape| shape.name == "Opus, two links").expect("a chain");
    let heard = transcript(&*english(), made::decoded_at_16k(&chained.bytes)).await;
    assert!(word_error_rate(&format!("{plain} {plain}"), &heard) <= 0.25, "both links: {heard}");
}

#[tokio::test]
async fn hears_no_words_where_there_are_none() {
    for (name, clip) in sounds::wordless(Duration::from_secs(60)) {
        assert_eq!(transcript(&*english(), clip).await, "", "{name}");
    }
}

#[tokio::test]
async fn a_long_recording_with_pauses_keeps_its_words_and_times() {
    let clips = SPOKEN.map(|(name, _)| original(name));
    let clip = joined(&[&clips[0], &clips[1], &clips[2], &clips[0]], 4);
    let heard = english().transcribe(request(clip)).await.expect("an answer");
    let spoken = [SPOKEN[0].1, SPOKEN[1].1, SPOKEN[2].1, SPOKEN[0].1].join(" ");
    assert!(word_error_rate(&spoken, &heard.text) <= 0.12, "{}", heard.text);
    // The second recording begins after 11 s and a pause of 4, the last ends after 46.4 s.
    let dashwood = heard.segments.iter().find(|segment| segment.text.contains("Dashwood")).expect("its segment");
    assert!((13.5..16.5).contains(&dashwood.start.as_secs_f32()), "starts at {:?}", dashwood.start);
    let last = heard.segments.last().expect("segments");
    assert!((44.0..46.5).contains(&last.end.as_secs_f32()), "ends at {:?}", last.end);
}

#[tokio::test]
async fn quiet_speech_between_silences_is_heard() {
    let speech = original("jfk.wav");
    let mut clip = joined(&[&speech.clone(), &speech], 0);
    clip.samples.truncate(speech.samples.len());
    clip.samples.iter_mut().for_each(|sample| *sample *= 0.05);
    let silence = rose::domain::audio::Clip::new(Vec::new(), clip.rate);
    let heard = transcript(&*english(), joined(&[&silence, &clip, &silence], 3)).await;
    assert!(word_error_rate(SPOKEN[0].1, &heard) <= 0.15, "{heard}");
}

#[tokio::test]
async fn languages_are_judged_or_refused() {
    let ask = |language: &str| {
        let mut request = request(original("jfk.wav"));
        request.language = Some(language.into());
        request
    };
    let heard = multilingual().transcribe(request(original("jfk.wav"))).await.expect("an answer");
    assert_eq!(heard.language.as_deref(), Some("en"));
    assert!(word_error_rate(SPOKEN[0].1, &heard.text) <= 0.10, "{}", heard.text);
    let told = multilingual().transcribe(ask("en")).await.expect("an answer");
    assert_eq!(told.language.as_deref(), Some("en"));
    for (backend, language) in [(multilingual(), "xx"), (multilingual(), "e\0n"), (english(), "xx"), (english(), "de")]
    {
        let outcome = backend.transcribe(ask(language)).await;
        assert!(matches!(outcome, Err(ProviderError::InvalidInput { .. })), "{language}");
    }
    assert_eq!(english().transcribe(ask("en")).await.expect("an answer").language.as_deref(), Some("en"));
}

#[test]
fn what_is_no_model_is_refused_when_loaded() {
    let folder = empty_folder();
    let path = folder.path().join("not-a-model.bin");
    let garbage = [&[0x6c, 0x6d, 0x67, 0x67][..], &[0xff; 4_096]].concat();
    for bytes in [&b""[..], b"not a model", &garbage] {
        write(&path, bytes);
        let outcome = load(|config| config.stt.local.model = ModelReference::Path(path.clone()));
        assert!(matches!(outcome, Err(BuildError::Provider(ProviderError::Failed { .. }) | BuildError::Weights(_))));
    }
    let outcome = load(|config| config.stt.language = Some("de".into()));
    assert!(matches!(outcome, Err(BuildError::Provider(ProviderError::InvalidInput { .. }))));
}

/// Longer than what the model hears at once, and hardly a pause in it.
#[tokio::test]
async fn no_sentence_is_lost_where_a_long_recording_is_parted() {
    let clips = SPOKEN.map(|(name, _)| original(name));
    let (mut parts, mut apart) = (Vec::new(), Vec::new());
    for (clip, (_, _)) in clips.iter().zip(SPOKEN) {
        apart.push(transcript(&*english(), clip.clone()).await);
    }
    let mut spoken = Vec::new();
    for at in [0, 1, 2, 1, 0, 2, 2, 0, 1, 1, 2, 0] {
        parts.push(&clips[at]);
        spoken.push(SPOKEN[at].1);
    }
    let heard_apart: Vec<&str> = [0, 1, 2, 1, 0, 2, 2, 0, 1, 1, 2, 0].iter().map(|at| apart[*at].as_str()).collect();
    let pause = rose::domain::audio::Clip::new(vec![0.0; 4_000], clips[0].rate);
    let with_pauses: Vec<&rose::domain::audio::Clip> = parts.iter().flat_map(|part| [*part, &pause]).collect();
    let clip = joined(&with_pauses, 0);
    assert!(clip.duration() > Duration::from_secs(90));
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let mut asked = request(clip);
    asked.heard = Some(told);
    let whole = english().transcribe(asked).await.expect("an answer");
    let spoken = spoken.join(" ");
    let (errors, errors_apart) =
        (word_error_rate(&spoken, &whole.text), word_error_rate(&spoken, &heard_apart.join(" ")));
    println!("{errors} of the words of the whole are wrong, {errors_apart} of its parts'");
    assert!(errors <= errors_apart + 0.03, "{errors} and {errors_apart}: {}", whole.text);
    assert!(whole.segments.windows(2).all(|pair| pair[0].end <= pair[1].start), "out of order");
    let mut told = Vec::new();
    while let Ok(segment) = heard.try_recv() {
        told.push(segment.text);
    }
    assert_eq!(told.join(" "), whole.text, "each was told as it was heard");
}

#[tokio::test]
async fn a_prompt_helps_and_a_temperature_is_told() {
    let mut asked = request(original("austen-0870.wav"));
    asked.prompt = Some("Mister Jon Dashwood.".into());
    asked.words = true;
    let heard = english().transcribe(asked).await.expect("an answer");
    assert!(heard.text.contains("Mister Jon "), "{}", heard.text);
    let words: Vec<&str> = heard.segments.iter().flat_map(|segment| &segment.words).map(|w| w.text.as_str()).collect();
    assert_eq!(words.join(" "), heard.text);
    let mut warm = request(original("jfk.wav"));
    warm.temperature = Some(0.4);
    let heard = english().transcribe(warm).await.expect("an answer");
    assert!(heard.segments.iter().all(|segment| segment.details.as_ref().is_some_and(|one| one.temperature == 0.4)));
}
