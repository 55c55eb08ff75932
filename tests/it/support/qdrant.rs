//! A server that speaks the part of Qdrant's REST interface that Rose uses, and stores and searches for real.
//! Format: <https://api.qdrant.tech/api-reference>: collections/create-collection, collections/collection-exists,
//! indexes/create-field-index, points/upsert-points, points/get-points, points/query-points, points/scroll-points,
//! points/count-points, points/delete-points. Errors: `{"status": {"error": …}}`, as Qdrant writes them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post, put};
use axum::{Json, Router};
use rose::config::ApiConfig;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::service::api;

pub const KEY: &str = "a-very-secret-key";

#[derive(Default)]
pub struct Collection {
    pub size: usize,
    pub distance: String,
    /// Field and kind.
    pub indexes: BTreeMap<String, String>,
    pub points: BTreeMap<String, Point>,
}

#[derive(Clone)]
pub struct Point {
    vector: Vec<f32>,
    pub payload: Value,
}

type Collections = Arc<Mutex<BTreeMap<String, Collection>>>;

pub struct Qdrant {
    pub url: String,
    pub collections: Collections,
}

impl Qdrant {
    pub fn start() -> Self {
        let collections = Collections::default();
        let router = Router::new()
            .route("/collections/{name}/exists", get(exists))
            .route("/collections/{name}", get(show).put(create))
            .route("/collections/{name}/index", put(index))
            .route("/collections/{name}/points", put(upsert).post(retrieve))
            .route("/collections/{name}/points/query", post(query))
            .route("/collections/{name}/points/scroll", post(scroll))
            .route("/collections/{name}/points/count", post(count))
            .route("/collections/{name}/points/delete", post(delete))
            .fallback(any(unknown))
            .layer(axum::extract::DefaultBodyLimit::disable())
            .layer(axum::middleware::from_fn(authorised))
            .with_state(Arc::clone(&collections));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(TcpListener::from_std(listener).unwrap(), router).await.unwrap() });
        Self { url, collections }
    }

    pub fn api(&self) -> ApiConfig {
        api(&self.url, "rose_memories")
    }
}

async fn authorised(request: axum::extract::Request, next: axum::middleware::Next) -> Response {
    let key = HeaderMap::get(request.headers(), "api-key").map(|key| key.as_bytes().to_vec());
    if key.as_deref() != Some(KEY.as_bytes()) {
        return (StatusCode::UNAUTHORIZED, "Must provide an API key or an Authorization bearer token").into_response();
    }
    next.run(request).await
}

async fn unknown(method: Method, uri: axum::http::Uri) -> Response {
    panic!("{method} {uri} is not part of what is spoken here")
}

fn done(result: Value) -> Response {
    Json(json!({"result": result, "status": "ok", "time": 0.001})).into_response()
}

fn error(status: u16, message: &str) -> Response {
    (StatusCode::from_u16(status).unwrap(), Json(json!({"status": {"error": message}, "time": 0.001}))).into_response()
}

fn missing(name: &str) -> Response {
    error(404, &format!("Not found: Collection `{name}` doesn't exist!"))
}

fn parsed(body: &Bytes) -> Value {
    serde_json::from_slice(body).expect("Rose sends JSON")
}

async fn exists(State(all): State<Collections>, Path(name): Path<String>) -> Response {
    done(json!({"exists": all.lock().unwrap().contains_key(&name)}))
}

async fn show(State(all): State<Collections>, Path(name): Path<String>) -> Response {
    match all.lock().unwrap().get(&name) {
        None => missing(&name),
        Some(one) => done(json!({
            "status": "green",
            "points_count": one.points.len(),
            "config": {"params": {"vectors": {"size": one.size, "distance": one.distance}}},
        })),
    }
}

async fn create(State(all): State<Collections>, Path(name): Path<String>, body: Bytes) -> Response {
    let vectors = parsed(&body)["vectors"].clone();
    let mut all = all.lock().unwrap();
    if all.contains_key(&name) {
        return error(409, &format!("Wrong input: Collection `{name}` already exists!"));
    }
    let size = vectors["size"].as_u64().expect("a size") as usize;
    let distance = vectors["distance"].as_str().expect("a distance").to_owned();
    all.insert(name, Collection { size, distance, ..Collection::default() });
    done(json!(true))
}

async fn index(State(all): State<Collections>, Path(name): Path<String>, body: Bytes) -> Response {
    let body = parsed(&body);
    let mut all = all.lock().unwrap();
    let Some(one) = all.get_mut(&name) else { return missing(&name) };
    let text = |key: &str| body[key].as_str().expect("a text").to_owned();
    one.indexes.insert(text("field_name"), text("field_schema"));
    done(json!({"operation_id": 1, "status": "completed"}))
}

async fn upsert(State(all): State<Collections>, Path(name): Path<String>, body: Bytes) -> Response {
    let body = parsed(&body);
    let mut all = all.lock().unwrap();
    let Some(one) = all.get_mut(&name) else { return missing(&name) };
    for point in body["points"].as_array().expect("points") {
        let vector = vector(&point["vector"]);
        if vector.len() != one.size {
            let message =
                format!("Wrong input: Vector dimension error: expected dim: {}, got {}", one.size, vector.len());
            return error(400, &message);
        }
        let id = point["id"].as_str().expect("an id").to_owned();
        one.points.insert(id, Point { vector: normalised(vector), payload: point["payload"].clone() });
    }
    done(json!({"operation_id": 1, "status": "completed"}))
}

fn vector(value: &Value) -> Vec<f32> {
    value.as_array().expect("a vector").iter().map(|one| one.as_f64().expect("a number") as f32).collect()
}

/// As Qdrant does for the distance Cosine.
fn normalised(vector: Vec<f32>) -> Vec<f32> {
    let norm = vector.iter().map(|one| one * one).sum::<f32>().sqrt();
    if norm == 0.0 { vector } else { vector.into_iter().map(|one| one / norm).collect() }
}

fn matches(condition: &Value, payload: &Value) -> bool {
    let key = condition["key"].as_str().expect("a key");
    payload[key] == condition["match"]["value"]
}

fn passes(filter: &Value, payload: &Value) -> bool {
    let all = |name: &str| filter[name].as_array().cloned().unwrap_or_default();
    all("must").iter().all(|condition| matches(condition, payload))
        && !all("must_not").iter().any(|condition| matches(condition, payload))
}

async fn retrieve(State(all): State<Collections>, Path(name): Path<String>, body: Bytes) -> Response {
    let body = parsed(&body);
    let all = all.lock().unwrap();
    let Some(one) = all.get(&name) else { return missing(&name) };
    let ids = body["ids"].as_array().expect("ids").iter().map(|id| id.as_str().expect("an id"));
    let found = ids.filter_map(|id| Some(json!({"id": id, "payload": one.points.get(id)?.payload})));
    done(found.collect())
}

async fn query(State(all): State<Collections>, Path(name): Path<String>, body: Bytes) -> Response {
    let body = parsed(&body);
    let all = all.lock().unwrap();
    let Some(one) = all.get(&name) else { return missing(&name) };
    let asked = normalised(vector(&body["query"]));
    if asked.len() != one.size {
        return error(400, "Wrong input: Vector dimension error");
    }
    let mut scored: Vec<(f32, &String, &Point)> = one
        .points
        .iter()
        .filter(|(_, point)| passes(&body["filter"], &point.payload))
        .map(|(id, point)| (asked.iter().zip(&point.vector).map(|(a, b)| a * b).sum(), id, point))
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored.truncate(body["limit"].as_u64().expect("a limit") as usize);
    let points: Vec<Value> = scored
        .iter()
        .map(|(score, id, point)| json!({"id": id, "version": 1, "score": score, "payload": point.payload}))
        .collect();
    done(json!({"points": points}))
}

async fn scroll(State(all): State<Collections>, Path(name): Path<String>, body: Bytes) -> Response {
    let body = parsed(&body);
    let all = all.lock().unwrap();
    let Some(one) = all.get(&name) else { return missing(&name) };
    let limit = body["limit"].as_u64().unwrap_or(10) as usize;
    let from = body["offset"].as_str().unwrap_or_default();
    let mut matching = one
        .points
        .range(from.to_owned()..)
        .filter(|(_, point)| passes(&body["filter"], &point.payload))
        .map(|(id, point)| json!({"id": id, "payload": point.payload, "vector": null}));
    let points: Vec<Value> = matching.by_ref().take(limit).collect();
    let next = matching.next().map(|point| point["id"].clone());
    done(json!({"points": points, "next_page_offset": next}))
}

async fn count(State(all): State<Collections>, Path(name): Path<String>, body: Bytes) -> Response {
    let body = parsed(&body);
    let all = all.lock().unwrap();
    let Some(one) = all.get(&name) else { return missing(&name) };
    let count = one.points.values().filter(|point| passes(&body["filter"], &point.payload)).count();
    done(json!({"count": count}))
}

async fn delete(State(all): State<Collections>, Path(name): Path<String>, body: Bytes) -> Response {
    let body = parsed(&body);
    let mut all = all.lock().unwrap();
    let Some(one) = all.get_mut(&name) else { return missing(&name) };
    match body["points"].as_array() {
        Some(ids) => one.points.retain(|id, _| !ids.iter().any(|gone| gone == id)),
        None => one.points.retain(|_, point| !passes(&body["filter"], &point.payload)),
    }
    done(json!({"operation_id": 1, "status": "completed"}))
}
