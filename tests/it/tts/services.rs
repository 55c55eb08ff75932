//! Voices of services against a server of our own that speaks as published:
//! <https://platform.openai.com/docs/api-reference/audio/createSpeech>,
//! <https://elevenlabs.io/docs/api-reference/text-to-speech/stream>.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use futures::FutureExt;
use rose::audio::{Encoding, encode};
use rose::config::{ApiConfig, FakeTtsConfig, RemoteTtsConfig};
use rose::domain::audio::SampleRate;
use rose::providers::Place;
use rose::providers::tts::{ElevenLabsVoice, FakeVoice, OpenAiVoice, TextToSpeech, collect};
use serde_json::Value;

use super::{contract, say, spoken};
use crate::support::service::{Answer, Request, Service, keeps_to_the_rules};

/// The fake's sound, in pieces that end in the middle of a sample.
fn sound(text: &str, speed: f32, rate: u32) -> Answer {
    let config = FakeTtsConfig { sample_rate: SampleRate(rate), concurrency: 1, chunk_delay: Duration::ZERO };
    let voice = FakeVoice::new(&config);
    // Minutes of sound would only take time.
    let words: Vec<&str> = text.split_whitespace().take(100).collect();
    let mut request = say(&words.join(" "));
    request.speed = speed;
    let stream = voice.speak(request).now_or_never().expect("the fake doesn't wait").unwrap();
    let clip = collect(SampleRate(rate), stream).now_or_never().expect("the fake doesn't wait").unwrap().clip;
    let bytes = encode(&clip, Encoding::Pcm16);
    ("audio/pcm", bytes.chunks(4097).map(Bytes::copy_from_slice).collect())
}

fn openai_answer(request: &Request) -> Answer {
    let asked: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(asked["response_format"], "pcm");
    sound(asked["input"].as_str().unwrap(), asked["speed"].as_f64().unwrap() as f32, 24_000)
}

fn elevenlabs_answer(request: &Request) -> Answer {
    let asked: Value = serde_json::from_slice(&request.body).unwrap();
    let speed = asked["voice_settings"]["speed"].as_f64().unwrap();
    assert!((0.69..=1.21).contains(&speed), "{speed} is refused with 422");
    sound(asked["text"].as_str().unwrap(), speed as f32, 22_050)
}

fn config(api: ApiConfig, voices: &[&str], rate: u32) -> RemoteTtsConfig {
    let voices = voices.iter().map(|voice| (*voice).to_owned()).collect();
    RemoteTtsConfig { api, voices, sample_rate: SampleRate(rate) }
}

mod openai {
    use super::*;

    fn served(_places: usize) -> Arc<dyn TextToSpeech> {
        let service = Service::start(&[], openai_answer);
        let config = config(service.api("gpt-4o-mini-tts"), &["coral", "sage"], 24_000);
        Arc::new(OpenAiVoice::new("openai", &config, Place::Last).unwrap())
    }

    // Its places are the service's own matter; a full one answers 429, which the rules below cover.
    contract::contract!(
        served,
        speaks,
        comes_in_chunks_that_join,
        stops_when_cancelled,
        is_cancelled_before_it_begins,
        gives_its_place_back_when_dropped,
        refuses_an_unknown_voice,
        takes_each_of_its_voices,
        refuses_a_text_without_words,
        refuses_a_pace_out_of_range,
        takes_every_script,
        speaks_faster_and_slower,
        says_what_it_is
    );

    #[tokio::test]
    async fn it_keeps_to_the_rules() {
        keeps_to_the_rules(openai_answer, "lighthouse", 1, async |api, place| {
            let voice = OpenAiVoice::new("openai", &config(api, &["coral"], 24_000), place)?;
            let stream = voice.speak(say("An old lighthouse.")).await?;
            collect(voice.sample_rate(), stream).await.map(|_| ())
        })
        .await;
    }
}

mod elevenlabs {
    use super::*;

    fn voice_of(service: &Service) -> Arc<dyn TextToSpeech> {
        let config = config(service.api("eleven_flash_v2_5"), &["JBFqnCBsd6RMkjVDRZzb"], 22_050);
        Arc::new(ElevenLabsVoice::new(&config, Place::Last).unwrap())
    }

    fn served(_places: usize) -> Arc<dyn TextToSpeech> {
        voice_of(&Service::start(&[], elevenlabs_answer))
    }

    // Places as above; and it takes paces from 0.7 to 1.2 only.
    contract::contract!(
        served,
        speaks,
        comes_in_chunks_that_join,
        stops_when_cancelled,
        is_cancelled_before_it_begins,
        gives_its_place_back_when_dropped,
        refuses_an_unknown_voice,
        takes_each_of_its_voices,
        refuses_a_text_without_words,
        refuses_a_pace_out_of_range,
        takes_every_script,
        says_what_it_is
    );

    #[tokio::test]
    async fn it_is_asked_as_published() {
        let service = Service::start(&[], elevenlabs_answer);
        let mut request = say("Good evening.");
        request.speed = 2.0;
        spoken(&voice_of(&service), request).await;
        let asked = &service.requests()[0];
        assert_eq!(asked.path, "/text-to-speech/JBFqnCBsd6RMkjVDRZzb/stream?output_format=pcm_22050");
        assert_eq!(asked.headers["xi-api-key"], "a-very-secret-key");
        assert!(!asked.headers.contains_key("authorization"));
        let body: Value = serde_json::from_slice(&asked.body).unwrap();
        assert_eq!((&body["text"], &body["model_id"]), (&"Good evening.".into(), &"eleven_flash_v2_5".into()));
    }

    #[tokio::test]
    async fn it_keeps_to_the_rules() {
        keeps_to_the_rules(elevenlabs_answer, "lighthouse", 1, async |api, place| {
            let voice = ElevenLabsVoice::new(&config(api, &["JBFqnCBsd6RMkjVDRZzb"], 22_050), place)?;
            let stream = voice.speak(say("An old lighthouse.")).await?;
            collect(voice.sample_rate(), stream).await.map(|_| ())
        })
        .await;
    }
}
