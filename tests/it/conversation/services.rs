//! A turn whose language model is a service that breaks off.

use axum::body::Body;
use axum::response::IntoResponse;
use axum::routing::post;
use rose::config::LlmBackend;
use rose::domain::ids::UserId;
use tokio::net::TcpListener;

use super::{ask, session};
use crate::support::app::TestApp;

/// Streams `said` as one chunk of <https://platform.openai.com/docs/api-reference/chat-streaming>, and no end.
async fn breaks_off(said: &'static str) -> String {
    let choice = serde_json::json!({"choices": [{"index": 0, "delta": {"content": said}}]});
    let body = format!("data: {choice}\n\n");
    let answer = move || async move { ([("content-type", "text/event-stream")], Body::from(body)).into_response() };
    let router = axum::Router::new().route("/chat/completions", post(answer));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

async fn reply(said: &'static str, backends: &[LlmBackend]) -> String {
    let url = breaks_off(said).await;
    let app = TestApp::fake_with(|config| {
        config.llm.backends = backends.to_vec();
        config.llm.openai.api.base_url = url;
    })
    .await;
    let user = UserId::generate();
    let session = session(&app.app, user).await;
    ask(&app.app, user, session, "Tell me about the old lighthouse.").await.text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_one_answers_where_nothing_was_said_yet() {
    let text = reply("The sea was", &[LlmBackend::OpenAi, LlmBackend::Fake]).await;
    assert!(text.contains("lighthouse") && !text.contains("The sea was"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_said_stands_and_is_followed_by_an_apology() {
    for backends in [&[LlmBackend::OpenAi, LlmBackend::Fake][..], &[LlmBackend::OpenAi]] {
        let text = reply("The sea was calm that night. And then it", backends).await;
        let said = "The sea was calm that night. Oh, I'm sorry, I lost the rest of that thought.";
        assert!(text.starts_with(said), "{text}");
    }
}
