//! What is ready, and which backend stands behind each service.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

use crate::server::state::Server;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HealthStatus {
    /// The engines are being loaded.
    Starting,
    Ready,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    status: HealthStatus,
    version: &'static str,
    /// Some service is a deterministic stand-in without a model: what Rose says is not hers.
    fake: bool,
    /// By port: `speech_to_text`, `llm`, `text_to_speech`, `embeddings`, `voice_activity`,
    /// `store`. Empty while starting.
    services: BTreeMap<&'static str, ServiceHealth>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServiceHealth {
    /// The config's name of it, such as `local` or `fake`.
    backend: &'static str,
    model: String,
    ready: bool,
}

/// 200 once everything is ready, 503 before.
#[utoipa::path(
    get,
    path = "/api/health", operation_id = "get_health", tag = "service",
    responses((status = 200, body = Health), (status = 503, body = Health, description = "Starting"))
)]
pub(crate) async fn health(State(server): State<Server>) -> impl IntoResponse {
    let services: BTreeMap<_, _> = server
        .app()
        .map(|app| app.describe())
        .unwrap_or_default()
        .into_iter()
        .map(|(port, is)| (port, ServiceHealth { backend: is.backend, model: is.model, ready: true }))
        .collect();
    let (code, status) = if services.is_empty() {
        (StatusCode::SERVICE_UNAVAILABLE, HealthStatus::Starting)
    } else {
        (StatusCode::OK, HealthStatus::Ready)
    };
    let fake = services.values().any(|service| service.backend == "fake");
    (code, Json(Health { status, version: env!("CARGO_PKG_VERSION"), fake, services }))
}
