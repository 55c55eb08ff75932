//! The backend without weights.

use std::sync::Arc;
use std::time::Duration;

use rose::config::FakeLlmConfig;
use rose::providers::ProviderError;
use rose::providers::llm::{FakeLanguageModel, Finish, LanguageModel};

use super::contract::contract;
use super::{Room, answer, ask};

fn fake(room: Room) -> Arc<dyn LanguageModel> {
    Arc::new(FakeLanguageModel::new(&FakeLlmConfig {
        context_tokens: room.context_tokens,
        concurrency: room.places,
        first_token_delay: Duration::ZERO,
        token_delay: Duration::ZERO,
    }))
}

contract!(fake);

#[tokio::test]
async fn says_that_it_is_fake() {
    assert_eq!(fake(Room::default()).describe().backend, "fake");
}

#[tokio::test]
async fn repeats_what_was_said_the_same_each_time() {
    let model = fake(Room::default());
    let first = answer(&model, ask("I feel tired today!")).await;
    assert!(first.text.contains("I feel tired today"), "{}", first.text);
    assert_eq!(first.usage.finish, Finish::Stop);
    assert_eq!(first.text, answer(&model, ask("I feel tired today!")).await.text);
}

#[tokio::test]
async fn refuses_a_grammar() {
    let mut request = ask("Hello.");
    let grammar = r#"root ::= "yes" | "no""#;
    request.format = Some(rose::providers::llm::ReplyFormat::written(grammar, serde_json::Value::Null));
    assert!(matches!(fake(Room::default()).stream(request).await, Err(ProviderError::InvalidInput { .. })));
}

#[tokio::test(start_paused = true)]
async fn takes_its_time_where_it_is_told_to() {
    let config = FakeLlmConfig {
        context_tokens: 512,
        concurrency: 1,
        first_token_delay: Duration::from_millis(100),
        token_delay: Duration::from_millis(10),
    };
    let model: Arc<dyn LanguageModel> = Arc::new(FakeLanguageModel::new(&config));
    let started = tokio::time::Instant::now();
    let reply = answer(&model, ask("Hello.")).await;
    let words = u32::try_from(reply.usage.completion_tokens).expect("a few words");
    assert_eq!(started.elapsed(), Duration::from_millis(100) + (words - 1) * Duration::from_millis(10));
}
