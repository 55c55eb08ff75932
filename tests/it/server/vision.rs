//! A picture in a message: Groq's vision model is asked, and what it sees is the answer.
//! Format and model: <https://console.groq.com/docs/vision>.

use axum::body::Bytes;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use rose::config::{Judgement, LlmBackend, Price};
use rose::domain::metering::Unit;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::events;
use crate::support::person::assert_refused;
use crate::support::recordings;
use crate::support::service::{Answer, Request, Service};

/// Tells which model was asked, and how many pictures it was shown.
fn describes(request: &Request) -> Answer {
    let asked: Value = serde_json::from_slice(&request.body).expect("Rose sends JSON");
    let shown =
        asked["messages"].as_array().expect("messages").iter().flat_map(|message| message["content"].as_array());
    let pictures = shown.flatten().filter(|part| part["type"] == "image_url").count();
    let vision = asked["model"] == "qwen/qwen3.8-27b";
    let said = match (vision, pictures) {
        (true, 1) => "I see a white lighthouse above the sea.",
        (false, 0) => "The sea is calm tonight.",
        _ => "Something went astray.",
    };
    let chunk = json!({"choices": [{"index": 0, "delta": {"content": said}, "finish_reason": null}]});
    let end = json!({
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 900, "completion_tokens": 11, "total_tokens": 911},
    });
    ("text/event-stream", vec![Bytes::from(format!("data: {chunk}\n\ndata: {end}\n\ndata: [DONE]\n\n"))])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_in_a_message_is_described() {
    let service = Service::start(&[], describes);
    let app = TestApp::fake_with(|config| {
        config.llm.backends = vec![LlmBackend::Groq];
        // Its questions about what to keep would be counted too.
        config.judgement.by = Judgement::Rules;
        // The settings' own models; elsewhere and with a key.
        let model = config.llm.groq.api.model.clone();
        config.llm.groq.api = service.api(&model);
        for (unit, per_million) in [(Unit::PromptTokens, 0.11), (Unit::CompletionTokens, 0.34)] {
            let (backend, model) = ("groq".to_owned(), "qwen/qwen3.8-27b".to_owned());
            config.prices.items.push(Price { backend, model, unit, per_million });
        }
    })
    .await;
    let person = app.stranger();
    let session = person.start_session().await;
    let picture = BASE64_STANDARD.encode(recordings::png());
    let body = json!({"session_id": session, "message": "What do you see in this photograph?", "images": [picture]});
    let events = person.chat_events(&body).await;
    let reply = events::reply(&events);
    assert!(reply.starts_with("I see a white lighthouse above the sea."), "{reply}");

    let usage = events::of(&events, "done")[0]["usage"].as_array().expect("a list").clone();
    let used = |unit: &str| usage.iter().find(|one| one["unit"] == unit).unwrap_or_else(|| panic!("{usage:?}")).clone();
    assert_eq!(used("prompt_tokens")["amount"], 900.0);
    assert_eq!(used("prompt_tokens")["backend"], "groq");
    assert_eq!(used("completion_tokens")["model"], "qwen/qwen3.8-27b");
    // 900 at 0.11 and 11 at 0.34 a million.
    let cost: f64 = usage.iter().map(|one| one["cost"].as_f64().expect("a number")).sum();
    assert!((cost - (900.0 * 0.11 + 11.0 * 0.34) / 1e6).abs() < 1e-12, "{usage:?}");

    assert_eq!(person.ask(&session, "And how is the sea?").await, "The sea is calm tonight.");
}

#[tokio::test]
async fn where_no_model_sees_pictures_it_is_said_and_nothing_is_kept() {
    let app = TestApp::fake_with(|config| config.llm.backends = vec![LlmBackend::Local]).await;
    let person = app.stranger();
    assert_eq!(person.get_json("/api/capabilities").await["sees_pictures"], false);
    let session = person.start_session().await;
    let picture = BASE64_STANDARD.encode(recordings::png());
    let body = json!({"session_id": session, "message": "What do you see?", "images": [picture]});
    assert_refused(person.send(Method::POST, "/api/chat", &body).await, 501, "not_enabled").await;
    assert_eq!(person.get_json(&format!("/api/sessions/{session}")).await["messages"], json!([]));
}

/// Without a key or a service: by a tiny model with random weights, whose words mean nothing but change with the picture.
#[cfg(feature = "llm-llama")]
mod offline {
    use std::path::{Path, PathBuf};
    use std::time::{Duration, Instant};

    use rose::config::ModelReference;

    use super::*;

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/vision").join(name)
    }

    async fn seeing(beside: bool) -> TestApp {
        TestApp::fake_with(|config| {
            config.llm.backends = vec![LlmBackend::Local];
            let (model, projector) = (ModelReference::Path(fixture("model.gguf")), Some(fixture("projector.gguf")));
            if beside {
                (config.llm.local.vision.model, config.llm.local.vision.projector) = (model, projector);
            } else {
                (config.llm.local.model, config.llm.local.projector) = (model, projector);
            }
            config.llm.max_reply_tokens = 24;
            config.care.probe = false;
        })
        .await
    }

    /// A picture of one colour, in one of the web's formats.
    fn picture(red: u8, format: image::ImageFormat) -> String {
        let pixels = image::RgbImage::from_pixel(64, 64, image::Rgb([red, 60, 90]));
        let mut bytes = std::io::Cursor::new(Vec::new());
        image::DynamicImage::ImageRgb8(pixels).write_to(&mut bytes, format).expect("a picture");
        BASE64_STANDARD.encode(bytes.into_inner())
    }

    async fn completion(app: &TestApp, picture: &str) -> Value {
        let url = format!("data:image/png;base64,{picture}");
        let content = json!([
            {"type": "text", "text": "What is it?"},
            {"type": "image_url", "image_url": {"url": url}},
        ]);
        let body = json!({
            "model": "rose", "messages": [{"role": "user", "content": content}],
            "temperature": 0, "seed": 1, "max_tokens": 16,
        });
        crate::support::person::json_of(app.stranger().send(Method::POST, "/v1/chat/completions", &body).await).await
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_picture_is_seen_under_v1() {
        let app = seeing(false).await;
        let said = async |picture: &str| {
            let answer = completion(&app, picture).await;
            // Two tiles of four rows each, with the marks around them and the words.
            assert!(answer["usage"]["prompt_tokens"].as_u64().expect("a number") > 30, "{answer}");
            answer["choices"][0]["message"]["content"].as_str().expect("text").to_owned()
        };
        let first = said(&picture(250, image::ImageFormat::Png)).await;
        assert_eq!(first, said(&picture(250, image::ImageFormat::Png)).await, "the same picture, computed once");
        assert_ne!(first, said(&picture(0, image::ImageFormat::Png)).await, "another picture");
        for format in [image::ImageFormat::Jpeg, image::ImageFormat::WebP, image::ImageFormat::Gif] {
            said(&picture(250, format)).await;
        }
        app.stop().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_model_that_sees_stands_beside_one_that_does_not() {
        let app = seeing(true).await;
        let person = app.stranger();
        assert_eq!(person.get_json("/api/capabilities").await["sees_pictures"], true);
        let session = person.start_session().await;
        let images = [picture(250, image::ImageFormat::Png)];
        let body = json!({"session_id": session, "message": "What do you see?", "images": images});
        let events = person.chat_events(&body).await;
        assert!(!events::reply(&events).is_empty());
        assert!(!person.ask(&session, "And what else?").await.is_empty());
        app.stop().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_hostile_picture_costs_nothing() {
        let app = seeing(false).await;
        let person = app.stranger();
        let session = person.start_session().await;
        let mut huge = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xc3\x50\0\0\xc3\x50\x08\x02\0\0\0".to_vec();
        huge.extend_from_slice(&0xc4cd_aa9d_u32.to_be_bytes());
        huge.extend_from_slice(b"\0\0\0\0IDAT");
        let cut = &recordings::png()[..40];
        for hostile in [huge.as_slice(), cut, b"GIF89a\xff\xff\xff\xff", b"\xff\xd8\xff\xe0"] {
            let images = [BASE64_STANDARD.encode(hostile)];
            let body = json!({"session_id": session, "message": "What do you see?", "images": images});
            let started = Instant::now();
            let response = person.send(Method::POST, "/api/chat", &body).await;
            let took = started.elapsed();
            assert!(response.status().is_client_error(), "{}", response.status());
            // Far above what it takes, far below what decoding 2.5 billion pixels would.
            assert!(took < Duration::from_secs(2), "{took:?}");
        }
        app.stop().await;
    }

    #[tokio::test]
    async fn a_projector_of_another_model_is_named() {
        let mut config = crate::support::settings::tiny();
        config.llm.local.projector = Some(fixture("projector.gguf"));
        let models = rose::weights::ModelStore::open(&config.models).expect("a models folder");
        let Err(error) = rose::providers::llm::build(&config.llm, &models) else { panic!("it was taken") };
        assert!(error.to_string().contains("projector"), "{error}");
    }
}
