//! `/v1/audio/speech` beyond what the clients try: every format holds the same sound, by our decoder and by ffmpeg's.

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::{Method, Response};
use rose::audio::{DurationLimits, SYNTHETIC, decode, resample, samples_from_pcm16};
use rose::domain::audio::{Clip, SampleRate};
use serde_json::{Value, json};

use crate::audio::made::{alignment, converted};
use crate::support::app::TestApp;

const SHORT: &str = "The sea is calm tonight.";

async fn ask(app: &TestApp, body: &Value) -> Response {
    app.stranger().send(Method::POST, "/v1/audio/speech", body).await
}

async fn spoken(app: &TestApp, text: &str, format: &str) -> Vec<u8> {
    let response = ask(app, &json!({"model": "any", "voice": "Tone", "input": text, "response_format": format})).await;
    assert_eq!(response.status().as_u16(), 200, "{format}");
    response.bytes().await.expect("the sound").to_vec()
}

/// By our decoder, and by ffmpeg's to a WAV.
fn both(bytes: &[u8], file: &str) -> [Clip; 2] {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(file);
    std::fs::write(&path, bytes).expect("a file");
    let by_ffmpeg = converted(Path::new(&path), "a.wav", &["-c:a", "pcm_f32le"]);
    [bytes, &by_ffmpeg].map(|bytes| {
        let clip = decode(bytes, &DurationLimits::ANY).unwrap_or_else(|error| panic!("{file}: {error}"));
        resample(&clip, SampleRate::REALTIME)
    })
}

#[tokio::test]
async fn every_format_holds_the_sound_that_went_in() {
    let app = TestApp::fake().await;
    let long = "The sea is calm tonight. The tide is full, the moon lies fair. ".repeat(6);
    for text in [SHORT, &long] {
        let pcm = samples_from_pcm16(&spoken(&app, text, "pcm").await);
        // What a codec's encoder adds, in samples at 24 kHz; an MP3 that is sent as it is made can't say it.
        for (format, likeness, delay) in
            [("wav", 0.99999, 0), ("FLAC", 0.99999, 0), ("Opus", 0.9, 60), ("mp3", 0.9, 1_700), ("aac", 0.9, 2_200)]
        {
            let bytes = spoken(&app, text, format).await;
            let marked = bytes.windows(SYNTHETIC.len()).any(|part| part == SYNTHETIC.as_bytes());
            assert!(marked, "{format} does not say that it is synthetic");
            for (decoder, clip) in ["ours", "ffmpeg"].iter().zip(both(&bytes, &format!("a.{}", format.to_lowercase())))
            {
                let (lag, alike) = alignment(&clip.samples, &pcm, delay + 10);
                let longer = clip.samples.len().abs_diff(pcm.len());
                assert!(alike >= likeness, "{format} by {decoder}: likeness {alike} at {lag}");
                assert!(longer <= 3_000, "{format} by {decoder}: {longer} samples");
            }
        }
    }
}

#[tokio::test]
async fn a_wav_says_its_length_where_it_is_known() {
    let app = TestApp::fake().await;
    let stated = |wav: &[u8]| u32::from_le_bytes([wav[4], wav[5], wav[6], wav[7]]);
    let short = spoken(&app, SHORT, "WAV").await;
    assert_eq!(stated(&short) as usize, short.len() - 8);
    let long = spoken(&app, &SHORT.repeat(20), "wav").await;
    assert_eq!(stated(&long), u32::MAX, "it is sent while it is spoken");
}

#[tokio::test]
async fn events_hold_the_same_file() {
    let app = TestApp::fake().await;
    let pcm = spoken(&app, SHORT, "pcm").await;
    let body = json!({"input": SHORT, "voice": "tone", "response_format": "pcm", "stream_format": "SSE"});
    let response = ask(&app, &body).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let text = response.text().await.expect("the stream");
    let events: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).expect("JSON"))
        .collect();
    let (last, deltas) = events.split_last().expect("events");
    let sound: Vec<u8> = deltas
        .iter()
        .flat_map(|event| {
            assert_eq!(event["type"], "speech.audio.delta");
            BASE64_STANDARD.decode(event["audio"].as_str().expect("base64")).expect("base64")
        })
        .collect();
    assert!(sound == pcm, "{} bytes, not {}", sound.len(), pcm.len());
    assert_eq!(last["type"], "speech.audio.done");
    assert_eq!(last["usage"]["total_tokens"].as_u64(), Some(SHORT.len() as u64));
}

#[tokio::test]
async fn what_is_not_made_is_refused_with_what_is() {
    let app = TestApp::fake().await;
    for (field, value, named) in [("response_format", "amr", "aac"), ("stream_format", "websocket", "sse")] {
        let response = ask(&app, &json!({"input": SHORT, "voice": "tone", field: value})).await;
        assert_eq!(response.status().as_u16(), 400);
        let refused: Value = response.json().await.expect("JSON");
        let message = refused["error"]["message"].as_str().expect("a message");
        assert!(message.contains(field) && message.contains(value) && message.contains(named), "{message}");
    }
}
