//! OpenAI's own clients for Python and Node against the whole of `/v1`, on fakes: what comes back is what they expect.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rose::audio::{DurationLimits, decode, samples_from_pcm16};
use rose::config::{Config, ImageBackend};
use rose::domain::audio::{Clip, SampleRate};
use rose::domain::image::ImageFormat;
use rose::domain::word_error_rate::word_error_rate;
use serde_json::Value;

use crate::support::app::TestApp;
use crate::support::recordings;

const SAID: &str = "Tell me about the sea.";

/// Where `scripts/openai-clients.sh` installs them.
pub fn clients() -> PathBuf {
    // The folder of this binary is target/release/deps.
    let own = std::env::current_exe().expect("a test has a path");
    let folder = own.ancestors().nth(3).expect("target").join("openai-clients");
    let there = folder.join("bin/python").exists() && folder.join("node/node_modules/openai").exists();
    assert!(there, "OpenAI's clients are not installed: `make test` installs them with scripts/openai-clients.sh");
    folder
}

fn fakes(config: &mut Config) {
    config.stt.fake.text = Some(SAID.into());
    config.image.backends = vec![ImageBackend::Fake];
}

async fn run(command: Command) -> Value {
    run_against(TestApp::fake_with(fakes).await, command).await
}

async fn run_against(app: TestApp, mut command: Command) -> Value {
    let recording = app.data.path().join("speech.wav");
    std::fs::write(&recording, recordings::jfk()).expect("a file");
    command.arg(&app.url).arg(&recording);
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/openai").join(name)
}

fn text<'a>(got: &'a Value, name: &str) -> &'a str {
    got[name].as_str().unwrap_or_else(|| panic!("{name} is {}", got[name]))
}

fn sound(got: &Value, format: &str) -> Clip {
    let bytes = BASE64_STANDARD.decode(text(&got["speech"], format)).expect("base64");
    match format {
        "pcm" => Clip::new(samples_from_pcm16(&bytes), SampleRate::REALTIME),
        _ => decode(&bytes, &DurationLimits::ANY).unwrap_or_else(|error| panic!("{format}: {error}")),
    }
}

fn vector(of: &Value) -> Vec<f64> {
    of.as_array().expect("a vector").iter().map(|value| value.as_f64().expect("a number")).collect()
}

fn cosine(a: &Value, b: &Value) -> f64 {
    vector(a).iter().zip(vector(b)).map(|(a, b)| a * b).sum()
}

fn check(got: &Value) {
    assert!(got["models"].as_array().expect("a list").len() >= 5, "{}", got["models"]);
    assert_eq!(got["model"], got["models"][0]);

    for name in ["chat", "stream"] {
        assert!(text(got, name).contains("sea"), "{name}: {}", text(got, name));
        assert_eq!(text(got, &format!("{name}_finish")), "stop");
        assert!(got[format!("{name}_tokens")].as_u64().expect("a number") > 10);
    }
    assert!(got["stream_pieces"].as_u64().expect("a number") > 3, "it came in pieces");

    for format in ["json", "verbose_json"] {
        assert_eq!(text(got, format), SAID);
    }
    assert_eq!(text(got, "text").trim_end(), SAID);
    assert!(text(got, "srt").starts_with("1\n00:00:00,000 --> "), "{}", text(got, "srt"));
    assert!(text(got, "vtt").starts_with("WEBVTT\n\n00:00:00.000 --> "), "{}", text(got, "vtt"));
    assert!(text(got, "srt").contains(SAID) && text(got, "vtt").contains(SAID));
    let seconds = got["seconds"].as_f64().expect("a number");
    assert!((seconds - 11.0).abs() < 0.1, "{seconds}");
    let end = got["segments"][0][1].as_f64().expect("a number");
    assert!(end > 0.0 && end <= seconds + 0.01);

    let spoken = sound(got, "pcm");
    for format in ["mp3", "opus", "aac", "flac", "wav"] {
        let clip = sound(got, format);
        let longer = clip.duration().as_secs_f64() - spoken.duration().as_secs_f64();
        assert!(longer.abs() < 0.15, "{format} is {longer} s longer");
        assert!((clip.rms() - spoken.rms()).abs() < 0.2 * spoken.rms(), "{format}: {} {}", clip.rms(), spoken.rms());
    }

    let embeddings = &got["embeddings"];
    assert_eq!(embeddings.as_array().expect("a list").len(), 3);
    assert!((cosine(&embeddings[0], &got["floats"]) - 1.0).abs() < 1e-4, "either encoding gives the same");
    assert!(cosine(&embeddings[0], &embeddings[1]) > cosine(&embeddings[0], &embeddings[2]));

    let images = got["images"].as_array().expect("a list");
    assert_eq!(images.len(), 2);
    let picture = BASE64_STANDARD.decode(images[0].as_str().expect("base64")).expect("base64");
    assert_eq!(ImageFormat::sniff(&picture), Some(ImageFormat::Png));
    // Where a PNG says its width and height.
    assert_eq!((&picture[16..20], &picture[20..24]), (&512_u32.to_be_bytes()[..], &256_u32.to_be_bytes()[..]));

    let expected = [
        (400, "invalid_request"),
        (404, "not_found"),
        (400, "unsupported_audio"),
        (400, "invalid_request"),
        (400, "invalid_request"),
    ];
    for (error, (status, code)) in got["errors"].as_array().expect("a list").iter().zip(expected) {
        assert_eq!((error[0].as_u64(), error[1].as_str()), (Some(status), Some("invalid_request_error")), "{error}");
        assert_eq!(error[2], code, "{error}");
        assert!(error[3].as_str().expect("a message").ends_with('.'), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn openais_python_client_works_unmodified() {
    let mut command = Command::new(clients().join("bin/python"));
    command.arg(script("client.py"));
    check(&run(command).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn openais_node_client_works_unmodified() {
    let mut command = Command::new("node");
    command.arg(script("client.mjs")).arg(clients().join("node"));
    check(&run(command).await);
}

/// On real models: what they say is not asserted, but that it has the shape that was asked for.
fn check_models(got: &Value) {
    assert!(["cat", "dog"].contains(&text(&got["pet"], "kind")) && got["pet"]["age"].is_i64(), "{}", got["pet"]);
    if got["object_finish"] == "stop" {
        let object: Value = serde_json::from_str(text(got, "object")).expect("JSON");
        assert!(object.is_object());
    }
    for name in ["call", "streamed_call"] {
        let call = &got[name];
        assert_eq!((&call[0], &call[2]), (&"get_weather".into(), &"tool_calls".into()), "{name}: {call}");
        assert!(call[1]["city"].is_string(), "{name}: {call}");
    }
    assert!(got["call"][3].is_null(), "nothing is said beside a call");
    assert!(!text(got, "answer").trim().is_empty());
    assert!(got["to_audio"].as_u64().expect("a number") > 20, "the recording's words are in the prompt");

    let duration = got["duration"].as_f64().expect("a number");
    let words = got["words"].as_array().expect("a list");
    let said: Vec<&str> = words.iter().map(|word| word[0].as_str().expect("a text")).collect();
    let (_, spoken) = crate::stt::SPOKEN[0];
    assert!(word_error_rate(spoken, &said.join(" ")) < 0.1, "{said:?}");
    let mut before = 0.0;
    for word in words {
        let (start, end) = (word[1].as_f64().expect("a number"), word[2].as_f64().expect("a number"));
        assert!(before <= start && start <= end && end <= duration + 0.01, "{word} after {before}");
        before = start;
    }
    for segment in got["segments"].as_array().expect("a list") {
        assert!(!segment["tokens"].as_array().expect("a list").is_empty(), "{segment}");
        assert!(segment["avg_logprob"].as_f64().expect("a number") < 0.0, "{segment}");
        assert!(segment["compression_ratio"].as_f64().expect("a number") > 0.1, "{segment}");
        assert!((0.0..1.0).contains(&segment["no_speech_prob"].as_f64().expect("a number")), "{segment}");
        assert_eq!(segment["temperature"], 0.0, "{segment}");
        assert!(segment["seek"].as_u64().expect("a number") < 100, "all is heard in the first window: {segment}");
    }
    let deltas: String = got["deltas"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert_eq!(deltas, text(got, "done"), "the deltas are the whole");
    assert!(word_error_rate(spoken, &deltas) < 0.1, "{deltas}");
}

#[tokio::test(flavor = "multi_thread")]
async fn openais_python_client_uses_the_real_models() {
    let mut command = Command::new(clients().join("bin/python"));
    command.arg(script("models.py"));
    check_models(&run_against(TestApp::tiny().await, command).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn openais_node_client_uses_the_real_models() {
    let mut command = Command::new("node");
    command.arg(script("models.mjs")).arg(clients().join("node"));
    check_models(&run_against(TestApp::tiny().await, command).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_the_published_types_is_taken_or_refused_by_name() {
    let mut command = Command::new(clients().join("bin/python"));
    command.arg(script("contract.py"));
    let got = run(command).await;
    println!("{} cases", got["cases"]);
    assert!(got["cases"].as_u64().expect("a number") > 400, "{}", got["cases"]);
    let broken = got["broken"].as_array().expect("a list");
    assert!(
        broken.is_empty(),
        "{} broke the contract:\n{}",
        broken.len(),
        serde_json::to_string_pretty(broken).expect("JSON")
    );
}
