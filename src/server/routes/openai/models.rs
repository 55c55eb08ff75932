//! Which models stand behind the ports.

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::server::error::{ApiError, ErrorCode};
use crate::server::state::Server;

/// What is no model, among what health shows.
const NO_MODEL: [&str; 2] = ["store", "memories"];

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OpenAiModelList {
    /// `list`.
    object: &'static str,
    data: Vec<OpenAiModel>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OpenAiModel {
    id: String,
    /// `model`.
    object: &'static str,
    /// Not known of most: 0.
    created: i64,
    /// The backend's name, such as `local` or `groq`.
    owned_by: &'static str,
}

fn models(server: &Server) -> Result<Vec<OpenAiModel>, ApiError> {
    let mut models: Vec<OpenAiModel> = Vec::new();
    for (port, backends) in server.app()?.describe() {
        for backend in backends.into_iter().map(|backend| backend.description) {
            let known = models.iter().any(|known| known.id == backend.model);
            if !known && !NO_MODEL.contains(&port) {
                let (id, owned_by) = (backend.model, backend.backend);
                models.push(OpenAiModel { id, object: "model", created: 0, owned_by });
            }
        }
    }
    Ok(models)
}

/// Every model that may answer.
#[utoipa::path(
    get,
    path = "/v1/models", operation_id = "openai_list_models", tag = "openai",
    responses((status = 200, body = OpenAiModelList), ApiError)
)]
pub(crate) async fn list(State(server): State<Server>) -> Result<Json<OpenAiModelList>, ApiError> {
    Ok(Json(OpenAiModelList { object: "list", data: models(&server)? }))
}

/// One of them. A name may have slashes in it.
#[utoipa::path(
    get,
    path = "/v1/models/{*model}", operation_id = "openai_get_model", tag = "openai",
    params(("model" = String, Path)),
    responses((status = 200, body = OpenAiModel), ApiError)
)]
pub(crate) async fn show(
    State(server): State<Server>,
    Path(name): Path<String>,
) -> Result<Json<OpenAiModel>, ApiError> {
    let found = models(&server)?.into_iter().find(|model| model.id == name);
    let missing = || ApiError::new(ErrorCode::NotFound, "There is no such model; GET /v1/models lists what there is.");
    found.map(Json).ok_or_else(missing)
}
