//! The OpenAI protocol's chat completions against a server of our own that speaks it as published:
//! <https://platform.openai.com/docs/api-reference/chat-streaming>, <https://console.groq.com/docs/errors>.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures::StreamExt;
use rose::config::{ApiConfig, FakeLlmConfig, ReasoningConfig, RemoteLlmConfig, Timeouts};
use rose::domain::image::{Image, ImageFormat};
use rose::domain::message::Role;
use rose::providers::breaker::BreakerState;
use rose::providers::llm::{
    ChatMessage, Delta, FakeLanguageModel, Finish, LanguageModel, OpenAiLanguageModel, Ordered, ReplyFormat,
    SchemaFormat, ToolChoice, collect,
};
use rose::providers::{Place, ProviderError};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::contract::contract;
use super::{Room, answer, ask, weather};

/// What the stand-in does with one request.
#[derive(Clone, Copy)]
enum Act {
    Reply,
    /// With these seconds to wait.
    Limited(&'static str),
    Status(u16),
    Garbage,
    /// The stream ends after its first chunk, without an end.
    Cut,
    /// The head comes, and nothing after it.
    Silent,
    /// Nothing comes.
    Hang,
    /// It thinks, then replies.
    Reasons,
    ReasonsAlone,
    /// It thinks within the text.
    ReasonsAloud,
    /// Far more words than asked for.
    Rambles,
    /// Two functions, in pieces.
    Calls,
    /// A function, whole, and without an index.
    CallsAtOnce,
}

#[derive(Default)]
struct Seen {
    acts: Mutex<VecDeque<Act>>,
    requests: Mutex<Vec<(HeaderMap, Value)>>,
}

struct StandIn {
    seen: Arc<Seen>,
    model: Arc<dyn LanguageModel>,
}

/// Does `acts` in order; past their end, it replies.
async fn stand_in(acts: &[Act]) -> StandIn {
    let seen = Arc::new(Seen { acts: Mutex::new(acts.iter().copied().collect()), requests: Mutex::default() });
    let router = axum::Router::new().route("/v1/chat/completions", post(complete)).with_state(Arc::clone(&seen));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    StandIn { seen, model: model(base_url, Place::Last) }
}

fn model(base_url: String, place: Place) -> Arc<dyn LanguageModel> {
    with_context(base_url, place, 512)
}

fn with_context(base_url: String, place: Place, context_tokens: usize) -> Arc<dyn LanguageModel> {
    let config = RemoteLlmConfig {
        api: ApiConfig {
            base_url,
            model: "openai/gpt-oss-120b".into(),
            key: Some("gsk_test".into()),
            timeouts: Timeouts {
                connect: Duration::from_secs(5),
                first_byte: Duration::from_millis(400),
                idle: Duration::from_millis(400),
            },
        },
        context_tokens,
        vision_model: Some("qwen/qwen3.8-27b".into()),
        reasoning: ReasoningConfig {
            effort: Some("low".into()),
            vision_effort: Some("none".into()),
            format: None,
            max_tokens: 100,
        },
        extra_body: [("include_reasoning".to_owned(), json!(false))].into_iter().collect(),
    };
    Arc::new(OpenAiLanguageModel::new("groq", &config, place).unwrap())
}

async fn complete(State(seen): State<Arc<Seen>>, headers: HeaderMap, body: Bytes) -> Response {
    seen.requests.lock().unwrap().push((headers, serde_json::from_slice(&body).unwrap()));
    let act = seen.acts.lock().unwrap().pop_front().unwrap_or(Act::Reply);
    let error = |code: &str| json!({"error": {"message": "No.", "type": "error", "code": code}}).to_string();
    let stream = |text: String| ([("content-type", "text/event-stream")], text).into_response();
    match act {
        Act::Reasons => stream(reasoning("The sea? ") + &chunk("The sea ") + &chunk("is calm.") + &ending()),
        Act::ReasonsAlone => stream(reasoning("The sea? ") + &reasoning("Calm?") + &ending()),
        Act::ReasonsAloud => {
            stream(chunk("<think>The") + &chunk(" sea?</th") + &chunk("ink>\n\nThe sea is calm.") + &ending())
        }
        Act::Calls => stream(
            calls(
                json!([{"index": 0, "id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": ""}}]),
            ) + &calls(json!([{"index": 0, "function": {"arguments": "{\"city\":"}}]))
                + &calls(json!([{"index": 0, "function": {"arguments": "\"Lisbon\"}"}}]))
                + &calls(
                    json!([{"index": 1, "id": "call_2", "type": "function", "function": {"name": "now", "arguments": ""}}]),
                )
                + &format!(
                    "data: {}\n\n",
                    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
                )
                + "data: [DONE]\n\n",
        ),
        Act::CallsAtOnce => stream(
            calls(json!([{"id": "call_1", "type": "function", "function": {"name": "now", "arguments": "{}"}}]))
                + &ending(),
        ),
        Act::Rambles => stream((0..400).map(|_| chunk("on ")).collect::<String>() + &ending()),
        Act::Reply => stream(chunk("The sea ") + &chunk("is calm.") + &ending() + "data: [DONE]\n\n"),
        Act::Limited(wait) => {
            (StatusCode::TOO_MANY_REQUESTS, [("retry-after", wait)], error("rate_limit_exceeded")).into_response()
        }
        Act::Status(status) => (StatusCode::from_u16(status).unwrap(), error("failed")).into_response(),
        Act::Garbage => stream("data: <html>oops</html>\n\n".into()),
        Act::Cut => stream(chunk("The sea ")),
        Act::Silent => Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>()).into_response(),
        Act::Hang => std::future::pending().await,
    }
}

fn calls(calls: Value) -> String {
    format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": {"tool_calls": calls}, "finish_reason": null}]}))
}

fn chunk(text: &str) -> String {
    let choice = json!({"index": 0, "delta": {"content": text}, "finish_reason": null});
    format!("data: {}\n\n", json!({"id": "c", "object": "chat.completion.chunk", "choices": [choice]}))
}

/// As Groq streams what a model reasons: <https://console.groq.com/docs/reasoning>.
fn reasoning(text: &str) -> String {
    let choice = json!({"index": 0, "delta": {"reasoning": text, "channel": "analysis"}, "finish_reason": null});
    format!("data: {}\n\n", json!({"id": "c", "object": "chat.completion.chunk", "choices": [choice]}))
}

/// The end of the choice, then the counts in a chunk without choices, as `include_usage` asks.
fn ending() -> String {
    let choice = json!({"index": 0, "delta": {}, "finish_reason": "stop"});
    let usage = json!({"prompt_tokens": 21, "completion_tokens": 5, "total_tokens": 26});
    format!("data: {}\n\ndata: {}\n\n", json!({"choices": [choice]}), json!({"choices": [], "usage": usage}))
}

/// How a request ends that fails, at its start or on the way.
async fn failure(model: &Arc<dyn LanguageModel>) -> ProviderError {
    match model.stream(ask("How is the sea?")).await {
        Err(error) => error,
        Ok(stream) => collect("groq", stream).await.err().expect("the reply is not whole"),
    }
}

#[tokio::test]
async fn a_reply_comes_in_pieces_with_its_counts() {
    let groq = stand_in(&[]).await;
    let reply = answer(&groq.model, ask("How is the sea?")).await;
    assert_eq!(reply.text, "The sea is calm.");
    assert_eq!((reply.usage.prompt_tokens, reply.usage.completion_tokens), (21, 5));
    assert_eq!(reply.usage.finish, Finish::Stop);

    let requests = groq.seen.requests.lock().unwrap();
    let (headers, body) = &requests[0];
    assert_eq!(headers["authorization"], "Bearer gsk_test");
    assert_eq!(body["model"], "openai/gpt-oss-120b");
    assert_eq!((&body["reasoning_effort"], &body["include_reasoning"]), (&json!("low"), &json!(false)));
    assert_eq!(body["max_tokens"].as_u64(), Some(ask("").max_tokens as u64 + 100), "room for what it reasons");
    assert_eq!(body["stream"], true);
    assert_eq!(body["messages"][1], json!({"role": "user", "content": "How is the sea?"}));
}

#[tokio::test]
async fn what_a_model_reasons_is_not_said() {
    for act in [Act::Reasons, Act::ReasonsAloud] {
        let groq = stand_in(&[act]).await;
        assert_eq!(answer(&groq.model, ask("How is the sea?")).await.text, "The sea is calm.");
    }
}

#[tokio::test]
async fn a_reply_of_reasoning_alone_is_none() {
    let groq = stand_in(&[Act::ReasonsAlone; 6]).await;
    for _ in 0..6 {
        let error = failure(&groq.model).await;
        assert!(error.may_fall_back() && error.to_string().contains("no words"), "{error}");
    }
    assert_eq!(groq.model.backends()[0].breaker, Some(BreakerState::Closed), "the service itself works");
}

#[tokio::test]
async fn the_room_for_reasoning_is_not_filled_with_words() {
    let groq = stand_in(&[Act::Rambles]).await;
    let request = ask("How is the sea?");
    let most = request.max_tokens;
    let reply = answer(&groq.model, request).await;
    assert_eq!((reply.text.split_whitespace().count(), reply.usage.finish), (most, Finish::Length));
}

#[tokio::test]
async fn what_passes_is_tried_again_and_the_wait_asked_for_is_kept() {
    for act in [Act::Limited("0"), Act::Status(500), Act::Status(503)] {
        let groq = stand_in(&[act]).await;
        let reply = answer(&groq.model, ask("How is the sea?")).await;
        assert_eq!(reply.text, "The sea is calm.");
        assert_eq!(groq.seen.requests.lock().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_wait_that_nobody_would_wait_is_told_at_once() {
    let groq = stand_in(&[Act::Limited("3600")]).await;
    let error = failure(&groq.model).await;
    assert!(matches!(error, ProviderError::Busy { retry_after, .. } if retry_after == Duration::from_secs(3600)));
    assert_eq!(groq.seen.requests.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn what_no_retry_mends_is_asked_once() {
    for status in [400, 401, 403, 404, 413, 422, 498] {
        let groq = stand_in(&[Act::Status(status)]).await;
        assert!(failure(&groq.model).await.may_fall_back(), "{status}");
        assert_eq!(groq.seen.requests.lock().unwrap().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn what_breaks_on_the_way_is_no_whole_reply_and_not_asked_again() {
    for act in [Act::Garbage, Act::Cut, Act::Silent] {
        let groq = stand_in(&[act]).await;
        assert!(failure(&groq.model).await.may_fall_back());
        assert_eq!(groq.seen.requests.lock().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_connection_that_hangs_is_given_up_after_three_attempts() {
    let groq = stand_in(&[Act::Hang; 3]).await;
    assert!(matches!(failure(&groq.model).await, ProviderError::Timeout { .. }));
    assert_eq!(groq.seen.requests.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn five_cut_replies_open_the_breaker_and_the_next_backend_answers() {
    let groq = stand_in(&[Act::Garbage; 5]).await;
    let both = before_a_fake(Arc::clone(&groq.model));
    for _ in 0..7 {
        assert!(answer(&both, ask("Hello there.")).await.text.contains("Hello there"));
    }
    assert_eq!(groq.seen.requests.lock().unwrap().len(), 5, "an open breaker asks nothing");
    assert!(matches!(failure(&groq.model).await, ProviderError::Busy { .. }));
}

fn before_a_fake(first: Arc<dyn LanguageModel>) -> Arc<dyn LanguageModel> {
    let fake = FakeLanguageModel::new(&FakeLlmConfig {
        context_tokens: 512,
        concurrency: 4,
        first_token_delay: Duration::ZERO,
        token_delay: Duration::ZERO,
    });
    Arc::new(Ordered::new(first, vec![Arc::new(fake)]))
}

/// The port was free a moment ago, so nobody listens there.
#[tokio::test]
async fn the_next_backend_answers_for_one_that_cannot_be_reached() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    drop(listener);
    let both = before_a_fake(model(base_url, Place::BeforeAnother));
    assert!(answer(&both, ask("Hello there.")).await.text.contains("Hello there"));
}

#[tokio::test]
async fn a_cancelled_reply_ends_and_says_so() {
    let groq = stand_in(&[Act::Silent]).await;
    let request = ask("How is the sea?");
    let cancel = request.cancel.clone();
    let mut stream = groq.model.stream(request).await.unwrap();
    cancel.cancel();
    let Some(Ok(Delta::Done(usage))) = stream.next().await else { panic!("it ends well") };
    assert_eq!(usage.finish, Finish::Cancelled);
}

#[tokio::test]
async fn nothing_secret_stands_in_an_error() {
    let groq = stand_in(&[Act::Status(401)]).await;
    let error = format!("{0} {0:?}", failure(&groq.model).await);
    assert!(!error.contains("gsk_test") && !error.contains("sea"), "{error}");
}

/// The fake behind the protocol: what the contract promises must come through it.
fn served(room: Room) -> Arc<dyn LanguageModel> {
    let fake = FakeLanguageModel::new(&FakeLlmConfig {
        context_tokens: 4096,
        concurrency: room.places,
        first_token_delay: Duration::ZERO,
        token_delay: Duration::ZERO,
    });
    let router = axum::Router::new().route("/v1/chat/completions", post(serve_fake)).with_state(Arc::new(fake));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(TcpListener::from_std(listener).unwrap(), router).await.unwrap() });
    with_context(base_url, Place::Last, room.context_tokens)
}

async fn serve_fake(State(fake): State<Arc<FakeLanguageModel>>, body: axum::Json<Value>) -> Response {
    let message = |message: &Value| {
        let role = match message["role"].as_str().unwrap() {
            "system" => Role::System,
            "assistant" => Role::Assistant,
            _ => Role::User,
        };
        ChatMessage::new(role, message["content"].as_str().unwrap())
    };
    let mut request = super::request(body["messages"].as_array().unwrap().iter().map(message).collect());
    request.max_tokens = body["max_tokens"].as_u64().unwrap() as usize;
    let stops = body.get("stop").and_then(Value::as_array).cloned().unwrap_or_default();
    request.stop = stops.iter().map(|stop| stop.as_str().unwrap().to_owned()).collect();
    let stream = match fake.stream(request).await {
        Ok(stream) => stream,
        Err(error) => {
            return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "30")], error.to_string()).into_response();
        }
    };
    let events = stream.map(|delta| {
        Ok::<_, std::io::Error>(match delta.unwrap() {
            Delta::Text(text) => chunk(&text),
            Delta::Call(_) | Delta::Again => panic!("one model, and no function"),
            Delta::Done(usage) => {
                let reason = if usage.finish == Finish::Length { "length" } else { "stop" };
                let choice = json!({"index": 0, "delta": {}, "finish_reason": reason});
                let counts =
                    json!({"prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens});
                let (end, counts) = (json!({"choices": [choice]}), json!({"choices": [], "usage": counts}));
                format!("data: {end}\n\ndata: {counts}\n\ndata: [DONE]\n\n")
            }
        })
    });
    ([("content-type", "text/event-stream")], Body::from_stream(events)).into_response()
}

// Its places and its cache are the service's own matter; a full one answers 429, which is tested above.
contract!(
    served,
    streams_and_then_says_that_it_is_done,
    stops_within_one_token_when_cancelled,
    is_cancelled_before_it_begins,
    gives_its_place_back_when_dropped,
    ends_at_the_token_limit,
    ends_before_a_stop_text,
    counts_tokens,
    refuses_a_prompt_that_does_not_fit,
    refuses_a_prompt_without_messages,
    takes_every_script,
    keeps_sessions_apart
);

#[tokio::test]
async fn a_picture_goes_to_the_model_that_sees() {
    let groq = stand_in(&[]).await;
    let mut request = ask("What is this?");
    let bytes = axum::body::Bytes::from_static(b"not looked at");
    request.messages[1].images.push(Image { bytes, format: ImageFormat::Png });
    answer(&groq.model, request).await;
    let requests = groq.seen.requests.lock().unwrap();
    let body = &requests[0].1;
    assert_eq!((&body["model"], &body["reasoning_effort"]), (&json!("qwen/qwen3.8-27b"), &json!("none")));
    assert_eq!(body["max_tokens"].as_u64(), Some(ask("").max_tokens as u64));
    let parts = &body["messages"][1]["content"];
    assert_eq!(parts[0], json!({"type": "text", "text": "What is this?"}));
    assert_eq!(parts[1]["image_url"]["url"], "data:image/png;base64,bm90IGxvb2tlZCBhdA==");
}

#[tokio::test]
async fn health_is_told_that_the_breaker_opened() {
    let groq = stand_in(&[Act::Garbage; 5]).await;
    assert_eq!(groq.model.backends()[0].breaker, Some(BreakerState::Closed));
    for _ in 0..5 {
        failure(&groq.model).await;
    }
    assert_eq!(groq.model.backends()[0].breaker, Some(BreakerState::Open));
}

#[tokio::test]
async fn functions_are_offered_and_their_calls_put_together() {
    let service = stand_in(&[Act::Calls, Act::CallsAtOnce, Act::Reply]).await;
    let mut request = ask("What is the weather like in Lisbon, and what time is it?");
    request.tools = Some(weather(ToolChoice::Named("get_weather".into())));
    let reply = answer(&service.model, request.clone()).await;
    let calls: Vec<_> = reply.calls.iter().map(|c| (c.id.as_str(), c.name.as_str(), c.arguments.as_str())).collect();
    assert_eq!(calls, [("call_1", "get_weather", "{\"city\":\"Lisbon\"}"), ("call_2", "now", "{}")]);
    assert_eq!((reply.text.as_str(), reply.usage.finish), ("", Finish::Calls));
    assert_eq!(answer(&service.model, request.clone()).await.usage.finish, Finish::Calls, "whatever the service says");

    request.messages.push(ChatMessage { calls: reply.calls, ..ChatMessage::new(Role::Assistant, "") });
    request.messages.push(ChatMessage::tool_result("call_1".into(), "clear"));
    answer(&service.model, request).await;
    let requests = service.seen.requests.lock().unwrap();
    let (first, last) = (&requests[0].1, &requests[2].1);
    assert_eq!(first["tools"][0]["function"]["name"], "get_weather");
    assert_eq!(first["tool_choice"]["function"]["name"], "get_weather");
    assert_eq!(first["parallel_tool_calls"], false);
    assert_eq!(last["messages"][2]["tool_calls"][0]["id"], "call_1");
    assert_eq!(
        (&last["messages"][3]["role"], &last["messages"][3]["tool_call_id"]),
        (&json!("tool"), &json!("call_1"))
    );
}

#[tokio::test]
async fn formats_are_passed_on() {
    let service = stand_in(&[]).await;
    let mut request = ask("A pet, please.");
    request.format = Some(ReplyFormat::Object);
    answer(&service.model, request.clone()).await;
    let schema = json!({"type": "object"});
    let of = SchemaFormat { name: "pet".into(), schema: schema.clone(), strict: true, grammar: None };
    request.format = Some(ReplyFormat::Schema(of));
    answer(&service.model, request).await;
    let requests = service.seen.requests.lock().unwrap();
    assert_eq!(requests[0].1["response_format"], json!({"type": "json_object"}));
    let expected = json!({"type": "json_schema", "json_schema": {"name": "pet", "strict": true, "schema": schema}});
    assert_eq!(requests[1].1["response_format"], expected);
}
