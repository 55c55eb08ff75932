//! schemathesis over the schema, on fakes: no answer is an error of the server's, and none is outside the schema.

use std::path::PathBuf;
use std::process::Command;

use rose::config::ImageBackend;

use crate::support::app::TestApp;

/// Cases of each route; more by `ROSE_SCHEMATHESIS_CASES`.
const CASES: &str = "12";

fn program() -> PathBuf {
    // The folder of this binary is target/release/deps.
    let own = std::env::current_exe().expect("a test has a path");
    let program = own.ancestors().nth(3).expect("target").join("schemathesis/bin/schemathesis");
    assert!(program.exists(), "schemathesis is not installed: `make test` installs it with scripts/schemathesis.sh");
    program
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_in_the_schema() {
    let app = TestApp::fake_with(|config| config.image.backends = vec![ImageBackend::Fake]).await;
    let cases = std::env::var("ROSE_SCHEMATHESIS_CASES").unwrap_or_else(|_| CASES.into());
    let mut command = Command::new(program());
    command
        .arg("run")
        .arg(format!("{}/api/openapi.json", app.url))
        .args([
            "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
        ])
        .args(["--phases", "examples,coverage,fuzzing", "--max-examples", &cases, "--seed", "1", "--no-color"])
        // A door for WebSockets has nothing to say to plain requests; an interrupted stream has no whole answer.
        .args(["--exclude-path", "/v1/realtime", "--request-timeout", "20", "--generation-deterministic"])
        .current_dir(app.data.path());
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("it starts");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
}
