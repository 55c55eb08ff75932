//! The schema of this API.

use std::sync::Arc;

use axum::Extension;
use axum::http::header;
use axum::response::IntoResponse;

/// The schema's text, made once.
#[derive(Clone)]
pub(crate) struct Schema(pub(crate) Arc<str>);

/// The OpenAPI schema of everything here.
#[utoipa::path(get, path = "/api/openapi.json", operation_id = "get_openapi", tag = "service", responses((status = 200, content_type = "application/json", body = Object)))]
pub(crate) async fn openapi(Extension(Schema(text)): Extension<Schema>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], text.to_string())
}
