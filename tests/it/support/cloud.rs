//! A stand-in for the cloud: every service of a turn in one, in the OpenAI protocol's published format, as slow as such
//! services are. <https://platform.openai.com/docs/api-reference>

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::StreamExt;
use rose::domain::embedding::Embedding;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::sleep;

/// Of a day's ordinary calls from one continent: until the words of some seconds of speech, the first word, between two, the
/// first sound, and an embedding.
const HEARS: Duration = Duration::from_millis(350);
const FIRST_WORD: Duration = Duration::from_millis(250);
const WORD: Duration = Duration::from_millis(6);
const FIRST_SOUND: Duration = Duration::from_millis(200);
const EMBEDS: Duration = Duration::from_millis(80);

pub const WIDTH: usize = 384;

/// Its address; it lives as long as the test's runtime.
pub async fn start(hears: &'static str, says: &'static str) -> String {
    let router = Router::new()
        .route("/models", get(async || Json(json!({"object": "list", "data": [{"id": "default"}]}))))
        .route("/audio/transcriptions", post(async move || hear(hears).await))
        .route("/chat/completions", post(async move || reply(says)))
        .route("/audio/speech", post(speak))
        .route("/embeddings", post(embed))
        .layer(axum::extract::DefaultBodyLimit::disable());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
    url
}

async fn hear(text: &str) -> Json<Value> {
    sleep(HEARS).await;
    Json(json!({"task": "transcribe", "language": "english", "duration": 11.0, "text": text,
        "segments": [{"id": 0, "start": 0.0, "end": 11.0, "text": text}]}))
}

fn reply(text: &'static str) -> Response {
    let words: Vec<&str> = text.split_inclusive(' ').collect();
    let count = words.len();
    let chunk =
        |content: &str| json!({"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": null}]});
    // As Groq's models that reason do, before the first word.
    let thought = |text: &str| json!({"choices": [{"index": 0, "delta": {"reasoning": text}, "finish_reason": null}]});
    let thoughts =
        ["The person asks for a story. ", "Keep it short."].map(|text| format!("data: {}\n\n", thought(text)));
    let mut events: Vec<String> = thoughts.into_iter().collect();
    events.extend(words.into_iter().map(|word| format!("data: {}\n\n", chunk(word))));
    let end = json!({
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 400, "completion_tokens": count, "total_tokens": 400 + count},
    });
    events.push(format!("data: {end}\n\ndata: [DONE]\n\n"));
    let events = futures::stream::iter(events.into_iter().enumerate()).then(|(number, event)| async move {
        sleep(if number == 0 { FIRST_WORD } else { WORD }).await;
        Ok::<_, std::io::Error>(event)
    });
    ([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)).into_response()
}

/// A quiet tone of a sixteenth of a second for each character, at 24 kHz.
async fn speak(Json(asked): Json<Value>) -> Response {
    sleep(FIRST_SOUND).await;
    let length = asked["input"].as_str().expect("a text").chars().count() * 1_500;
    let samples = (0..length).map(|t| (3_000.0 * (t as f32 * 0.06).sin()) as i16);
    let bytes: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
    ([(CONTENT_TYPE, "audio/pcm")], Bytes::from(bytes)).into_response()
}

/// By the letters: the same text is at the same place.
async fn embed(Json(asked): Json<Value>) -> Json<Value> {
    sleep(EMBEDS).await;
    let texts = asked["input"].as_array().expect("texts");
    let one = |(index, text): (usize, &Value)| {
        let mut values = vec![0.01; WIDTH];
        text.as_str().expect("a text").bytes().for_each(|byte| values[usize::from(byte)] += 1.0);
        json!({"object": "embedding", "index": index, "embedding": Embedding::normalised(values).as_slice()})
    };
    let data: Vec<Value> = texts.iter().enumerate().map(one).collect();
    Json(json!({"object": "list", "data": data, "usage": {"prompt_tokens": 12, "total_tokens": 12}}))
}
