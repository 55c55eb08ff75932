//! Pictures: Together against a server of our own that speaks its format, backends behind one another, and in a turn.
//! Format: <https://docs.together.ai/reference/post-images-generations>.

use axum::body::Bytes;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rose::config::{ApiConfig, ImageBackend, RemoteImageConfig};
use rose::domain::image::ImageFormat;
use rose::providers::image::{
    FakeImageGenerator, GeneratedImage, ImageGenerator, ImageRequest, Ordered, Progress, TogetherImageGenerator, Wishes,
};
use rose::providers::{Place, ProviderError};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

use crate::support::app::TestApp;
use crate::support::events;
use crate::support::service::{Act, Answer, Request, Service, keeps_to_the_rules};

const JPEG: &[u8] = b"\xff\xd8\xff\xe0 a picture";

fn generated(_: &Request) -> Answer {
    let data = json!([{"index": 0, "b64_json": BASE64_STANDARD.encode(JPEG), "timings": {"inference": 0.4}}]);
    let body = json!({"id": "oG6", "model": "black-forest-labs/FLUX.1-schnell", "object": "list", "data": data});
    ("application/json", vec![Bytes::from(body.to_string())])
}

fn together(api: ApiConfig, place: Place) -> TogetherImageGenerator {
    TogetherImageGenerator::new(&RemoteImageConfig { api, steps: 4 }, place).unwrap()
}

fn request(prompt: &str) -> ImageRequest {
    ImageRequest {
        prompt: prompt.into(),
        width: 512,
        height: 768,
        wishes: Wishes::default(),
        progress: Progress::default(),
        cancel: CancellationToken::new(),
    }
}

#[tokio::test]
async fn together_is_asked_as_published() {
    let service = Service::start(&[], generated);
    let made = together(service.api("black-forest-labs/FLUX.1-schnell"), Place::Last);
    let made = made.generate(request("A lighthouse at dusk")).await.unwrap();
    assert_eq!((&made.image.bytes[..], made.image.format), (JPEG, ImageFormat::Jpeg));
    let [asked] = &service.requests()[..] else { panic!("one call") };
    assert_eq!(asked.path, "/images/generations");
    assert_eq!(asked.headers["authorization"], "Bearer a-very-secret-key");
    let body: Value = serde_json::from_slice(&asked.body).unwrap();
    let expected = json!({
        "model": "black-forest-labs/FLUX.1-schnell", "prompt": "A lighthouse at dusk",
        "width": 512, "height": 768, "steps": 4, "n": 1, "response_format": "base64",
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn together_keeps_to_the_rules() {
    keeps_to_the_rules(generated, "lighthouse", 1, async |api, place| {
        together(api, place).generate(request("A lighthouse at dusk")).await.map(|_| ())
    })
    .await;
}

#[tokio::test]
async fn what_is_no_picture_is_refused() {
    for data in [json!([]), json!([{"index": 0}]), json!([{"b64_json": "!"}]), json!([{"b64_json": "aGVsbG8="}])] {
        let body = Bytes::from(json!({"data": data}).to_string());
        let service = Service::start(&[], move |_| ("application/json", vec![body.clone()]));
        let outcome = together(service.api("a-model"), Place::Last).generate(request("A lighthouse")).await;
        assert!(matches!(outcome, Err(ProviderError::Failed { .. })), "{outcome:?}");
    }
}

async fn refusals(generator: &dyn ImageGenerator) {
    let odd = ImageRequest { width: 500, ..request("A lighthouse") };
    for wrong in [request(" … "), odd] {
        let outcome: Result<GeneratedImage, _> = generator.generate(wrong).await;
        assert!(matches!(outcome, Err(ProviderError::InvalidInput { .. })), "{outcome:?}");
    }
    let gone = request("A lighthouse");
    gone.cancel.cancel();
    assert!(matches!(generator.generate(gone).await, Err(ProviderError::Cancelled)));
}

#[tokio::test]
async fn each_backend_refuses_alike() {
    let service = Service::start(&[], generated);
    refusals(&together(service.api("a-model"), Place::Last)).await;
    refusals(&FakeImageGenerator).await;
    assert!(service.requests().is_empty());
}

#[tokio::test]
async fn the_next_one_paints_where_the_first_can_not() {
    let service = Service::start_then(&[], Act::Status(401), generated);
    let first: Arc<dyn ImageGenerator> = Arc::new(together(service.api("a-model"), Place::BeforeAnother));
    let made = Ordered::new(first, vec![Arc::new(FakeImageGenerator)]).generate(request("A lighthouse")).await;
    assert_eq!(made.unwrap().image.format, ImageFormat::Png);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wish_for_a_picture_is_answered_with_one() {
    let service = Service::start(&[], generated);
    let app = TestApp::fake_with(|config| {
        config.image.backends = vec![ImageBackend::Together];
        config.image.together.api = service.api("black-forest-labs/FLUX.1-schnell");
    })
    .await;
    let person = app.stranger();
    let session = person.start_session().await;
    let body = json!({"session_id": session, "message": "Please draw me a picture of a lighthouse at dusk."});
    let events = person.chat_events(&body).await;
    let [picture] = &events::of(&events, "image")[..] else { panic!("{:?}", events::names(&events)) };
    let reply = events::reply(&events);
    assert_eq!(picture["caption"], reply.as_str());
    let url = picture["url"].as_str().unwrap();
    let kept = person.get(url).await;
    assert_eq!(kept.headers()["content-type"], "image/jpeg");
    assert_eq!(&kept.bytes().await.unwrap()[..], JPEG);
    assert_eq!(app.stranger().get(url).await.status().as_u16(), 404, "another's picture");
    let usage = &events::of(&events, "done")[0]["usage"];
    assert_eq!(usage[0]["unit"], "images");
    assert!(usage[0]["cost"].as_f64().unwrap() > 0.001, "{usage}");
    let history = person.get_json(&format!("/api/sessions/{session}")).await;
    assert!(history.to_string().contains(picture["id"].as_str().unwrap()), "the history shows it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_that_fails_is_told_kindly() {
    let service = Service::start_then(&[], Act::Status(401), generated);
    let app = TestApp::fake_with(|config| {
        config.image.backends = vec![ImageBackend::Together];
        config.image.together.api = service.api("a-model");
    })
    .await;
    let person = app.stranger();
    let session = person.start_session().await;
    let reply = person.ask(&session, "Please draw me a picture of a lighthouse at dusk.").await;
    assert!(reply.contains("picture"), "{reply}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_person_sees_how_far_their_picture_is() {
    let app = TestApp::fake_with(|config| config.image.backends = vec![ImageBackend::Fake]).await;
    let person = app.stranger();
    let session = person.start_session().await;
    let body = json!({"session_id": session, "message": "Please draw me a picture of a lighthouse at dusk."});
    let events = person.chat_events(&body).await;
    let names = events::names(&events);
    let [progress] = &events::of(&events, "image_progress")[..] else { panic!("{names:?}") };
    assert_eq!((&progress["step"], &progress["steps"]), (&json!(1), &json!(1)));
    let at = |name: &str| names.iter().position(|other| *other == name);
    assert!(at("image_progress") < at("image"), "{names:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_weights_she_says_that_she_can_not_draw() {
    let app = TestApp::fake_with(|config| config.image.backends = vec![ImageBackend::Local]).await;
    let person = app.stranger();
    let session = person.start_session().await;
    let body = json!({"session_id": session, "message": "Please draw me a picture of a lighthouse at dusk."});
    let events = person.chat_events(&body).await;
    assert!(events::of(&events, "image").is_empty());
    assert!(!events::reply(&events).is_empty());
}

/// In this process, with a tiny model of random weights.
#[cfg(feature = "candle")]
mod local {
    use std::time::Duration;

    use rose::config::{LocalImageConfig, ModelReference, ModelsConfig};
    use rose::providers::image::{CandleImageGenerator, Step};
    use rose::weights::{Capability, ModelStore};

    use super::*;

    fn painter() -> CandleImageGenerator {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/image/turbo");
        let store = ModelStore::open(&ModelsConfig { dir: "none".into(), set: "small".into() }).unwrap();
        let reference = ModelReference::Path(folder.into());
        let model = store.installed(Capability::Image, &reference).unwrap();
        let config = LocalImageConfig { model: reference, steps: None, guidance: None, queue_length: 1 };
        CandleImageGenerator::load(model, &config).unwrap()
    }

    fn small(prompt: &str, steps: u32) -> ImageRequest {
        let wishes = Wishes { steps: Some(steps), seed: Some(7), ..Wishes::default() };
        ImageRequest { width: 256, height: 272, wishes, ..request(prompt) }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn it_paints_step_by_step() {
        let painter = painter();
        refusals(&painter).await;
        let (tell, told) = std::sync::mpsc::channel();
        let progress = Progress::to(move |step: Step| {
            let _ = tell.send((step.done, step.steps));
        });
        let made = painter.generate(ImageRequest { progress, ..small("a lighthouse", 2) }).await.unwrap();
        assert_eq!(told.into_iter().collect::<Vec<_>>(), [(1, 2), (2, 2)]);
        let again = painter.generate(small("a lighthouse", 2)).await.unwrap();
        assert_eq!((made.image.format, &made.image), (ImageFormat::Png, &again.image), "one seed, one picture");
        // The header's width and height: <https://www.w3.org/TR/png-3/#11IHDR>.
        assert_eq!(&made.image.bytes[16..24], [0, 0, 1, 0, 0, 0, 1, 16]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_cancelled_picture_ends_at_its_next_step() {
        let painter = painter();
        let request = small("a lighthouse", 150);
        let cancel = request.cancel.clone();
        let (tell, told) = std::sync::mpsc::channel();
        let progress = Progress::to(move |step: Step| {
            cancel.cancel();
            let _ = tell.send(step.done);
        });
        let outcome =
            tokio::time::timeout(Duration::from_secs(60), painter.generate(ImageRequest { progress, ..request }));
        assert!(matches!(outcome.await, Ok(Err(ProviderError::Cancelled))));
        assert_eq!(told.into_iter().collect::<Vec<_>>(), [1]);
    }
}
