//! Figures for Prometheus.

use axum::http::header;
use axum::response::IntoResponse;

use crate::telemetry;

/// Figures in Prometheus' text format. They hold nothing about a person.
#[utoipa::path(get, path = "/metrics", operation_id = "get_metrics", tag = "service", responses((status = 200, content_type = "text/plain", body = String)))]
pub(crate) async fn metrics() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], telemetry::metrics().render())
}
