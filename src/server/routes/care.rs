//! What watches over people here, and whom they can call.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::care::{Country, Line};
use crate::domain::danger::{Kind, Layer};
use crate::server::error::ApiError;
use crate::server::state::Server;

/// What watches over people here, and whom they can call.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CareFacts {
    /// One sentence: that she is an AI.
    disclosure: String,
    /// What listens for danger: `patterns`, `probe`, `judge`.
    layers: Vec<&'static str>,
    /// Whether danger between the lines is heard here: without it Rose is not made for people in need.
    for_people_in_need: bool,
    countries: Vec<CountryFacts>,
    unknown: UnknownFacts,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CountryFacts {
    code: String,
    name: String,
    /// Of this country alone.
    time_zones: Vec<String>,
    emergency: String,
    lines: Vec<LineFacts>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LineFacts {
    purposes: Vec<String>,
    name: String,
    number: String,
    hours: String,
    languages: Vec<String>,
    source: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UnknownFacts {
    emergency: String,
    name: String,
}

/// What listens for danger, and the helplines by country.
#[utoipa::path(
    get,
    path = "/api/care", operation_id = "get_care", tag = "service",
    responses((status = 200, body = CareFacts), ApiError)
)]
pub(crate) async fn show(State(server): State<Server>) -> Result<Json<CareFacts>, ApiError> {
    let app = server.app()?;
    let character = app.conversation.character();
    let country = |country: &Country| CountryFacts {
        code: country.code.clone(),
        name: country.name.clone(),
        time_zones: country.time_zones.clone(),
        emergency: country.emergency.clone(),
        lines: country.line.iter().map(line).collect(),
    };
    let layers = app.conversation.care_layers();
    let unknown = character.helplines.call(None, Kind::SelfHarm, false);
    Ok(Json(CareFacts {
        disclosure: character.disclosure.first.clone(),
        for_people_in_need: layers.len() > 1,
        layers: layers.into_iter().map(Layer::as_str).collect(),
        countries: character.helplines.countries().iter().map(country).collect(),
        unknown: UnknownFacts { emergency: unknown.emergency.to_owned(), name: unknown.line },
    }))
}

fn line(line: &Line) -> LineFacts {
    LineFacts {
        purposes: line.r#for.iter().map(|purpose| purpose.as_str().to_owned()).collect(),
        name: line.name.clone(),
        number: line.number.clone(),
        hours: line.hours.clone(),
        languages: line.languages.clone(),
        source: line.source.clone(),
    }
}
