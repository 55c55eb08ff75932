//! So many turns a minute.

use reqwest::{Method, StatusCode};
use std::num::NonZeroU32;

use crate::support::app::TestApp;
use crate::support::person::assert_refused;

#[tokio::test]
async fn the_eleventh_turn_in_a_minute_waits() {
    let app = TestApp::fake_with(|config| config.server.rate_limit_loopback = true).await;
    let person = app.stranger();
    let session = person.start_session().await;
    for _ in 0..10 {
        // Refused for itself, yet counted.
        assert_refused(person.chat(&session, "").await, 422, "empty_message").await;
    }
    let refused = person.chat(&session, "").await;
    let wait: u64 = refused.headers()["retry-after"].to_str().expect("ASCII").parse().expect("seconds");
    assert!((1..=6).contains(&wait), "{wait}");
    assert_eq!(refused.headers()["x-content-type-options"], "nosniff");
    assert_refused(refused, 429, "rate_limited").await;

    // What runs no model is not counted.
    assert_eq!(person.get(&format!("/api/sessions/{session}")).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn this_machine_is_not_limited_unless_told() {
    let app = TestApp::fake_with(|config| config.server.rate_limit_per_minute = NonZeroU32::new(1)).await;
    let person = app.stranger();
    let session = person.start_session().await;
    for _ in 0..3 {
        assert_refused(person.chat(&session, "").await, 422, "empty_message").await;
    }
    // What a proxy forwards is not this machine's own.
    let forwarded = async || {
        let request = person.request(Method::POST, "/api/chat").header("x-forwarded-for", "203.0.113.7");
        request.json(&serde_json::json!({"session_id": session, "message": ""})).send().await.expect("an answer")
    };
    assert_refused(forwarded().await, 422, "empty_message").await;
    assert_refused(forwarded().await, 429, "rate_limited").await;
}

#[tokio::test]
async fn a_trusted_proxy_names_who_is_counted() {
    let app = TestApp::fake_with(|config| {
        config.server.rate_limit_per_minute = NonZeroU32::new(1);
        config.server.trusted_proxies = vec!["127.0.0.1".parse().expect("an address")];
    })
    .await;
    let person = app.stranger();
    let session = person.start_session().await;
    let from = async |address: &str| {
        let request = person.request(Method::POST, "/api/chat").header("x-forwarded-for", address);
        request.json(&serde_json::json!({"session_id": session, "message": ""})).send().await.expect("an answer")
    };
    assert_refused(from("203.0.113.7").await, 422, "empty_message").await;
    assert_refused(from("203.0.113.8").await, 422, "empty_message").await;
    assert_refused(from("203.0.113.7").await, 429, "rate_limited").await;
    assert_refused(from("1.2.3.4, 203.0.113.7").await, 429, "rate_limited").await;
}
