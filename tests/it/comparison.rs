//! `rose bench`: backends side by side.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::cloud;

const SPEECH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/speech");

fn bench(folder: &Path, arguments: &[&str]) -> Output {
    let models = crate::support::settings::tiny().models.dir;
    Command::new(env!("CARGO_BIN_EXE_rose"))
        .arg("bench")
        .args(arguments)
        .args(["--models", "tiny"])
        .arg("--models-dir")
        .arg(std::path::absolute(models).expect("a folder"))
        .current_dir(folder)
        .output()
        .expect("rose runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn report(folder: &Path) -> Value {
    let json = std::fs::read(folder.join("report.json")).expect("the figures");
    serde_json::from_slice(&json).expect("JSON")
}

#[test]
fn two_backends_are_compared_and_every_result_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let said =
        "and so my fellow americans ask not what your country can do for you ask what you can do for your country";
    // The fake hears the same words in every recording: those of one of the three.
    let backends = format!("right: fake+stt.fake.text={said}, slow: fake+stt.fake.delay_ms=120");
    let results = ["--json", "report.json", "--markdown", "report.md", "--html", "report.html"];
    let output = bench(
        folder.path(),
        &[&[SPEECH, "--backends", &backends, "--runs", "2", "--at-once", "3"], &results[..]].concat(),
    );
    assert!(output.status.success(), "{}", text(&output.stderr));

    let report = report(folder.path());
    let [right, slow] = &report["variants"].as_array().expect("variants")[..] else { panic!("two variants") };
    assert_eq!((right["label"].as_str(), slow["label"].as_str()), (Some("right"), Some("slow")));
    let turns = |variant: &Value| variant["turns"]["upload"].clone();
    for variant in [right, slow] {
        assert_eq!((&turns(variant)["count"], &turns(variant)["failed"]), (&6.into(), &0.into()), "{variant}");
        assert_eq!(variant["first"]["count"], 3);
        assert_eq!(variant["at_once"]["count"], 6);
        assert!(variant["at_once"]["turns_per_minute"].as_f64() > Some(0.0));
        assert!(variant["peak_bytes"].as_u64() > Some(1_000_000));
        assert_eq!(turns(variant)["stages"]["first_audio"]["count"], 6);
        assert_eq!(variant["alone"]["tokens_per_second"]["count"], 6);
    }
    let waited = |variant: &Value| turns(variant)["stages"]["speech_to_text"]["least"].as_f64().expect("a time");
    assert!(waited(slow) >= 120.0 && waited(slow) > waited(right), "{} {}", waited(right), waited(slow));
    let rate = |variant: &Value| turns(variant)["word_error_rate"].as_f64().expect("the words are known");
    assert!(rate(right) > 0.0 && rate(right) < rate(slow), "{} {}", rate(right), rate(slow));
    assert_eq!(turns(right)["heard"]["jfk.wav"][0], said);

    let page = std::fs::read_to_string(folder.path().join("report.html")).expect("the page");
    assert!(page.matches("<svg").count() >= 6, "charts");
    assert!(page.contains("unless to be rather cold hearted"), "what was said is on the page");
    assert!(!page.contains("http:") || page.matches("http:").count() == page.matches("http://www.w3.org").count());
    let markdown = std::fs::read_to_string(folder.path().join("report.md")).expect("the tables");
    for table in [markdown, text(&output.stdout)] {
        assert!(table.contains("first audio, ms") && table.contains("right") && table.contains("slow"), "{table}");
    }
}

#[test]
fn recordings_are_spoken_to_the_tiny_models_at_their_own_pace() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(Path::new(SPEECH).join("austen-0890.wav"), folder.path().join("austen.wav")).expect("copied");
    let words = "unless to be rather cold hearted and rather selfish is to be ill disposed";
    std::fs::write(folder.path().join("austen.txt"), words).expect("written");
    let doors = ["--door", "released", "--door", "hands-free"];
    let arguments = [&["austen.wav", "--runs", "1", "--at-once", "1", "--json", "report.json"], &doors[..]].concat();
    let output = bench(folder.path(), &arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report = report(folder.path());
    let variant = &report["variants"][0];
    assert_eq!(variant["at_once"], Value::Null);
    for door in ["released", "hands_free"] {
        let turns = &variant["turns"][door];
        assert_eq!((&turns["count"], &turns["failed"]), (&1.into(), &0.into()), "{}", variant["failures"]);
        assert!(turns["word_error_rate"].as_f64().expect("known words") <= 0.15, "{}", turns["heard"]);
        assert!(turns["stages"]["first_audio"]["p50"].as_f64() > Some(0.0));
    }
    assert!(variant["turns"]["hands_free"]["stages"]["pause"]["p50"].as_f64() >= Some(400.0));
    assert!(variant["turns"]["released"]["stages"]["pause"].is_null());
}

#[test]
fn what_cannot_be_compared_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("hum.mp3"), b"no sound").expect("written");
    for (arguments, code, named) in [
        (&["nowhere.wav"][..], 1, "nowhere.wav"),
        (&["hum.mp3"], 1, "hum.mp3"),
        (&[SPEECH, "--backends", "grok"], 1, "`grok`"),
        (&[SPEECH, "--backends", "fake+stt.fake.dely_ms=3"], 2, "dely_ms"),
        (&[SPEECH, "--backends", "stt.local.model=whisper-enormous"], 1, "whisper-enormous"),
        (&[SPEECH, "--runs", "0"], 2, "--runs"),
    ] {
        let output = bench(folder.path(), arguments);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        assert!(error.contains(named), "{arguments:?}: {error}");
        assert!(!folder.path().join("rose-bench.html").exists());
    }
}

/// What the cloud's stand-in hears in every recording.
const HEARD: &str =
    "and so my fellow americans ask not what your country can do for you ask what you can do for your country";

/// The engines of this machine and a service as far away as services are, side by side: what each stage takes, and what of
/// the service was used.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_local_engines_and_a_cloud_are_compared() {
    let url = cloud::start(HEARD, "That is a fine thing to ask of yourself. What would you like to do for them?").await;
    let address = |port: &str| format!("+{port}.openai.base_url={url}");
    let cloud = ["stt", "llm", "tts", "embeddings"].map(address).concat();
    let backends = format!("local, cloud: openai{cloud}+embeddings.openai.dimension={}", cloud::WIDTH);
    let folder = tempfile::tempdir().expect("a folder");
    let folder_path = folder.path().to_owned();
    let output = tokio::task::spawn_blocking(move || {
        let results = ["--json", "report.json", "--markdown", "report.md", "--html", "report.html"];
        let recording = format!("{SPEECH}/jfk.wav");
        bench(&folder_path, &[&[recording.as_str(), "--backends", &backends, "--runs", "3"], &results[..]].concat())
    });
    let output = output.await.expect("no panic");
    assert!(output.status.success(), "{}", text(&output.stderr));
    println!("{}", text(&output.stdout));

    let report = report(folder.path());
    let [local, cloud] = &report["variants"].as_array().expect("variants")[..] else { panic!("two variants") };
    let turns = |variant: &Value| variant["turns"]["upload"].clone();
    for variant in [local, cloud] {
        assert_eq!((&turns(variant)["count"], &turns(variant)["failed"]), (&3.into(), &0.into()), "{variant}");
        assert_eq!(turns(variant)["stages"]["first_audio"]["count"], 3);
    }
    // What the stand-in waits at the least, one after the other: hearing, a word, a sound. The embedding of the words is
    // kept from the first turn.
    let first_audio = turns(cloud)["stages"]["first_audio"]["least"].as_f64().expect("a time");
    assert!(first_audio >= 350.0 + 250.0 + 200.0, "{first_audio}");
    let used = |variant: &Value, unit: &str| turns(variant)["used"][unit]["p50"].as_f64();
    assert_eq!(used(cloud, "completion_tokens"), Some(17.0));
    assert!(used(cloud, "prompt_tokens") >= Some(400.0) && used(cloud, "characters") > Some(50.0), "{cloud}");
    assert!(used(cloud, "audio_seconds").is_some_and(|seconds| (seconds - 11.0).abs() < 0.1), "{cloud}");
    assert!(turns(local)["used"].as_object().is_some_and(serde_json::Map::is_empty), "{local}");
    let markdown = std::fs::read_to_string(folder.path().join("report.md")).expect("the table");
    assert!(markdown.contains("services: audio seconds"), "{markdown}");
}
