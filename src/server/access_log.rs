//! One line for each request: what, how it ended, how long it took. No query, no body, no address, no id of a person.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;

use super::request_id;
use crate::telemetry;

pub(super) async fn access_log(request: Request, next: Next) -> Response {
    let begin = Instant::now();
    let method = request.method().clone();
    // The route and not the path: what a stranger types into a path may be anything, a search is a memory's words.
    let route =
        request.extensions().get::<MatchedPath>().map_or_else(|| "(none)".to_owned(), |path| path.as_str().to_owned());
    let response = next.run(request).await;
    let duration = begin.elapsed();
    let status = response.status().as_u16();
    telemetry::record_request(method.as_str(), &route, status, duration);
    tracing::info!(
        http.method = %method,
        http.route = route,
        http.status = status,
        request.id = request_id::current(),
        duration_ms = telemetry::milliseconds(duration),
        "request"
    );
    response
}
