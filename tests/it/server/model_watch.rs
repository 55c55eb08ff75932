//! Services are asked for their models at the start and each day: what is gone, inactive or announced to go is said, and what
//! can't be known is no warning.

use axum::body::Bytes;
use jiff::civil::Date;
use rose::config::{LlmBackend, TtsBackend};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::child::{Engines, ServeProcess};
use crate::support::service::{Act, Answer, Request, Service, api};

const TODAY: Date = Date::constant(2026, 11, 27);

fn groq(id: &str, created: i64, active: bool) -> Value {
    json!({"id": id, "object": "model", "created": created, "owned_by": "Someone", "active": active,
        "context_window": 131_072, "public_apps": null, "max_completion_tokens": 65_536})
}

/// As Groq lists its models, and OpenAI announces an end.
fn models(_: &Request) -> Answer {
    let mut going = groq("seen/going-1b", 20, true);
    going["shutdown_date"] = "2027-01-14".into();
    let list = json!({"object": "list", "data": [
        groq("seen/here-7b", 30, true), groq("seen/resting-3b", 25, false), going,
        groq("seen/gone2-8b", 40, true), groq("seen/gone-large", 10, true),
    ]});
    ("application/json", vec![Bytes::from(list.to_string())])
}

/// What health says of the language model `model` of a service, and the figure of it in the metrics.
async fn seen(url: &str, model: &str) -> (Value, Option<String>) {
    let app = TestApp::fake_with(|config| {
        config.llm.backends = vec![LlmBackend::Groq, LlmBackend::Fake];
        config.llm.groq.api = api(url, model);
        config.llm.groq.vision_model = None;
    })
    .await;
    let person = app.stranger();
    assert_eq!(person.get_json("/api/health").await["service_models"], json!([]), "nothing is known yet");
    app.app.models.look(TODAY).await;
    let health = person.get_json("/api/health").await;
    assert_eq!(health["status"], "ready", "the next backend answers");
    let all = health["service_models"].as_array().expect("a list").clone();
    assert_eq!(all.len(), 1, "{health}");
    assert_eq!((&all[0]["port"], &all[0]["backend"], &all[0]["model"]), (&"llm".into(), &"groq".into(), &model.into()));
    let page = person.get("/metrics").await.text().await.expect("text");
    let name = format!("rose_vendor_model_state{{backend=\"groq\",model=\"{model}\"}} ");
    let figure = page.lines().find_map(|line| line.strip_prefix(&name)).map(str::to_owned);
    (all[0].clone(), figure)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_is_there_or_announced_or_inactive_or_gone() {
    let service = Service::start(&[], models);
    for (model, state, figure) in [
        ("seen/here-7b", "present", "0"),
        ("seen/going-1b", "announced", "1"),
        ("seen/resting-3b", "inactive", "2"),
        ("seen/gone1-8b", "gone", "3"),
    ] {
        let (seen, counted) = seen(&service.url, model).await;
        assert_eq!(seen["state"], state, "{seen}");
        assert_eq!(counted.as_deref(), Some(figure), "{model}");
        // The newest of its family, or else of the same maker.
        assert_eq!(seen["instead"].as_str(), (state != "present").then_some("seen/gone2-8b"), "{seen}");
        assert_eq!(seen["shut_off"].as_str(), (state == "announced").then_some("2027-01-14"), "{seen}");
    }
    let asked = service.requests();
    assert!(asked.iter().all(|request| request.path == "/models" && request.headers.contains_key("authorization")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_cannot_be_had_says_nothing_of_the_model() {
    // A gigabyte, of which little is read.
    let endless = |_: &Request| ("application/json", vec![Bytes::from(vec![b' '; 1 << 20]); 1 << 10]);
    let odd = |_: &Request| ("application/json", vec![Bytes::from_static(b"{\"data\": \"none\"}")]);
    let empty = |_: &Request| ("application/json", vec![Bytes::from_static(b"{\"object\": \"list\", \"data\": []}")]);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let services = [
        Service::start_then(&[], Act::Status(401), models),
        Service::start_then(&[], Act::Status(404), models),
        Service::start_then(&[], Act::Status(500), models),
        Service::start_then(&[], Act::Redirect, models),
        Service::start_then(&[], Act::Garbage, models),
        Service::start_then(&[], Act::Cut, models),
        Service::start(&[], odd),
        Service::start(&[], empty),
        Service::start(&[], endless),
    ];
    let urls = services.iter().map(|service| service.url.clone()).chain([format!("http://{nobody}")]);
    for (number, url) in urls.enumerate() {
        let model = format!("unseen/model-{number}");
        let (seen, counted) = seen(&url, &model).await;
        assert_eq!(seen["state"], "not_known", "{seen}");
        assert!(
            seen["reason"].as_str().is_some_and(|reason| !reason.is_empty() && !reason.contains("secret")),
            "{seen}"
        );
        assert_eq!(seen["instead"], Value::Null, "{seen}");
        assert_eq!(counted.as_deref(), Some("-1"), "{model}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_service_is_asked_once_and_as_it_takes_its_key() {
    let service = Service::start(&[], |request| match request.headers.contains_key("xi-api-key") {
        true => {
            ("application/json", vec![Bytes::from(r#"[{"model_id": "eleven_flash_v2_5"}, {"model_id": "eleven_v3"}]"#)])
        }
        false => models(request),
    });
    let app = TestApp::fake_with(|config| {
        config.llm.backends = vec![LlmBackend::Groq, LlmBackend::Fake];
        config.llm.groq.api = api(&service.url, "seen/here-7b");
        config.llm.groq.vision_model = Some("seen/gone1-8b".into());
        config.tts.backends = vec![TtsBackend::ElevenLabs, TtsBackend::Fake];
        config.tts.elevenlabs.api = api(&service.url, "eleven_flash_v2");
    })
    .await;
    assert!(app.app.models.look(TODAY).await, "every list was had");
    let seen: Vec<_> = app.app.models.seen().into_iter().map(|one| (one.model, one.standing.as_str())).collect();
    let expected = [("seen/here-7b", "present"), ("seen/gone1-8b", "gone"), ("eleven_flash_v2", "gone")];
    assert_eq!(seen, expected.map(|(model, state)| (model.to_owned(), state)));
    assert_eq!(service.requests().len(), 2);
    assert!(app.app.models.seen()[2].standing.instead() == Some("eleven_flash_v2_5"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_default_that_nobody_looked_at_is_named() {
    let service = Service::start(&[], models);
    let app = TestApp::fake_with(|config| {
        config.tts.backends = vec![TtsBackend::ElevenLabs, TtsBackend::Fake];
        config.tts.elevenlabs.api = api(&service.url, "eleven_flash_v2_5");
    })
    .await;
    for (today, stale) in [(TODAY, None), (Date::constant(2027, 6, 1), Some("2026-11-26"))] {
        app.app.models.look(today).await;
        let health = app.stranger().get_json("/api/health").await;
        assert_eq!(health["service_models"][0]["default_looked_at"].as_str(), stale, "{health}");
    }
}

/// The binary asks by itself, and waits for no answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_asks_and_is_not_delayed() {
    for act in [Act::Answer, Act::Hang] {
        let service = Service::start_then(&[], act, models);
        let data = tempfile::tempdir().expect("a folder for the test");
        let environment = [
            ("ROSE__LLM__BACKENDS", "openai,fake"),
            ("ROSE__LLM__OPENAI__BASE_URL", service.url.as_str()),
            ("ROSE__LLM__OPENAI__MODEL", "seen/gone1-8b"),
            ("OPENAI_API_KEY", "Zephyrine-key-0123456789"),
        ];
        let mut rose = ServeProcess::start(data.path(), Engines::Fake, &environment);
        let person = rose.stranger();
        while service.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        if act == Act::Answer {
            let mut health = person.get_json("/api/health").await;
            while health["service_models"] == json!([]) {
                health = person.get_json("/api/health").await;
            }
            assert_eq!(health["service_models"][0]["state"], "gone", "{health}");
            assert_eq!(health["status"], "ready");
        }
        rose.terminate();
        assert!(rose.wait().success(), "{act:?}");
        let log = rose.log();
        let warned = log
            .lines()
            .any(|line| line.contains("WARN") && line.contains("seen/gone1-8b") && line.contains("seen/gone2-8b"));
        assert_eq!(warned, act == Act::Answer, "{act:?}: {log}");
        assert!(!log.contains("Zephyrine"), "{act:?}");
    }
}
