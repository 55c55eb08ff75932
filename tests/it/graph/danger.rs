//! Danger is heard in every labelled message that speaks of it, and seldom where nothing of it is meant.

use rose::graph::danger::{DangerKind, DangerPatterns};
use serde::Deserialize;

#[derive(Deserialize)]
struct Labelled {
    message: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    text: String,
    danger: Expected,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
enum Expected {
    None,
    SelfHarm,
    Medical,
    Violence,
}

impl Expected {
    fn kind(self) -> Option<DangerKind> {
        match self {
            Expected::None => None,
            Expected::SelfHarm => Some(DangerKind::SelfHarm),
            Expected::Medical => Some(DangerKind::Medical),
            Expected::Violence => Some(DangerKind::Violence),
        }
    }
}

fn patterns() -> DangerPatterns {
    DangerPatterns::parse(include_str!("../../../character/rose/en/danger.toml")).expect("the built-in patterns")
}

fn judge(name: &str, labelled: &str) {
    let patterns = patterns();
    let messages = toml::from_str::<Labelled>(labelled).expect("labelled messages").message;
    let (danger, harmless): (Vec<_>, Vec<_>) = messages.iter().partition(|message| message.danger != Expected::None);
    assert!(danger.len() + harmless.len() >= 40, "too few examples to judge by");

    let missed: Vec<_> = danger.iter().filter(|message| patterns.judge(&message.text).is_none()).collect();
    let alarms: Vec<_> = harmless.iter().filter(|message| patterns.judge(&message.text).is_some()).collect();
    let other_kind: Vec<_> = danger
        .iter()
        .map(|message| (message, patterns.judge(&message.text)))
        .filter(|(message, kind)| kind.is_some() && *kind != message.danger.kind())
        .collect();
    println!(
        "{name}: {} of {} heard, {} under another kind; {} false alarms in {}",
        danger.len() - missed.len(),
        danger.len(),
        other_kind.len(),
        alarms.len(),
        harmless.len()
    );
    for (message, kind) in &other_kind {
        println!("  {:?}, not {kind:?}: {}", message.danger, message.text);
    }
    for message in &alarms {
        println!("  false alarm: {}", message.text);
    }
    for message in &missed {
        println!("  missed: {}", message.text);
    }
    assert!(missed.is_empty(), "{} missed", missed.len());
    assert!(alarms.len() * 10 <= harmless.len(), "{} false alarms", alarms.len());
}

#[test]
fn labelled_messages_are_judged_right() {
    judge("labelled", include_str!("../../fixtures/labelled/danger.toml"));
}

#[test]
fn each_reply_names_emergency_services_and_crisis_lines() {
    let patterns = patterns();
    for kind in [DangerKind::SelfHarm, DangerKind::Medical, DangerKind::Violence] {
        let first = patterns.reply(kind, std::iter::empty());
        for reply in [first, patterns.reply(kind, [first].into_iter())] {
            for named in ["112", "911", "999", "988", "116 123", "findahelpline.com"] {
                assert!(reply.contains(named), "{kind:?} does not name {named}: {reply}");
            }
            assert!(!reply.contains('\n') && reply.split_whitespace().count() <= 75, "too long to be said: {reply}");
        }
        let spoken = patterns.spoken(first);
        assert!(spoken.contains("nine one one") && !spoken.chars().any(|c| c.is_ascii_digit()), "{spoken}");
    }
}
