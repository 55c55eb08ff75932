//! What is ready, and which backend stands behind each service.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

use crate::providers::BackendStatus;
use crate::providers::breaker::BreakerState;
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
    /// The config's name of the first in line, such as `local` or `fake`.
    backend: &'static str,
    model: String,
    ready: bool,
    /// All that may answer, in the order in which they are asked.
    backends: Vec<BackendHealth>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BackendHealth {
    backend: &'static str,
    model: String,
    /// `closed`: it is asked. `open`: it failed five times in a row and isn't asked for a minute. `half_open`: one call is
    /// trying it. Left out for an engine inside the process.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    breaker: Option<BreakerState>,
}

impl ServiceHealth {
    /// `None` where nothing stands behind the port.
    fn new(backends: Vec<BackendStatus>) -> Option<Self> {
        let first = backends.first()?.description.clone();
        let health = |status: BackendStatus| BackendHealth {
            backend: status.description.backend,
            model: status.description.model,
            breaker: status.breaker,
        };
        let backends = backends.into_iter().map(health).collect();
        Some(Self { backend: first.backend, model: first.model, ready: true, backends })
    }
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
        .filter_map(|(port, backends)| Some((port, ServiceHealth::new(backends)?)))
        .collect();
    let (code, status) = if services.is_empty() {
        (StatusCode::SERVICE_UNAVAILABLE, HealthStatus::Starting)
    } else {
        (StatusCode::OK, HealthStatus::Ready)
    };
    let fake = services.values().flat_map(|service| &service.backends).any(|backend| backend.backend == "fake");
    (code, Json(Health { status, version: env!("CARGO_PKG_VERSION"), fake, services }))
}
