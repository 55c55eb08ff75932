//! The schema in `docs/` is the schema of the routes. `make openapi` writes it anew.

use std::path::Path;

use rose::config::{Config, Overrides};
use rose::server::{Server, document};
use serde_json::Value;

use crate::support::app::TestApp;

fn current() -> String {
    let config = Config::defaults(&Overrides::default()).expect("the defaults are valid");
    document(&Server::new(config.server))
}

#[test]
fn the_kept_openapi_schema_is_that_of_the_routes() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
    if std::env::var_os("ROSE_UPDATE_OPENAPI").is_some() {
        std::fs::write(&file, current()).expect("docs/openapi.json can be written");
    }
    let kept = std::fs::read_to_string(&file).expect("docs/openapi.json");
    assert!(kept == current(), "the routes changed; run `make openapi` and look at what it changes for callers");
}

#[tokio::test]
async fn the_server_gives_the_openapi_schema() {
    let app = TestApp::fake().await;
    let served = app.stranger().get_json("/api/openapi.json").await;
    assert_eq!(served, serde_json::from_str::<Value>(&current()).expect("JSON"));
}

/// A reference to a schema that isn't there breaks the generated client.
#[test]
fn every_openapi_reference_leads_somewhere() {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let schema: Value = serde_json::from_str(&current()).expect("JSON");
    let mut found = Vec::new();
    references(&schema, &mut found);
    assert!(found.len() > 20, "{found:?}");
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("a reference into the document");
        assert!(schema.pointer(pointer).is_some(), "{reference}");
    }
}

/// The generated client names its functions by them.
#[test]
fn every_openapi_operation_has_its_own_name() {
    let schema: Value = serde_json::from_str(&current()).expect("JSON");
    let paths = schema["paths"].as_object().expect("paths");
    let operations = paths.values().flat_map(|path| path.as_object().expect("operations").values());
    let mut names: Vec<&str> = operations.map(|one| one["operationId"].as_str().expect("a name")).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all, "{names:?}");
}

/// The page takes its limits from the schema.
#[test]
fn the_limits_of_the_openapi_schema_are_those_that_hold() {
    let schema: Value = serde_json::from_str(&current()).expect("JSON");
    let field =
        |schema_name: &str, field: &str| schema["components"]["schemas"][schema_name]["properties"][field].clone();
    assert_eq!(field("MemoryCorrection", "text")["maxLength"], rose::memory::MAX_CHARS);
    let speeds = rose::providers::tts::SPEEDS;
    for form in ["ChatRequest", "VoiceForm"] {
        let speed = field(form, "speed");
        let limits = (speed["minimum"].as_f64(), speed["maximum"].as_f64());
        assert_eq!(limits, (Some(f64::from(*speeds.start())), Some(f64::from(*speeds.end()))), "{form}");
    }
}
