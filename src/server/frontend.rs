//! The web app: the files of `frontend/dist`, as they were when this binary was built, and its page for every path that
//! is one of its views. Never in the way of the API.

use std::borrow::Cow;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::handler::Handler;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use tower_http::compression::CompressionLayer;

use super::error::ApiError;
use super::state::Server;

const PAGE: &str = "index.html";
/// What is under these answers as the API does, also where there is nothing.
const API: [&str; 3] = ["api", "v1", "metrics"];

#[cfg(feature = "frontend")]
mod dist {
    /// Empty where the app had not been built.
    #[derive(rust_embed::RustEmbed)]
    #[folder = "frontend/dist"]
    #[allow_missing = true]
    struct Dist;

    pub(super) fn file(path: &str) -> Option<super::File> {
        let file = Dist::get(path)?;
        let media_type = file.metadata.mimetype().to_owned();
        Some((file.data, media_type, file.metadata.sha256_hash()))
    }
}

#[cfg(not(feature = "frontend"))]
mod dist {
    pub(super) fn file(_: &str) -> Option<super::File> {
        None
    }
}

/// Content, media type and SHA-256.
type File = (Cow<'static, [u8]>, String, [u8; 32]);

/// One file of the app.
struct Asset {
    bytes: Body,
    media_type: HeaderValue,
    /// Of its content.
    etag: HeaderValue,
}

fn asset(path: &str) -> Option<Asset> {
    let (data, media_type, hash) = dist::file(path)?;
    let media_type = HeaderValue::from_str(&media_type).ok()?;
    let hash: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    // Weak, since the bytes differ by how they are compressed.
    let etag = HeaderValue::from_str(&format!("W/\"{hash}\"")).ok()?;
    let bytes = match data {
        Cow::Borrowed(bytes) => Body::from(bytes),
        Cow::Owned(bytes) => Body::from(bytes),
    };
    Some(Asset { bytes, media_type, etag })
}

/// What has no route of its own: the app's files and views, compressed; else the API's "nothing here".
pub(super) fn with_frontend(router: Router<Server>) -> Router<Server> {
    router.fallback_service(serve.layer(CompressionLayer::new()).with_state(()))
}

async fn serve(request: Request) -> Result<Response, ApiError> {
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err(ApiError::unknown_route());
    }
    let path = uri.path().trim_start_matches('/');
    if let Some(found) = asset(path) {
        return Ok(answer(found, path, headers));
    }
    if is_view(uri, headers) { Ok(page(headers)) } else { Err(ApiError::unknown_route()) }
}

/// A browser that opens an address asks for HTML; scripts and clients of the API don't. Views have no extension.
fn is_view(uri: &Uri, headers: &HeaderMap) -> bool {
    let path = uri.path().trim_start_matches('/');
    let first = path.split('/').next().unwrap_or_default();
    let wants_html = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    wants_html && !API.contains(&first) && !path.contains('.')
}

/// The app's page; a plain sentence where this binary was built without it.
pub(super) fn page(headers: &HeaderMap) -> Response {
    asset(PAGE).map_or_else(not_built, |found| answer(found, PAGE, headers))
}

fn not_built() -> Response {
    const TEXT: &str = "Rose is here, but this binary was built without her web app. Build it with `make frontend`, \
                        then Rose again, or use the API: /api/openapi.json describes it.\n";
    TEXT.into_response()
}

fn answer(found: Asset, path: &str, headers: &HeaderMap) -> Response {
    // Names under `assets/` change with their content; everything else is asked for again each time.
    let cache = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| *known == found.etag);
    let about = [(header::CACHE_CONTROL, HeaderValue::from_static(cache)), (header::ETAG, found.etag)];
    if known {
        return (StatusCode::NOT_MODIFIED, about).into_response();
    }
    (about, [(header::CONTENT_TYPE, found.media_type)], found.bytes).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opens(path: &'static str, accept: &'static str) -> bool {
        let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
        is_view(&Uri::from_static(path), &headers)
    }

    #[test]
    fn a_view_is_what_a_browser_opens_outside_of_the_api() {
        const BROWSER: &str = "text/html,application/xhtml+xml,*/*;q=0.8";
        for view in ["/write", "/memories", "/settings/", "/apiary"] {
            assert!(opens(view, BROWSER), "{view}");
            assert!(!opens(view, "application/json"), "{view}");
        }
        for other in ["/api/nothing", "/api", "/v1/nothing", "/metrics/x", "/missing.js", "/assets/gone-1234.css"] {
            assert!(!opens(other, BROWSER), "{other}");
        }
    }
}
