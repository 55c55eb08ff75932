//! The page on which one speaks with Rose.

use axum::http::HeaderMap;
use axum::response::Response;

use crate::server::frontend;

/// The web app.
#[utoipa::path(get, path = "/", operation_id = "get_index", tag = "service", responses((status = 200, content_type = "text/html", body = String)))]
pub(crate) async fn index(headers: HeaderMap) -> Response {
    frontend::page(&headers)
}
