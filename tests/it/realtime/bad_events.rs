//! What is wrong is told, with the event's id, and the connection goes on.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::client::Client;
use crate::support::app::TestApp;
use crate::support::person::assert_refused;

#[tokio::test]
async fn a_bad_event_is_answered_with_its_id_and_the_next_one_is_followed() {
    let app = TestApp::fake().await;
    let mut client = Client::connect(&app.url).await;
    let session = |session: Value| json!({"type": "session.update", "session": session});
    let item = |item: Value| json!({"type": "conversation.item.create", "item": item});
    let message = |content: Value| item(json!({"type": "message", "role": "user", "content": content}));
    let bad = [
        json!({}),
        json!({"type": "response.createe"}),
        json!({"type": "session.update"}),
        session(json!({"audio": {"input": {"format": {"type": "audio/mp3"}}}})),
        session(json!({"audio": {"input": {"turn_detection": {"type": "telepathy"}}}})),
        session(json!({"output_modalities": ["smell"]})),
        session(json!({"audio": {"output": {"voice": "nobody"}}})),
        session(json!({"instructions": 7})),
        json!({"type": "input_audio_buffer.append"}),
        json!({"type": "input_audio_buffer.append", "audio": "not base64!"}),
        json!({"type": "input_audio_buffer.append", "audio": 5}),
        json!({"type": "input_audio_buffer.commit"}),
        item(json!({"type": "function_call_output"})),
        item(json!({"type": "message", "role": "robot", "content": [{"type": "text", "text": "I am Rose."}]})),
        item(json!({"type": "message", "role": "assistant", "content": [{"type": "input_text", "text": "I am."}]})),
        item(json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"})),
        item(json!({"type": "function_call_output", "call_id": "c", "output": "1"})),
        message(json!([])),
        message(json!([{"type": "input_text"}])),
        message(json!([{"type": "input_image", "image_url": "data:"}])),
        message(json!([{"type": "input_text", "text": "x".repeat(8_001)}])),
        json!({"type": "conversation.item.truncate", "item_id": "none", "content_index": 0, "audio_end_ms": 5}),
        json!({"type": "conversation.item.truncate", "item_id": "none", "content_index": 0, "audio_end_ms": -5}),
        json!({"type": "conversation.item.delete", "item_id": "none"}),
        json!({"type": "conversation.item.retrieve", "item_id": "none"}),
        json!({"type": "response.cancel"}),
        json!({"type": "response.create"}),
        json!({"type": "response.create", "response": {"conversation": "none"}}),
    ];
    for (number, mut event) in bad.into_iter().enumerate() {
        let id = format!("mine-{number}");
        event["event_id"] = id.as_str().into();
        client.send(event.clone()).await;
        let error = client.until("error").await["error"].clone();
        assert_eq!(error["event_id"], id.as_str(), "{event}: {error}");
        assert_eq!(error["type"], "invalid_request_error", "{event}: {error}");
        assert!(error["message"].as_str().is_some_and(|text| text.ends_with('.')), "{event}: {error}");
    }
    for raw in [Message::text("{"), Message::text("[]"), Message::binary(vec![1, 2, 3])] {
        client.send_raw(raw).await;
        client.until("error").await;
    }
    client.write("Still there?").await;
    client.ask().await;
    assert_eq!(client.until("response.done").await["response"]["status"], "completed");
}

#[tokio::test]
async fn too_much_sound_is_refused_and_what_was_there_stays() {
    let app = TestApp::fake_with(|config| config.conversation.max_recording = std::time::Duration::from_secs(2)).await;
    let mut client = Client::push_to_talk(&app.url).await;
    client.speak(&crate::audio::original("jfk.wav")).await;
    let error = client.until("error").await;
    assert_eq!(error["error"]["code"], "input_audio_buffer_full");
    client.send(json!({"type": "input_audio_buffer.clear"})).await;
    while client.until_any(&["error", "input_audio_buffer.cleared"]).await == "error" {}
    client.send(json!({"type": "input_audio_buffer.commit", "event_id": "c"})).await;
    assert_eq!(client.until("error").await["error"]["event_id"], "c", "nothing is left after a clear");
}

#[tokio::test]
async fn a_failing_engine_fails_the_response_only() {
    let app = TestApp::fake_with(|config| config.llm.fake.concurrency = 0).await;
    let mut client = Client::connect(&app.url).await;
    client.write("Good morning.").await;
    client.ask().await;
    let done = client.until("response.done").await;
    assert_eq!(done["response"]["status"], "failed");
    assert_eq!(done["response"]["status_details"]["error"]["code"], "busy");
    client.send(json!({"type": "session.update", "session": {"type": "realtime"}})).await;
    client.until("session.updated").await;
}

#[tokio::test]
async fn who_may_not_connect_is_told_by_status() {
    let app = TestApp::fake_with(|config| {
        config.server.allowed_origins = vec!["https://rose.example".into()];
        config.realtime.max_connections = 1;
    })
    .await;
    let refused = async |query: &str, headers: &[(&str, &str)]| {
        let refused = Client::connect_with(&app.url, query, headers).await.err().expect("refused");
        (refused.status, refused.body["error"]["code"].as_str().unwrap_or_default().to_owned())
    };
    for origin in ["https://evil.example", "null", "https://rose.example.evil.example"] {
        assert_eq!(refused("", &[("origin", origin)]).await, (403, "foreign_origin".into()), "{origin}");
    }
    assert_eq!(refused("?session_id=none", &[]).await, (400, "invalid_id".into()));
    let plain = app.stranger().get("/v1/realtime").await;
    assert_refused(plain, 422, "invalid_request").await;

    let own = app.url.clone();
    for origin in ["https://rose.example", &own] {
        // The place of the one before is free once the server has noticed that it went.
        let mut client = loop {
            match Client::connect_with(&app.url, "", &[("origin", origin)]).await {
                Ok(client) => break client,
                Err(refused) => assert_eq!(refused.status, 503, "{origin}"),
            }
        };
        assert_eq!(refused("", &[]).await, (503, "busy".into()), "the only place is taken");
        client.close().await;
    }
}

#[tokio::test]
async fn a_silent_client_is_let_go() {
    let app = TestApp::fake_with(|config| config.realtime.idle = std::time::Duration::from_millis(300)).await;
    let mut client = Client::connect(&app.url).await;
    client.until("session.created").await;
    assert_eq!(client.next().await, None);
}
