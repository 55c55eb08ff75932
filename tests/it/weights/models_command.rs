//! `rose models` and `rose doctor`, as the command line runs them.

use std::fs;
use std::net::TcpListener;

use clap::Parser;
use rose::cli::doctor::DoctorCommand;
use rose::cli::models::ModelsCommand;
use rose::config::{Config, Overrides};

use super::{Lines, Place, content, from_file, from_hub, model, no_hub};

#[derive(Parser)]
enum Rose {
    Models(ModelsCommand),
    Doctor(DoctorCommand),
}

fn config(place: &Place) -> Config {
    let overrides = Overrides {
        models_dir: Some(place.dir()),
        data_dir: Some(place.folder.path().join("data")),
        bind: Some("127.0.0.1:0".into()),
        model_set: Some("tiny".into()),
        ..Overrides::default()
    };
    Config::defaults(&overrides).unwrap()
}

/// What it writes to stdout, or its error.
fn run(config: &Config, arguments: &[&str]) -> (String, Result<(), String>) {
    let rose = Rose::try_parse_from([&["rose"], arguments].concat()).unwrap();
    let mut out = Vec::new();
    let result = match rose {
        Rose::Models(command) => command.run_to(config, &no_hub(), &Lines::default().progress(), &mut out),
        Rose::Doctor(command) => command.run_to(config, &[], &mut out),
    };
    (String::from_utf8(out).unwrap(), result.map_err(|error| error.to_string()))
}

/// With `a`, which can be pulled, and `b`, which can't.
fn place() -> Place {
    let content = content(1000);
    let place = Place::new("");
    let source = from_file(&place.file("source", &content));
    let manifest = model("a", &content, &[source]) + &model("b", &content, &[from_hub("b")]);
    fs::write(place.dir().join("manifest.toml"), manifest).unwrap();
    place
}

fn row(config: &Config, name: &str) -> serde_json::Value {
    let (out, result) = run(config, &["models", "list", "--json"]);
    result.unwrap();
    let rows: Vec<serde_json::Value> = serde_json::from_str(&out).unwrap();
    rows.into_iter().find(|row| row["name"] == name).unwrap()
}

#[test]
fn a_model_is_pulled_listed_verified_and_removed() {
    let place = place();
    let config = config(&place);
    assert_eq!(row(&config, "a")["state"], "missing");
    run(&config, &["models", "pull", "a"]).1.unwrap();
    assert_eq!(row(&config, "a")["state"], "installed");
    assert!(
        run(&config, &["models", "list"]).0.lines().any(|line| line.starts_with("a ") && line.contains("installed"))
    );
    assert_eq!(run(&config, &["models", "verify"]), ("a: as it should be\n".into(), Ok(())));

    fs::write(place.dir().join("a/a.gguf"), "altered").unwrap();
    assert_eq!(row(&config, "a")["state"], "altered");
    assert!(run(&config, &["models", "verify"]).1.expect_err("an altered file").contains("has been altered"));

    assert_eq!(run(&config, &["models", "remove", "a"]), ("a: removed\n".into(), Ok(())));
    assert_eq!(row(&config, "a")["state"], "missing");
    assert!(run(&config, &["models", "verify", "a"]).1.expect_err("a missing file").contains("rose models pull a"));
}

#[test]
fn a_pull_that_fails_in_part_fails() {
    let place = place();
    let (out, result) = run(&config(&place), &["models", "pull", "a", "b"]);
    assert!(out.contains("a: pulled from file"), "{out}");
    assert!(result.expect_err("b has no hub").contains("the model b could not be pulled"));
}

#[test]
fn sets_are_listed_with_their_models() {
    let row = row(&config(&place()), "whisper-base");
    assert_eq!(row["sets"], serde_json::json!(["small", "tiny"]));
    assert_eq!(row["capability"], "speech_to_text");
    assert_eq!(row["size_bytes"], 147_951_465);
}

#[test]
fn the_doctor_names_what_is_missing_and_what_mends_it() {
    let place = place();
    let (out, result) = run(&config(&place), &["doctor"]);
    assert!(result.expect_err("no model is there").contains("missing"));
    for mend in ["rose models pull smollm2-135m-instruct", "rose models pull whisper-tiny.en"] {
        assert!(out.contains(mend), "{out}");
    }
}

#[test]
fn the_doctor_is_content_where_everything_is_there() {
    let overrides = Overrides { bind: Some("127.0.0.1:0".into()), ..Overrides::default() };
    let mut config = crate::support::settings::tiny_with(overrides);
    config.data.dir = std::env::temp_dir();
    let (out, result) = run(&config, &["doctor"]);
    assert_eq!(result, Ok(()), "{out}");
    assert!(out.contains("whisper-tiny.en"), "{out}");
}

#[test]
fn the_doctor_sees_a_taken_port() {
    let place = place();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = config(&place);
    config.server.bind = taken.local_addr().unwrap();
    let (out, _) = run(&config, &["doctor", "--json"]);
    let findings: Vec<serde_json::Value> = serde_json::from_str(&out).unwrap();
    let address = findings.iter().find(|finding| finding["what"] == "address").unwrap();
    assert_eq!(address["state"], "missing");
}

#[test]
fn the_doctor_changes_nothing() {
    let place = Place::new("");
    let config = config(&place);
    run(&config, &["doctor"]).1.expect_err("no model is there");
    assert!(!config.data.dir.exists());
    let left: Vec<_> = fs::read_dir(place.dir()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["manifest.toml"]);
}
