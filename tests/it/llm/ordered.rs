//! Backends behind one another.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use rose::config::FakeLlmConfig;
use rose::providers::llm::{
    Delta, FakeLanguageModel, GenerationRequest, GenerationStream, LanguageModel, Ordered, collect,
};
use rose::providers::{Description, ProviderError};

use super::{answer, ask};

/// Says `items` instead of replying, or nothing at all and fails at the start.
struct Broken {
    items: Vec<Result<Delta, ProviderError>>,
}

#[async_trait]
impl LanguageModel for Broken {
    fn describe(&self) -> Description {
        Description { backend: "broken", model: "none".into() }
    }

    fn context_tokens(&self) -> usize {
        100
    }

    fn count_tokens(&self, text: &str) -> usize {
        text.len()
    }

    async fn stream(&self, _request: GenerationRequest) -> Result<GenerationStream, ProviderError> {
        match self.items.as_slice() {
            [] => Err(ProviderError::Busy { backend: "broken", retry_after: Duration::from_secs(1) }),
            items => Ok(Box::pin(stream::iter(items.to_vec()))),
        }
    }
}

fn failed() -> ProviderError {
    ProviderError::Failed { backend: "broken", reason: "it is broken".into() }
}

fn before_a_fake(items: Vec<Result<Delta, ProviderError>>) -> Arc<dyn LanguageModel> {
    let fake = FakeLanguageModel::new(&FakeLlmConfig {
        context_tokens: 512,
        concurrency: 4,
        first_token_delay: Duration::ZERO,
        token_delay: Duration::ZERO,
    });
    Arc::new(Ordered::new(Arc::new(Broken { items }), vec![Arc::new(fake)]))
}

#[tokio::test]
async fn the_next_answers_where_the_first_fails_before_its_first_piece() {
    for items in [Vec::new(), vec![Err(failed())]] {
        let reply = answer(&before_a_fake(items), ask("Hello there.")).await;
        assert!(reply.text.contains("Hello there"));
    }
}

#[tokio::test]
async fn the_next_answers_anew_where_a_reply_breaks_off() {
    // With an error, and with an end that is none.
    for items in [vec![Ok(Delta::Text("Half a".into())), Err(failed())], vec![Ok(Delta::Text("Half a".into()))]] {
        let model = before_a_fake(items);
        let mut stream = model.stream(ask("Hello there.")).await.expect("the first piece came");
        assert!(matches!(stream.next().await, Some(Ok(Delta::Text(half))) if half == "Half a"));
        assert!(matches!(stream.next().await, Some(Ok(Delta::Again))));
        let whole = collect("broken", stream).await.expect("the fake answers");
        let alone = answer(&before_a_fake(vec![Err(failed())]), ask("Hello there.")).await;
        assert_eq!(whole.text, alone.text, "nothing of the first is left in it");
    }
}

#[tokio::test]
async fn collecting_leaves_out_what_broke_off() {
    let model = before_a_fake(vec![Ok(Delta::Text("Half a".into())), Err(failed())]);
    assert!(!answer(&model, ask("Hello there.")).await.text.contains("Half a"));
}

#[tokio::test]
async fn the_last_one_to_break_off_ends_the_reply() {
    let broken = || Arc::new(Broken { items: vec![Ok(Delta::Text("Half a".into())), Err(failed())] });
    let model = Ordered::new(broken(), vec![broken()]);
    let stream = model.stream(ask("Hello.")).await.expect("the first piece came");
    assert!(matches!(collect("broken", stream).await, Err(ProviderError::Failed { .. })));
}

#[tokio::test]
async fn what_no_backend_can_mend_is_told_at_once() {
    let refused = ProviderError::InvalidInput { backend: "broken", reason: "no".into() };
    let outcome = before_a_fake(vec![Err(refused)]).stream(ask("Hello.")).await;
    assert!(matches!(outcome, Err(ProviderError::InvalidInput { backend: "broken", .. })));
}

#[test]
fn a_prompt_must_fit_each_of_them() {
    let model = before_a_fake(Vec::new());
    assert_eq!(model.context_tokens(), 100);
    assert_eq!(model.count_tokens("one two"), 7);
    assert_eq!(model.describe().backend, "broken");
}
