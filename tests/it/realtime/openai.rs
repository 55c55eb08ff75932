//! OpenAI's own client against the real, tiny models: two spoken turns, the second interrupted in the middle of the answer.

use std::path::{Path, PathBuf};
use std::process::Command;

use rose::audio::{Encoding, encode, resample};
use rose::domain::audio::{Clip, SampleRate};
use serde_json::Value;

use crate::audio::original;
use crate::support::app::TestApp;
use rose::domain::word_error_rate::word_error_rate;

fn python() -> PathBuf {
    // The folder of this binary is target/release/deps.
    let own = std::env::current_exe().expect("a test has a path");
    let target = own.ancestors().nth(3).expect("target").to_owned();
    let python = target.join("openai-clients/bin/python");
    assert!(
        python.exists(),
        "OpenAI's client is not installed: `make test` installs it with scripts/openai-clients.sh"
    );
    python
}

fn raw(folder: &Path, name: &str, clip: &Clip) -> PathBuf {
    let file = folder.join(name);
    std::fs::write(&file, encode(&resample(clip, SampleRate::REALTIME), Encoding::Pcm16)).expect("a file");
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unmodified_client_holds_a_conversation_and_interrupts() {
    let app = TestApp::tiny().await;
    let folder = tempfile::tempdir().expect("a folder for the test");
    let first = raw(folder.path(), "first", &original("austen-0890.wav"));
    let second = raw(folder.path(), "second", &original("austen-0870.wav"));
    let over = original("jfk.wav");
    // "And so, my fellow Americans": enough to interrupt.
    let over = Clip::new(over.samples[..36_000].to_vec(), over.rate);
    let over = raw(folder.path(), "over", &over);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/realtime/openai_conversation.py");
    let mut command = Command::new(python());
    command.arg(script).arg(&app.url).args([first, second, over]);
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("python starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let turns: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    for turn in &turns {
        println!("first audio {} s after speech_stopped; {}", turn["first_audio_after"], turn["stages"]);
    }

    let text = |turn: usize, field: &str| turns[turn][field].as_str().expect("a text").to_owned();
    for (turn, said) in [
        (0, "unless to be rather cold hearted and rather selfish is to be ill disposed"),
        (
            1,
            "and mister john dashwood had then leisure to consider how much there might be prudently in his power to do \
             for them",
        ),
    ] {
        let rate = word_error_rate(said, &text(turn, "transcript"));
        assert!(rate < 0.25, "{rate}: {}", text(turn, "transcript"));
    }
    assert_eq!(text(0, "status"), "completed");
    assert!(turns[0]["sound"].as_u64().expect("a number") > 24_000, "half a second of sound at least");
    assert!(!text(0, "said").is_empty() && text(0, "deltas").len() <= text(0, "transcript").len());
    // A short reply may be over before it can be interrupted.
    if text(1, "status") != "completed" {
        assert_eq!((text(1, "status"), text(1, "reason")), ("cancelled".into(), "turn_detected".into()));
    }
    assert_eq!(text(2, "status"), "completed", "the interruption is answered");
}
