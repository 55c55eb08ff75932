//! Health, metrics, and what the root says.

use clap::Parser;
use reqwest::StatusCode;
use rose::cli::health::HealthCommand;
use rose::server::Server;
use serde_json::Value;

use crate::support::app::{TestApp, listen};
use crate::support::person::{Person, assert_refused};

#[tokio::test]
async fn fakes_are_called_fake() {
    let app = TestApp::fake().await;
    let health = app.stranger().get_json("/api/health").await;
    assert_eq!(health["status"], "ready");
    assert_eq!(health["fake"], true);
    for port in ["speech_to_text", "llm", "text_to_speech", "embeddings"] {
        let service = &health["services"][port];
        assert_eq!(service["backend"], "fake", "{port}");
        assert_eq!(service["ready"], true, "{port}");
        assert!(service["model"].is_string(), "{port}");
    }
}

#[tokio::test]
async fn before_the_engines_are_there_it_says_starting() {
    let template = TestApp::fake().await;
    let (url, stop, serving) = listen(Server::new(template.app.config.server.clone())).await;
    let person = Person::new(&url);
    let refusal = ask(&url, &template).await.expect_err("not ready").to_string();
    assert_eq!(refusal, format!("{url} is not ready: its engines are being loaded"));

    let health = person.get("/api/health").await;
    assert_eq!(health.status(), StatusCode::SERVICE_UNAVAILABLE);
    let health: Value = health.json().await.expect("JSON");
    assert_eq!(health["status"], "starting");
    let answer = person.get("/api/sessions").await;
    assert!(answer.headers().contains_key("retry-after"));
    assert_refused(answer, 503, "starting").await;

    stop.cancel();
    serving.await.expect("no panic").expect("a good end");
}

/// What `rose health` prints.
async fn ask(url: &str, app: &TestApp) -> anyhow::Result<String> {
    let command = Command::parse_from(["health", "--url", url]).health;
    let config = app.app.config.clone();
    let asked = tokio::task::spawn_blocking(move || {
        let mut out = Vec::new();
        command.run(&config, &mut out).map(|()| String::from_utf8(out).expect("UTF-8"))
    });
    asked.await.expect("no panic")
}

#[derive(clap::Parser)]
struct Command {
    #[command(flatten)]
    health: HealthCommand,
}

#[tokio::test]
async fn the_command_asks_whether_it_is_ready() {
    let app = TestApp::fake().await;
    assert_eq!(ask(&app.url, &app).await.expect("ready"), "ready\n");
    let url = app.url.clone();
    let data = app.stop().await;
    let template = TestApp::fake_in(data).await;
    let refusal = ask(&url, &template).await.expect_err("nobody is there").to_string();
    assert_eq!(refusal, format!("{url} can't be reached"));
}

#[tokio::test]
async fn a_turn_is_counted() {
    let app = TestApp::fake().await;
    let person = app.stranger();
    let session = person.start_session().await;
    person.ask(&session, "Good morning.").await;
    let page = person.get("/metrics").await.text().await.expect("text");
    for line in [
        "rose_stage_duration_seconds_bucket{stage=\"respond\"",
        "rose_turns_total{outcome=\"answered\"}",
        "rose_http_request_duration_seconds_bucket{method=\"POST\",route=\"/api/chat\"",
    ] {
        assert!(page.contains(line), "{line} is not in\n{page}");
    }
}
