//! The web app at the root: its page, its files, and that it never stands in the way of the API.

use reqwest::{Method, StatusCode, header};

use crate::support::app::TestApp;
use crate::support::person::{Person, assert_refused};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn open(person: &Person, path: &str) -> reqwest::Response {
    person.request(Method::GET, path).header(header::ACCEPT, BROWSER).send().await.expect("an answer")
}

/// The address of the page's script; `None` where this binary was built without the app.
async fn script(person: &Person) -> Option<String> {
    let page = open(person, "/").await.text().await.expect("text");
    let (_, from) = page.split_once("src=\"/assets/")?;
    Some(format!("/assets/{}", from.split('"').next().expect("an end")))
}

#[tokio::test]
async fn the_root_is_the_app_or_says_that_it_was_not_built() {
    let app = TestApp::fake().await;
    let person = app.stranger();
    for path in ["/", "/memories", "/no/such/view"] {
        let answer = open(&person, path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let text = answer.text().await.expect("text");
        assert!(text.contains("id=\"root\"") || text.contains("make frontend"), "{path}: {text}");
    }
}

#[tokio::test]
async fn the_app_never_hides_that_the_api_has_nothing_there() {
    let app = TestApp::fake().await;
    let person = app.stranger();
    for path in ["/api/nothing", "/api", "/metrics/nothing", "/assets/gone.js", "/../Cargo.toml"] {
        assert_refused(open(&person, path).await, 404, "unknown_route").await;
    }
    assert_eq!(open(&person, "/v1/nothing").await.status(), StatusCode::NOT_FOUND);
    let posted = person.request(Method::POST, "/memories").header(header::ACCEPT, BROWSER).send().await;
    assert_refused(posted.expect("an answer"), 404, "unknown_route").await;
    assert_refused(person.get("/memories").await, 404, "unknown_route").await;
}

#[tokio::test]
async fn the_apps_files_are_compressed_and_kept_by_browsers() {
    let app = TestApp::fake().await;
    let person = app.stranger();
    let Some(script) = script(&person).await else { return };
    let asked = person.request(Method::GET, &script).header(header::ACCEPT_ENCODING, "gzip");
    let answer = asked.send().await.expect("an answer");
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    assert_eq!(answer.headers()["cache-control"], "public, max-age=31536000, immutable");
    assert!(answer.headers()["content-type"].to_str().expect("ASCII").contains("javascript"));
}

#[tokio::test]
async fn the_page_is_asked_for_again_but_not_sent_twice() {
    let app = TestApp::fake().await;
    let person = app.stranger();
    if script(&person).await.is_none() {
        return;
    }
    let first = open(&person, "/").await;
    assert_eq!(first.headers()["cache-control"], "no-cache");
    let etag = first.headers()["etag"].clone();
    let again = person.request(Method::GET, "/").header(header::IF_NONE_MATCH, etag).send().await.expect("an answer");
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
}
