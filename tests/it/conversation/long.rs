//! A conversation longer than the prompt has room for.

use rose::domain::ids::UserId;
use rose::domain::message::Role;
use rose::store::CheckpointStore;

use super::{ask, session};
use crate::support::app::TestApp;

const SUBJECTS: [&str; 30] = [
    "the harbour",
    "my old bicycle",
    "a letter from my aunt",
    "the smell of rain",
    "my neighbour's cat",
    "the night train",
    "a broken cup",
    "the first snow",
    "my piano lessons",
    "the market on Saturday",
    "a song from the radio",
    "my grandfather",
    "the garden gate",
    "a long queue",
    "the sea in winter",
    "my new shoes",
    "an old photograph",
    "the bakery",
    "a walk at night",
    "my cousin's wedding",
    "the broken lift",
    "a cup of tea",
    "the school bell",
    "my red scarf",
    "the empty office",
    "a bird on the roof",
    "the bus driver",
    "my favourite book",
    "a lost key",
    "the quiet evening",
];

#[tokio::test]
async fn thirty_turns_are_summed_up_and_none_is_lost() {
    let app = TestApp::tiny().await;
    let user = UserId::generate();
    let session = session(&app.app, user).await;
    let window = app.app.config.llm.local.context_tokens.unwrap_or(2048);
    let room = window - app.app.config.llm.max_reply_tokens;
    let mut longest = 0;
    for (turn, subject) in SUBJECTS.iter().enumerate() {
        let message = format!("Today I was thinking about {subject}, and it made me a little quiet.");
        let outcome = ask(&app.app, user, session, &message).await;
        assert!(!outcome.text.trim().is_empty(), "turn {turn}");
        if let Some(usage) = outcome.usage {
            longest = longest.max(usage.prompt_tokens);
            println!("turn {turn}: {} prompt tokens, {} computed", usage.prompt_tokens, usage.computed_prompt_tokens);
        }
        app.app.conversation.idle().await;
        let summary = summary(&app, session).await;
        // 20 messages are 10 turns.
        assert_eq!(summary.is_some(), turn >= 10, "turn {turn}: {summary:?}");
    }
    assert!(longest <= room, "a prompt of {longest} tokens");

    let history = app.app.conversation.history(user, session).await.expect("the history");
    assert_eq!(history.len(), 60);
    for (turn, exchange) in history.chunks(2).enumerate() {
        assert_eq!((exchange[0].role, exchange[1].role), (Role::User, Role::Assistant), "turn {turn}");
        assert!(exchange[0].text.contains(SUBJECTS[turn]), "turn {turn}");
    }
}

async fn summary(app: &TestApp, session: rose::domain::ids::SessionId) -> Option<String> {
    let newest = app.app.store.latest_checkpoint(session).await.expect("the store").expect("a checkpoint");
    newest.checkpoint["summary"].as_str().map(str::to_owned)
}
