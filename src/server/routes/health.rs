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
use crate::providers::catalogue::Standing;
use crate::providers::watch::Watched;
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
    /// What the services say of the models that the settings name, asked at the start and each day; empty until they have
    /// answered. One that is gone makes nothing unready: the next backend answers.
    service_models: Vec<ServiceModelHealth>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServiceModelHealth {
    /// As in `services`.
    port: &'static str,
    backend: &'static str,
    model: String,
    state: ModelState,
    /// The day on which the service shuts it off, where one is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    shut_off: Option<String>,
    /// The newest of its family, or what the service names in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    instead: Option<String>,
    /// Why it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// When Rose's own default was last looked at (a day), where that is long ago.
    #[serde(skip_serializing_if = "Option::is_none")]
    default_looked_at: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ModelState {
    Present,
    /// It is there, and its end is announced.
    Announced,
    /// It is in the service's list, and answers nobody.
    Inactive,
    Gone,
    /// The service's list could not be had.
    NotKnown,
}

impl From<Watched> for ServiceModelHealth {
    fn from(Watched { port, backend, model, standing, stale }: Watched) -> Self {
        let instead = standing.instead().map(str::to_owned);
        let (state, shut_off, reason) = match standing {
            Standing::Present => (ModelState::Present, None, None),
            Standing::Announced { on, .. } => (ModelState::Announced, on.map(|on| on.to_string()), None),
            Standing::Inactive { .. } => (ModelState::Inactive, None, None),
            Standing::Gone { .. } => (ModelState::Gone, None, None),
            Standing::Unknown(error) => (ModelState::NotKnown, None, Some(error.to_string())),
        };
        let default_looked_at = stale.map(|stale| stale.looked_at.to_string());
        Self { port, backend, model, state, shut_off, instead, reason, default_looked_at }
    }
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
    let seen = server.app().map(|app| app.models.seen()).unwrap_or_default();
    let service_models = seen.into_iter().map(ServiceModelHealth::from).collect();
    (code, Json(Health { status, version: env!("CARGO_PKG_VERSION"), fake, services, service_models }))
}
