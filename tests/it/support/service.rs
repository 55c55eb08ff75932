//! A service that somebody else runs, inside the test: answers in its published format, or fails as told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use rose::config::{ApiConfig, Timeouts};
use rose::providers::{Place, ProviderError};
use tokio::net::TcpListener;

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Answer,
    /// 429, with these seconds to wait.
    Limited(&'static str),
    Status(u16),
    /// 404, as Groq and OpenAI refuse a model that they have no more.
    ModelNotFound,
    /// 302 to a path of the same service.
    Redirect,
    /// 200, and a page where the answer should be.
    Garbage,
    /// The connection goes away after the first piece of the answer.
    Cut,
    /// The head comes, and nothing after it.
    Silent,
    /// Nothing comes.
    Hang,
}

/// A request as it came.
#[derive(Clone)]
pub struct Request {
    /// With the query.
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// The media type and the pieces of an answer.
pub type Answer = (&'static str, Vec<Bytes>);

struct Shared {
    acts: Mutex<VecDeque<Act>>,
    /// What is done once `acts` are through.
    then: Act,
    requests: Mutex<Vec<Request>>,
    answer: Box<dyn Fn(&Request) -> Answer + Send + Sync>,
}

pub struct Service {
    shared: Arc<Shared>,
    pub url: String,
}

impl Service {
    /// Does `acts` in order; past their end, it answers.
    pub fn start(acts: &[Act], answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_then(acts, Act::Answer, answer)
    }

    pub fn start_then(acts: &[Act], then: Act, answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let acts = Mutex::new(acts.iter().copied().collect());
        let shared = Arc::new(Shared { acts, then, requests: Mutex::default(), answer: Box::new(answer) });
        let router = axum::Router::new().fallback(serve).with_state(Arc::clone(&shared));
        let router = router.layer(axum::extract::DefaultBodyLimit::disable());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(TcpListener::from_std(listener).unwrap(), router).await.unwrap() });
        Self { shared, url }
    }

    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }

    pub fn api(&self, model: &str) -> ApiConfig {
        api(&self.url, model)
    }
}

/// Limits short enough for a test, long enough for a busy machine.
pub fn api(url: &str, model: &str) -> ApiConfig {
    ApiConfig {
        base_url: url.to_owned(),
        model: model.to_owned(),
        key: Some("a-very-secret-key".into()),
        timeouts: Timeouts {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(2),
            idle: Duration::from_secs(1),
        },
    }
}

async fn serve(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let request = Request { path: uri.to_string(), headers, body };
    shared.requests.lock().unwrap().push(request.clone());
    let act = shared.acts.lock().unwrap().pop_front().unwrap_or(shared.then);
    // It quotes what it was asked, as some services do: that must reach neither a log nor a person.
    let error = || {
        let quoted = String::from_utf8_lossy(&request.body).into_owned();
        axum::Json(serde_json::json!({"error": {"message": quoted, "type": "error", "code": "failed"}}))
    };
    match act {
        Act::Answer => {
            let (media_type, pieces) = (shared.answer)(&request);
            let pieces = futures::stream::iter(pieces).map(Ok::<_, std::io::Error>);
            ([("content-type", media_type)], Body::from_stream(pieces)).into_response()
        }
        Act::Limited(wait) => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", wait)], error()).into_response(),
        Act::Status(status) => (StatusCode::from_u16(status).unwrap(), error()).into_response(),
        Act::ModelNotFound => {
            let message = "The model `a-model` does not exist or you do not have access to it.";
            let error =
                serde_json::json!({"message": message, "type": "invalid_request_error", "code": "model_not_found"});
            (StatusCode::NOT_FOUND, axum::Json(serde_json::json!({"error": error}))).into_response()
        }
        Act::Redirect => (StatusCode::FOUND, [("location", "/elsewhere")]).into_response(),
        Act::Garbage => ([("content-type", "text/html")], "<html>Bad gateway</html>").into_response(),
        Act::Cut => {
            let (media_type, pieces) = (shared.answer)(&request);
            let first = pieces.into_iter().next().unwrap();
            let half = if media_type == "application/json" { first.slice(..first.len() / 2) } else { first };
            let pieces = [Ok(half), Err(std::io::Error::other("cut"))];
            // Let the first piece out before the connection goes.
            let pieces = futures::stream::iter(pieces).then(|piece| async {
                tokio::task::yield_now().await;
                piece
            });
            ([("content-type", media_type)], Body::from_stream(pieces)).into_response()
        }
        Act::Silent => {
            let (media_type, _) = (shared.answer)(&request);
            let nothing = futures::stream::pending::<Result<Bytes, std::io::Error>>();
            ([("content-type", media_type)], Body::from_stream(nothing)).into_response()
        }
        Act::Hang => std::future::pending().await,
    }
}

/// What holds for every port behind a service: what passes is tried again, what doesn't is not, what breaks is told, and
/// nothing secret stands in an error. `at_silence` is how often a silent service is asked that has another behind it, where
/// its port can have one: the next one answers sooner. `call` builds the adapter and makes one call of it, to its end.
pub async fn keeps_to_the_rules<Called>(
    answer: fn(&Request) -> Answer,
    words: &str,
    at_silence: usize,
    call: impl Fn(ApiConfig, Place) -> Called,
) where
    Called: Future<Output = Result<(), ProviderError>>,
{
    let run = async |act: Act, place: Place| {
        // Silence lasts; all else passes.
        let then = if act == Act::Hang { Act::Hang } else { Act::Answer };
        let service = Service::start_then(&[act], then, answer);
        let outcome = call(service.api("a-model"), place).await;
        if let Err(error) = &outcome {
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("secret") && !shown.contains(words), "{act:?}: {shown}");
        }
        (outcome, service.requests().len())
    };
    for act in [Act::Limited("0"), Act::Status(500), Act::Status(503), Act::Status(408)] {
        let (outcome, requests) = run(act, Place::Last).await;
        assert!(outcome.is_ok() && requests == 2, "{act:?}: {outcome:?} after {requests} requests");
    }
    let refused = [400, 401, 402, 403, 404, 413, 422].map(Act::Status);
    for act in refused.into_iter().chain([Act::ModelNotFound, Act::Redirect, Act::Garbage, Act::Cut, Act::Silent]) {
        let (outcome, requests) = run(act, Place::Last).await;
        let error = outcome.err().unwrap_or_else(|| panic!("{act:?} is no answer"));
        assert!(error.may_fall_back() && requests == 1, "{act:?}: {error} after {requests} requests");
    }
    let (outcome, requests) = run(Act::Limited("3600"), Place::Last).await;
    let long = Duration::from_secs(3600);
    assert!(matches!(outcome, Err(ProviderError::Busy { retry_after, .. }) if retry_after == long), "{outcome:?}");
    assert_eq!(requests, 1);
    let (outcome, requests) = run(Act::Hang, Place::BeforeAnother).await;
    assert!(matches!(outcome, Err(ProviderError::Timeout { .. })), "{outcome:?}");
    assert_eq!(requests, at_silence);
}
