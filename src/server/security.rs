//! What browsers are told, so that a page can do no more than it should.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::csrf::{ConfigError as CsrfError, CsrfLayer, ProtectionError};

use super::error::ApiError;
use super::request_id;
use super::state::Server;

/// The page may load from here only; pictures and sound also from memory. The hash is that of nothing: a library of the
/// page's adds an empty style element, and fills it by script.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; \
     style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; img-src 'self' data: blob:; media-src 'self' blob:; \
     connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

pub(super) async fn security_headers(State(server): State<Server>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if server.config().https {
        let two_years = HeaderValue::from_static("max-age=63072000; includeSubDomains");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, two_years);
    }
    // Everything but files is about one person.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Pages of the allowed origins may call the API with the person's cookie; others may not read its answers.
pub(super) fn cors(allowed_origins: &[String]) -> CorsLayer {
    if allowed_origins.is_empty() {
        return CorsLayer::new();
    }
    let origins: Vec<HeaderValue> = allowed_origins
        .iter()
        .map(|origin| HeaderValue::from_str(origin).expect("an origin that config has validated"))
        .collect();
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers([header::CONTENT_TYPE, header::RANGE, request_id::HEADER])
        .expose_headers([header::CONTENT_RANGE, header::RETRY_AFTER, request_id::HEADER])
}

/// Whether a page of an origin that is neither Rose's own nor an allowed one is behind a request. Browsers send the origin
/// with every WebSocket, and keep no page from opening one anywhere; other clients send none.
pub(super) fn is_from_foreign_page(headers: &HeaderMap, allowed_origins: &[String]) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    let Ok(origin) = origin.to_str() else { return true };
    if allowed_origins.iter().any(|allowed| allowed == origin) {
        return false;
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let of_origin = origin.split_once("://").map(|(_, host)| host);
    host.is_none() || of_origin != host
}

/// Refuses what a foreign page makes a browser send: beside `SameSite`, for browsers and networks that don't keep it.
///
/// # Errors
/// Where an origin is not one; config has checked them before.
pub(super) fn foreign_pages(
    allowed_origins: &[String],
) -> Result<CsrfLayer<impl FnMut(ProtectionError) -> Response + Clone + use<>>, CsrfError> {
    let layer = allowed_origins.iter().try_fold(CsrfLayer::new(), |layer, origin| layer.add_trusted_origin(origin))?;
    Ok(layer.with_rejection_response(|_| ApiError::foreign_origin().into_response()))
}
