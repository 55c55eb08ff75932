//! Several people at once.

use std::time::Duration;

use reqwest::StatusCode;

use crate::support::app::TestApp;
use crate::support::events;
use crate::support::person::assert_refused;

#[tokio::test]
async fn four_at_once_are_answered_or_told_to_wait_and_never_mixed_up() {
    let app = TestApp::fake_with(|config| {
        config.llm.fake.concurrency = 2;
        config.llm.fake.token_delay = Duration::from_millis(20);
    })
    .await;
    let subjects = ["rivers", "mountains", "lanterns", "orchards"];
    let turns = subjects.map(|subject| {
        let person = app.stranger();
        async move {
            let session = person.start_session().await;
            let response = person.chat(&session, &format!("Tell me about {subject}.")).await;
            if response.status() != StatusCode::OK {
                assert!(response.headers().contains_key("retry-after"));
                assert_refused(response, 503, "busy").await;
                return false;
            }
            let said = events::reply(&events::parse(&response.text().await.expect("the whole stream")));
            for other in subjects {
                assert_eq!(said.contains(other), other == subject, "{subject}: {said}");
            }
            // The history holds this one exchange and nobody else's.
            let history = person.get_json(&format!("/api/sessions/{session}")).await;
            let messages = history["messages"].as_array().expect("a list");
            assert_eq!(messages.len(), 2);
            assert!(messages[0]["text"].as_str().expect("text").contains(subject));
            true
        }
    });
    let answered = futures::future::join_all(turns).await;
    assert!(answered.iter().filter(|answered| **answered).count() >= 2, "{answered:?}");

    // Whoever was told to wait is answered now.
    let later = app.stranger();
    let session = later.start_session().await;
    assert!(later.ask(&session, "And what of lighthouses?").await.contains("lighthouses"));
}
