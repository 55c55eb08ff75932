//! Each request has an id: the caller's where it is harmless, else a new one. It is echoed, logged, and in each error.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;
use uuid::Uuid;

pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    /// Set while a request's handler runs, so that an error built anywhere in it can name it.
    static CURRENT: String;
}

/// Of the request whose handler is running; empty outside of one.
pub(super) fn current() -> String {
    CURRENT.try_with(String::clone).unwrap_or_default()
}

/// Runs what outlives the request's handler, such as a connection that it opened, under the request's id.
pub(super) async fn within<T>(id: String, work: impl Future<Output = T>) -> T {
    let span = tracing::info_span!("connection", request.id = id);
    CURRENT.scope(id, work.instrument(span)).await
}

/// What may stand in a log line and a header: short, and nothing that needs escaping.
fn is_harmless(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

pub(super) async fn request_id(request: Request, next: Next) -> Response {
    let given = request.headers().get(&HEADER).and_then(|value| value.to_str().ok()).filter(|id| is_harmless(id));
    let id = given.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned);
    let header = HeaderValue::from_str(&id).expect("a harmless id is a valid header value");
    let span = tracing::info_span!("request", request.id = id);
    let mut response = CURRENT.scope(id, next.run(request).instrument(span)).await;
    response.headers_mut().insert(HEADER, header);
    response
}

#[cfg(test)]
mod tests {
    use super::is_harmless;

    #[test]
    fn only_harmless_ids_are_taken_over() {
        assert!(is_harmless("abc-123_4.5"));
        for hostile in ["", "a b", "a\nb", "a\"b", "{x}", "ü", &"a".repeat(65)] {
            assert!(!is_harmless(hostile), "{hostile:?}");
        }
    }
}
