//! Opens a spoken conversation over a WebSocket.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::domain::ids::SessionId;
use crate::server::error::{ApiError, ErrorCode};
use crate::server::extract::Parameters;
use crate::server::identity::Person;
use crate::server::rate_limit::Counted;
use crate::server::realtime::{self, Caller};
use crate::server::state::Server;
use crate::server::{request_id, security};

/// What browsers' clients offer as a subprotocol.
const SUBPROTOCOL: &str = "realtime";

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RealtimeParameters {
    /// Goes on with this conversation; left out, a new one begins.
    #[serde(default)]
    session_id: Option<String>,
    /// OpenAI's clients name a model; any name is taken.
    #[serde(default)]
    model: Option<String>,
}

/// A spoken conversation in the OpenAI Realtime protocol; `docs/REALTIME.md` lists its events.
#[utoipa::path(
    get,
    path = "/v1/realtime", operation_id = "connect_realtime", tag = "turns",
    params(RealtimeParameters),
    responses((status = 101, description = "The connection is a WebSocket now"), ApiError)
)]
pub(crate) async fn connect(
    State(server): State<Server>,
    Person(user): Person,
    Extension(Counted(counted)): Extension<Counted>,
    Parameters(parameters): Parameters<RealtimeParameters>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    if security::is_from_foreign_page(&headers, &server.config().allowed_origins) {
        return Err(ApiError::foreign_origin());
    }
    let upgrade = upgrade.map_err(|_| {
        ApiError::new(ErrorCode::InvalidRequest, "Open this path as a WebSocket: it answers nothing else.")
    })?;
    let app = Arc::clone(server.app()?);
    let place = server.place().filter(|_| !server.stopping().is_cancelled()).ok_or_else(|| {
        let message = "Rose is in as many conversations as she can be; try again later.";
        ApiError::new(ErrorCode::Busy, message).retry_after(std::time::Duration::from_secs(10))
    })?;
    let session = match parameters.session_id {
        Some(id) => app.sessions.session(user, id.parse::<SessionId>()?).await?.id,
        None => app.sessions.create_session(user).await?.id,
    };
    let model = parameters.model.map(|model| model.chars().take(64).collect());
    let caller = Caller { user, session, counted, model };
    let id = request_id::current();
    let most = app.config.realtime.max_message_bytes;
    let connections = server.connections().clone();
    Ok(upgrade.protocols([SUBPROTOCOL]).max_message_size(most).max_frame_size(most).on_upgrade(async move |socket| {
        let serving = realtime::serve(server, app, caller, socket);
        connections.track_future(request_id::within(id, serving)).await;
        drop(place);
    }))
}
