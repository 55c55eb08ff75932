//! OpenAI's agents client on fakes: the model calls a function, the client runs it, and the reply speaks of the result.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::openai::clients::clients;
use crate::support::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn an_unmodified_client_holds_a_conversation_with_a_call() {
    let app = TestApp::fake().await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/realtime/agents.mjs");
    let mut command = Command::new("node");
    command.arg(script).arg(clients().join("node")).arg(&app.url);
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("node starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let got: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(got["errors"], json!([]));
    assert_eq!(got["calls"].as_array().expect("a list").len(), 1, "{got}");
    assert!(got["calls"][0].as_str().expect("a text").contains("Lisbon"), "{got}");
    assert_eq!(got["results"], json!(["The sky is clear and there is no wind."]));
    let replies = got["replies"].as_array().expect("a list");
    assert_eq!(replies.len(), 3, "{got}");
    assert!(replies[1].as_str().expect("a text").contains("sky is clear"), "{got}");
    assert!(got["sound"].as_u64().expect("a number") > 10_000, "{got}");
    let calls = got["items"].as_array().expect("a list").iter().filter(|item| **item == "function_call").count();
    assert_eq!(calls, 1, "{got}");
}
