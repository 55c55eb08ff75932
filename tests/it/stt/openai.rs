//! The OpenAI protocol's transcriptions against a server of our own that speaks it as published:
//! <https://console.groq.com/docs/speech-to-text>,
//! <https://platform.openai.com/docs/api-reference/audio/verbose-json-object>.

use std::sync::Arc;

use axum::body::Bytes;
use rose::domain::audio::{Clip, SampleRate};
use rose::providers::Place;
use rose::providers::stt::{OpenAiSpeechToText, SpeechToText};
use serde_json::json;

use super::contract::contract;
use super::request;
use crate::audio::original;
use crate::support::service::{Answer, Request, Service, keeps_to_the_rules};

fn verbose(_: &Request) -> Answer {
    let segment = |id: u32, start: f64, end: f64, text: &str, silence: f64, likely: f64| {
        json!({"id": id, "seek": 0, "start": start, "end": end, "text": text, "tokens": [1], "temperature": 0.0,
            "avg_logprob": likely, "compression_ratio": 1.2, "no_speech_prob": silence})
    };
    let segments = json!([
        segment(0, 0.0, 4.4, " And so, my fellow Americans,", 0.01, -0.2),
        segment(1, 4.4, 11.0, " ask not what your country can do for you.", 0.7, -0.3),
        segment(2, 11.0, 12.0, " Thanks for watching!", 0.9, -1.4),
    ]);
    let text = " And so, my fellow Americans, ask not what your country can do for you. Thanks for watching!";
    let body =
        json!({"task": "transcribe", "language": "English", "duration": 11.0, "text": text, "segments": segments});
    ("application/json", vec![Bytes::from(body.to_string())])
}

fn plain(_: &Request) -> Answer {
    ("application/json", vec![Bytes::from(json!({"text": " Ask not. "}).to_string())])
}

fn served(_places: usize) -> Arc<dyn SpeechToText> {
    let service = Service::start(&[], verbose);
    Arc::new(OpenAiSpeechToText::new("groq", &service.api("whisper-large-v3-turbo"), Place::Last).unwrap())
}

// Its places are the service's own matter; a full one answers 429, which the rules below cover.
contract!(
    served,
    transcribes,
    hears_nothing_in_silence,
    is_cancelled_before_it_begins,
    is_cancelled_while_it_works,
    gives_its_place_back_when_dropped,
    refuses_another_rate,
    says_what_it_is
);

#[tokio::test]
async fn it_is_asked_as_published_and_what_was_made_up_for_silence_is_left_out() {
    let service = Service::start(&[], verbose);
    let groq = OpenAiSpeechToText::new("groq", &service.api("whisper-large-v3-turbo"), Place::Last).unwrap();
    let mut request = request(original("jfk.wav"));
    request.language = Some("en".into());
    let heard = groq.transcribe(request).await.unwrap();
    assert_eq!(heard.text, "And so, my fellow Americans, ask not what your country can do for you.");
    assert_eq!(heard.language.as_deref(), Some("en"));
    assert_eq!(heard.segments.len(), 2);

    let asked = &service.requests()[0];
    assert_eq!(asked.path, "/audio/transcriptions");
    assert_eq!(asked.headers["authorization"], "Bearer a-very-secret-key");
    let body = String::from_utf8_lossy(&asked.body);
    for field in ["name=\"model\"", "whisper-large-v3-turbo", "verbose_json", "name=\"language\"", "speech.wav", "RIFF"]
    {
        assert!(body.contains(field), "{field} is not in the form");
    }
}

#[tokio::test]
async fn a_model_that_tells_no_times_is_heard_too() {
    let service = Service::start(&[], plain);
    let model = OpenAiSpeechToText::new("openai", &service.api("gpt-4o-transcribe"), Place::Last).unwrap();
    let heard = model.transcribe(request(original("jfk.wav"))).await.unwrap();
    assert_eq!((heard.text.as_str(), heard.segments.len()), ("Ask not.", 1));
}

#[tokio::test]
async fn silence_costs_nothing() {
    let service = Service::start(&[], verbose);
    let groq = OpenAiSpeechToText::new("groq", &service.api("whisper-large-v3-turbo"), Place::Last).unwrap();
    let silence = Clip::new(vec![0.0; 32_000], SampleRate::SPEECH);
    assert!(groq.transcribe(request(silence)).await.unwrap().text.is_empty());
    assert!(service.requests().is_empty());
}

#[tokio::test]
async fn it_keeps_to_the_rules() {
    keeps_to_the_rules(verbose, "fellow", 1, async |api, place| {
        let groq = OpenAiSpeechToText::new("groq", &api, place)?;
        groq.transcribe(request(original("austen-0890.wav"))).await.map(|_| ())
    })
    .await;
}
