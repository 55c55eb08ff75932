//! Kokoro: as its model file speaks, many voices and languages, understood by a listener.

use std::sync::{Arc, OnceLock};

use rose::providers::ProviderError;
use rose::providers::tts::{Kokoro, Rendering, TextToSpeech};

use super::contract::contract;
use super::local::{self, settings};
use super::{STORY, chunk, say, spoken};

const MODEL: &str = "kokoro-82m";

fn load(places: usize, rendering: Rendering) -> Arc<dyn TextToSpeech> {
    let (voice, runtime) = local::files(MODEL);
    Arc::new(Kokoro::load(voice, runtime, &settings(MODEL, places), rendering).expect("the voice loads"))
}

fn kokoro(places: usize) -> Arc<dyn TextToSpeech> {
    load(places, Rendering::Live)
}

/// Loaded once for the tests that don't fill its queue.
fn shared() -> Arc<dyn TextToSpeech> {
    static KOKORO: OnceLock<Arc<dyn TextToSpeech>> = OnceLock::new();
    Arc::clone(KOKORO.get_or_init(|| kokoro(64)))
}

contract!(kokoro);

#[derive(serde::Deserialize)]
struct Case {
    text: String,
    voice: String,
    samples: usize,
}

/// `tests/fixtures/make_kokoro_fixture.py` made it with Python's ONNX Runtime, of the symbols that the unit tests of
/// `phonemes` hold Rose's own to.
#[tokio::test]
async fn it_speaks_as_its_model_file_does() {
    let flags = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    if flags.contains("amx_int8") {
        println!("not judged here: with AMX, ONNX Runtime's own byte products are not those of the fixture");
        return;
    }
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("../../fixtures/kokoro.json")).expect("the fixture is JSON");
    let mut sound =
        hound::WavReader::new(&include_bytes!("../../fixtures/kokoro.wav")[..]).expect("the fixture is a WAV");
    let expected: Vec<f32> =
        sound.samples::<i16>().map(|sample| f32::from(sample.expect("a sample")) / 32_767.0).collect();
    let voice = load(4, Rendering::Reference);
    let mut expected = expected.as_slice();
    for case in &cases {
        let (reference, rest) = expected.split_at(case.samples);
        expected = rest;
        let mut request = say(&case.text);
        request.voice = Some(case.voice.clone());
        let clip = spoken(&voice, request).await;
        assert_eq!(clip.samples.len(), reference.len(), "{}", case.text);
        let worst = clip.samples.iter().zip(reference).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-3, "{}: a sample is off by {worst}", case.text);
    }
    assert!(expected.is_empty());
}

#[tokio::test]
async fn every_sentence_is_at_one_level() {
    local::is_at_one_level(&shared()).await;
}

#[cfg(feature = "stt-whisper")]
#[tokio::test]
async fn it_is_understood() {
    local::is_understood(&shared(), None, 0.2).await;
    local::is_understood(&shared(), Some("bm_george"), 0.2).await;
}

/// The rate at which the voice's cords open, in Hz: where a stretch of speech is most like itself a moment later.
fn median_pitch(samples: &[f32], rate: u32) -> f32 {
    let lags = (rate / 400) as usize..(rate / 70) as usize;
    let mut pitches = Vec::new();
    for stretch in samples.chunks_exact(2048) {
        let energy: f32 = stretch.iter().map(|sample| sample * sample).sum();
        let likeness = |lag: usize| stretch.iter().zip(&stretch[lag..]).map(|(a, b)| a * b).sum::<f32>();
        let best = lags.clone().max_by(|one, other| likeness(*one).total_cmp(&likeness(*other)));
        if let Some(lag) = best.filter(|lag| energy > 1.0 && likeness(*lag) > 0.5 * energy) {
            pitches.push(rate as f32 / lag as f32);
        }
    }
    pitches.sort_by(f32::total_cmp);
    pitches[pitches.len() / 2]
}

#[tokio::test]
async fn the_default_voice_is_a_womans() {
    let voice = shared();
    let clip = spoken(&voice, say(STORY)).await;
    let pitch = median_pitch(&clip.samples, clip.rate.0);
    assert!((150.0..280.0).contains(&pitch), "its median pitch is {pitch} Hz");
    let mut request = say(STORY);
    request.voice = Some("am_michael".into());
    let clip = spoken(&voice, request).await;
    let mans = median_pitch(&clip.samples, clip.rate.0);
    assert!((70.0..150.0).contains(&mans), "a man's median pitch is {mans} Hz");
}

#[tokio::test]
async fn its_voices_have_names_and_languages() {
    let voices = shared().voices();
    assert_eq!(voices.len(), 41);
    assert_eq!((voices[0].name.as_str(), voices[0].language.as_deref()), ("af_heart", Some("en-US")));
    for (name, language) in [("bf_emma", "en-GB"), ("ff_siwis", "fr-FR"), ("pm_alex", "pt-BR"), ("hf_alpha", "hi")] {
        let voice = voices.iter().find(|voice| voice.name == name).expect(name);
        assert_eq!(voice.language.as_deref(), Some(language));
    }
    assert!(!voices.iter().any(|voice| voice.name.starts_with(['j', 'z'])), "no phonemes can be had for these");
}

#[tokio::test]
async fn every_language_is_spoken() {
    let voice = shared();
    for (name, text) in [
        ("bf_emma", "Good evening, and welcome home."),
        ("ef_dora", "Buenas noches, bienvenida a casa."),
        ("ff_siwis", "Bonsoir, et bienvenue à la maison."),
        ("hf_alpha", "नमस्ते, घर में आपका स्वागत है।"),
        ("if_sara", "Buonasera, e bentornata a casa."),
        ("pf_dora", "Boa noite, e bem-vinda de volta."),
    ] {
        let mut request = say(text);
        request.voice = Some(name.into());
        let clip = spoken(&voice, request).await;
        assert!((0.8..5.0).contains(&clip.duration().as_secs_f32()) && clip.rms() > 0.01, "{name}");
    }
}

#[tokio::test]
async fn a_sentence_begins_with_its_first_clause() {
    let voice = shared();
    let mut stream = voice.speak(say(STORY)).await.expect("the request is taken");
    let first = chunk(&mut stream).await.clip.duration().as_secs_f32();
    assert!((0.5..4.0).contains(&first), "the first chunk lasts {first} s");
}

/// A text of more symbols than the model takes at once is said to its end.
#[tokio::test]
async fn nothing_of_a_long_text_is_dropped() {
    let voice = shared();
    let sentence = "and there was a river, and beyond the river a hill, ";
    let once = spoken(&voice, say(sentence)).await.duration().as_secs_f32();
    let long = spoken(&voice, say(&sentence.repeat(12))).await.duration().as_secs_f32();
    assert!((0.75..1.1).contains(&(long / (12.0 * once))), "once {once} s, twelve times {long} s");
}

#[tokio::test]
async fn an_unknown_voice_is_answered_with_those_that_there_are() {
    let mut request = say("Good evening.");
    request.voice = Some("jf_alpha".into());
    let Err(ProviderError::InvalidInput { reason, .. }) = shared().speak(request).await else { panic!("it was taken") };
    assert!(reason.contains("af_heart") && reason.contains("ff_siwis"), "{reason}");
}
