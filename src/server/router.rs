//! Every route on one page, and what each request passes on its way there.

use std::any::Any;

use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::csrf::ConfigError as CsrfError;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiError;
use super::routes::openai as protocol;
use super::routes::schema::Schema;
use super::routes::{
    blobs, capabilities, care, chat, health, index, me, memories, metrics, realtime, replay, schema, sessions, voice,
};
use super::state::Server;
use super::{access_log, body, error, frontend, identity, openapi, rate_limit, request_id, security};

/// Bodies of plain JSON routes.
const JSON_BYTES: usize = 64 * 1024;

pub(super) fn build(server: &Server) -> Result<Router, CsrfError> {
    let schema = Schema(openapi::document(server).into());
    inside(server, Router::from(routes(server)).layer(Extension(schema)))
}

/// What every request passes.
fn inside(server: &Server, router: Router<Server>) -> Result<Router, CsrfError> {
    // Read from below: what is added last is met first. The rate limit stands at its routes, inside of the headers and
    // the log, so that a refusal has the ones and leaves a line in the other.
    Ok(frontend::with_frontend(router)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(security::foreign_pages(&server.config().allowed_origins)?)
        .layer(from_fn(error::envelope))
        .layer(from_fn(access_log::access_log))
        .layer(from_fn_with_state(server.clone(), security::security_headers))
        .layer(from_fn(request_id::request_id))
        .layer(security::cors(&server.config().allowed_origins))
        .layer(from_fn_with_state(server.clone(), body::bounded))
        .with_state(server.clone()))
}

pub(super) fn routes(server: &Server) -> OpenApiRouter<Server> {
    let upload = server.config().max_upload_bytes;

    // They run a model: they count against the rate limit.
    let turns = OpenApiRouter::new()
        .merge(
            OpenApiRouter::new()
                .routes(routes!(voice::process))
                .layer(DefaultBodyLimit::max(voice::body_limit(upload))),
        )
        .merge(OpenApiRouter::new().routes(routes!(chat::chat)).layer(DefaultBodyLimit::max(chat::body_limit(upload))))
        .merge(OpenApiRouter::new().routes(routes!(realtime::connect)))
        .merge(OpenApiRouter::new().routes(routes!(replay::replay)))
        .route_layer(from_fn_with_state(server.clone(), rate_limit::rate_limit));

    // The OpenAI protocol; its models too, but for the list of them.
    let long = OpenApiRouter::new()
        .routes(routes!(protocol::chat::create))
        .layer(DefaultBodyLimit::max(chat::body_limit(upload)))
        .merge(
            OpenApiRouter::new()
                .routes(routes!(protocol::transcriptions::create))
                .layer(DefaultBodyLimit::max(voice::body_limit(upload))),
        );
    let openai = OpenApiRouter::new()
        .routes(routes!(protocol::speech::create))
        .routes(routes!(protocol::embeddings::create))
        .routes(routes!(protocol::images::create))
        .layer(DefaultBodyLimit::max(protocol::BODY_BYTES))
        .merge(long)
        .route_layer(from_fn_with_state(server.clone(), rate_limit::rate_limit))
        .routes(routes!(protocol::models::list))
        .routes(routes!(protocol::models::show));

    // They belong to a person.
    let owned = OpenApiRouter::new()
        .routes(routes!(sessions::start))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::show, sessions::rename, sessions::delete))
        .routes(routes!(sessions::export))
        .routes(routes!(blobs::audio))
        .routes(routes!(blobs::image))
        .routes(routes!(me::show, me::change, me::delete))
        .routes(routes!(me::export))
        .routes(routes!(memories::list, memories::delete_all))
        .routes(routes!(memories::export))
        .routes(routes!(memories::correct, memories::delete))
        .layer(DefaultBodyLimit::max(JSON_BYTES))
        .merge(turns)
        .route_layer(from_fn_with_state(server.clone(), identity::identify));

    OpenApiRouter::with_openapi(openapi::base())
        .routes(routes!(index::index))
        .routes(routes!(health::health))
        .routes(routes!(capabilities::capabilities))
        .routes(routes!(care::show))
        .routes(routes!(metrics::metrics))
        .routes(routes!(schema::openapi))
        .merge(owned)
        .merge(openai)
}

fn panicked(_: Box<dyn Any + Send>) -> Response {
    // The panic hook has logged the place.
    ApiError::internal(&"a handler panicked").into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::extract::Multipart;
    use axum::http::{Request as HttpRequest, StatusCode, header};
    use axum::routing::{get, post};
    use futures::{StreamExt, stream};
    use serde_json::Value;
    use tower::ServiceExt;

    use super::*;
    use crate::config::{Config, Overrides};
    use crate::server::extract;

    async fn answer(router: Router<Server>, request: HttpRequest<Body>) -> (StatusCode, Value) {
        let config = Config::defaults(&Overrides::default()).unwrap();
        let router = inside(&Server::new(config.server), router).unwrap();
        let response = router.oneshot(request).await.unwrap();
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        let status = response.status();
        let envelope: Value = serde_json::from_slice(&to_bytes(response.into_body(), 10_000).await.unwrap()).unwrap();
        assert_eq!(envelope["error"]["request_id"], id.as_str());
        (status, envelope["error"]["code"].clone())
    }

    #[tokio::test]
    async fn a_panic_leaves_in_the_envelope() {
        let router = Router::new().route("/", get(async || -> () { panic!("inside") }));
        let request = HttpRequest::get("/").body(Body::empty()).unwrap();
        assert_eq!(answer(router, request).await, (StatusCode::INTERNAL_SERVER_ERROR, "internal".into()));
    }

    #[tokio::test]
    async fn what_a_layer_refuses_leaves_in_the_envelope() {
        let refuse = async || (StatusCode::PAYLOAD_TOO_LARGE, "length limit exceeded");
        let request = HttpRequest::get("/").body(Body::empty()).unwrap();
        let refused = answer(Router::new().route("/", get(refuse)), request).await;
        assert_eq!(refused, (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large".into()));
    }

    /// A body that begins, and then nothing.
    fn stalled(beginning: &'static str) -> Body {
        let beginning = stream::iter([Ok::<_, std::io::Error>(beginning)]);
        Body::from_stream(beginning.chain(stream::pending()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_arriving_is_given_up() {
        let json = HttpRequest::post("/").header(header::CONTENT_TYPE, "application/json").body(stalled("{")).unwrap();
        let read_json = async |_: extract::Body<Value>| ();
        let late = (StatusCode::REQUEST_TIMEOUT, Value::from("request_timeout"));
        assert_eq!(answer(Router::new().route("/", post(read_json)), json).await, late);

        let begun = "--abc\r\ncontent-disposition: form-data; name=\"audio\"\r\n\r\nRIFF";
        let form = HttpRequest::post("/").header(header::CONTENT_TYPE, "multipart/form-data; boundary=abc");
        let read_form =
            async |extract::Form(mut form): extract::Form| -> Result<(), ApiError> { read_all(&mut form).await };
        assert_eq!(answer(Router::new().route("/", post(read_form)), form.body(stalled(begun)).unwrap()).await, late);
    }

    async fn read_all(form: &mut Multipart) -> Result<(), ApiError> {
        while let Some(field) = form.next_field().await? {
            field.bytes().await?;
        }
        Ok(())
    }
}
