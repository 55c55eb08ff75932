//! What a person may count on in every reply, whatever the model: twenty everyday messages, on the tiny one.

use std::collections::HashSet;

use rose::domain::ids::UserId;

use super::{ask, session};
use crate::support::app::TestApp;

#[derive(serde::Deserialize)]
struct Everyday {
    messages: Vec<String>,
}

fn sentences(text: &str) -> usize {
    let ends = |c: char| matches!(c, '.' | '!' | '?' | '…');
    text.split(ends).filter(|sentence| sentence.chars().any(char::is_alphanumeric)).count()
}

/// What is wrong with a reply; empty where nothing is.
fn faults(reply: &str) -> Vec<&'static str> {
    let lower = reply.to_lowercase();
    let words: Vec<&str> =
        lower.split_whitespace().map(|word| word.trim_matches(|c: char| !c.is_alphanumeric())).collect();
    let mut faults = Vec::new();
    let mut fault = |wrong: bool, name: &'static str| {
        if wrong {
            faults.push(name);
        }
    };
    fault(!(1..=4).contains(&sentences(reply)), "one to four sentences");
    fault(words.len() > 60, "60 words or fewer");
    fault(!reply.trim_end().trim_end_matches(['"', '”', '\'']).ends_with(['.', '!', '?', '…']), "a finished sentence");
    let roles = ["person:", "rose:", "user:", "assistant:", "system:", "<|", "|>", "[", "]"];
    fault(roles.iter().any(|mark| lower.contains(mark)), "no role markers");
    fault(reply.contains(['*', '#', '`', '_', '•']), "no markup");
    let runs: Vec<&[&str]> = words.windows(6).collect();
    fault(runs.iter().collect::<HashSet<_>>().len() < runs.len(), "no loops");
    let claims = ["you told me", "you mentioned", "i remember", "last time", "as you said", "you said before"];
    fault(claims.iter().any(|claim| lower.contains(claim)), "no shared past that nobody knows");
    faults
}

#[tokio::test]
async fn every_reply_is_one_to_speak() {
    let everyday: Everyday = toml::from_str(include_str!("../../fixtures/everyday.toml")).expect("the fixture is TOML");
    assert_eq!(everyday.messages.len(), 20);
    let app = TestApp::tiny().await;
    let mut wrong = Vec::new();
    for message in &everyday.messages {
        let user = UserId::generate();
        let session = session(&app.app, user).await;
        let reply = ask(&app.app, user, session, message).await.text;
        println!("{message}\n  {reply}");
        let faults = faults(&reply);
        if !faults.is_empty() {
            wrong.push(format!("{message:?} was answered {reply:?}: {faults:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn faults_are_seen() {
    assert_eq!(faults("I am glad. How was it?"), Vec::<&str>::new());
    assert_eq!(faults("I am glad that you"), ["a finished sentence"]);
    assert_eq!(faults("Rose: I am glad."), ["no role markers"]);
    assert_eq!(faults("One. Two. Three. Four. Five."), ["one to four sentences"]);
    assert_eq!(faults("I am here for you now, I am here for you now."), ["no loops"]);
    assert_eq!(faults("As you said, it was hard."), ["no shared past that nobody knows"]);
    assert_eq!(faults(&format!("So {}.", "very ".repeat(60).trim_end())), ["60 words or fewer", "no loops"]);
}
