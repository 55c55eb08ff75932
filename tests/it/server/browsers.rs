//! What a browser is told, and what a foreign page may not do.

use reqwest::{Method, StatusCode};

use crate::support::app::TestApp;
use crate::support::person::assert_refused;

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let app = TestApp::fake().await;
    let person = app.stranger();
    for path in ["/", "/api/health", "/api/nothing", "/api/sessions", "/metrics"] {
        let answer = person.get(path).await;
        let headers = answer.headers();
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["x-frame-options"], "DENY", "{path}");
        assert_eq!(headers["referrer-policy"], "no-referrer", "{path}");
        assert!(headers["content-security-policy"].to_str().expect("ASCII").contains("default-src 'self'"), "{path}");
        assert!(!headers.contains_key("strict-transport-security"), "{path}");
        assert!(headers.contains_key("x-request-id"), "{path}");
    }
}

#[tokio::test]
async fn over_https_the_cookie_is_secure_and_hsts_is_sent() {
    let app = TestApp::fake_with(|config| config.server.https = true).await;
    let answer = app.stranger().request(Method::POST, "/api/session/start").send().await.expect("an answer");
    let cookie = answer.headers()["set-cookie"].to_str().expect("ASCII").to_owned();
    assert!(cookie.contains("Secure"), "{cookie}");
    assert!(answer.headers()["strict-transport-security"].to_str().expect("ASCII").contains("max-age="));
}

#[tokio::test]
async fn the_cookie_is_out_of_reach_of_scripts_and_foreign_pages() {
    let app = TestApp::fake().await;
    let answer = app.stranger().request(Method::POST, "/api/session/start").send().await.expect("an answer");
    let cookie = answer.headers()["set-cookie"].to_str().expect("ASCII").to_owned();
    for part in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age="] {
        assert!(cookie.contains(part), "{part} is not in {cookie}");
    }
}

#[tokio::test]
async fn a_request_id_is_taken_over_where_it_is_harmless() {
    let app = TestApp::fake().await;
    let person = app.stranger();
    let with = async |id: &str| {
        let answer =
            person.request(Method::GET, "/api/nothing").header("x-request-id", id).send().await.expect("an answer");
        answer.headers()["x-request-id"].to_str().expect("ASCII").to_owned()
    };
    assert_eq!(with("from-my-proxy.17").await, "from-my-proxy.17");
    for hostile in ["a b", "\"}{", &"x".repeat(65)] {
        assert_ne!(with(hostile).await, hostile);
    }
}

#[tokio::test]
async fn a_foreign_page_may_not_act() {
    let app = TestApp::fake_with(|config| config.server.allowed_origins = vec!["https://rose.example".into()]).await;
    let person = app.stranger();
    let own = app.url.clone();
    let from = async |origin: &str| {
        person.request(Method::POST, "/api/session/start").header("origin", origin).send().await.expect("an answer")
    };
    assert_eq!(from(&own).await.status(), StatusCode::OK);
    assert_eq!(from("https://rose.example").await.status(), StatusCode::OK);
    assert_refused(from("https://evil.example").await, 403, "foreign_origin").await;
    assert_refused(from("null").await, 403, "foreign_origin").await;
    assert_refused(from("https://rose.example.evil.example").await, 403, "foreign_origin").await;
}

#[tokio::test]
async fn only_pages_of_allowed_origins_may_read() {
    let app = TestApp::fake_with(|config| config.server.allowed_origins = vec!["https://rose.example".into()]).await;
    let person = app.stranger();
    let from = async |origin: &str| {
        let answer =
            person.request(Method::GET, "/api/health").header("origin", origin).send().await.expect("an answer");
        answer.headers().get("access-control-allow-origin").map(|origin| origin.to_str().expect("ASCII").to_owned())
    };
    assert_eq!(from("https://rose.example").await.as_deref(), Some("https://rose.example"));
    assert_eq!(from("https://evil.example").await, None);
}
