//! What a model is asked. The examples are few and unlike one another: a small model copies what it sees twice.

use jiff::Zoned;

use crate::domain::memory::Memory;
use crate::domain::message::Role;
use crate::providers::llm::ChatMessage;

const CHANGES: &str = "\
You keep the notes of a companion about one person. Read what the person said and answer with the changes to the notes, \
as JSON.
Keep what will still be true or matter in a month: who they are, their people and animals, home, work, health, plans with \
their date, what they like, dislike or want done, what they fear or grieve. Each note is one short sentence that begins \
with They or Their and uses the person's own words, in the language they speak.
add: something new. update: it replaces that note. delete: that note is no longer true and nothing replaces it.
No change for questions, requests, thanks, small talk, moods of the moment, jokes, stories, wishes that are not meant, \
other people's words, or what a note says already. Never keep passwords, codes or card numbers.";

/// What is known, what is said, and the judgement.
const CHANGES_EXAMPLES: &[(&[&str], &str, &str)] = &[
    (
        &[],
        "I'm Lena and I teach chemistry in Graz.",
        r#"{"operations":[{"operation":"add","type":"fact","text":"They are called Lena."},{"operation":"add","type":"fact","text":"They teach chemistry in Graz."}]}"#,
    ),
    (&["They have a cat."], "It has been raining all week here.", r#"{"operations":[]}"#),
    (
        &["They live in Lyon.", "They play the flute."],
        "We moved, I live in Nantes now.",
        r#"{"operations":[{"operation":"update","note":1,"type":"fact","text":"They live in Nantes."}]}"#,
    ),
    (
        &[],
        "I can't stand loud music when I eat.",
        r#"{"operations":[{"operation":"add","type":"preference","text":"They can't stand loud music when they eat."}]}"#,
    ),
    (&["Their sister is called Ruth."], "My sister Ruth, I told you about her.", r#"{"operations":[]}"#),
    (
        &["They are afraid of flying."],
        "Since my brother died in 2019 I get scared at night.",
        r#"{"operations":[{"operation":"add","type":"fact","text":"Their brother died in 2019."},{"operation":"add","type":"emotion","text":"They get scared at night since their brother died."}]}"#,
    ),
    (&[], "I feel a bit sleepy, that was a heavy lunch.", r#"{"operations":[]}"#),
    (
        &["They eat meat.", "They have two sons."],
        "I don't eat meat any more.",
        r#"{"operations":[{"operation":"update","note":1,"type":"preference","text":"They don't eat meat any more."}]}"#,
    ),
    (
        &[],
        "Keep your answers short, please.",
        r#"{"operations":[{"operation":"add","type":"preference","text":"They want short answers."}]}"#,
    ),
    (
        &[],
        "Ich habe am 14 June 2026 eine Prüfung.",
        r#"{"operations":[{"operation":"add","type":"fact","text":"Sie haben am 14 June 2026 eine Prüfung."}]}"#,
    ),
];

const FORGETTING: &str = "\
You keep the notes of a companion about one person. The person wants something forgotten. Answer with the numbers of the \
notes that speak of it, as JSON; with none where no note does.";

const FORGETTING_EXAMPLES: &[(&[&str], &str, &str)] = &[
    (&["They play the cello.", "Their horse is called Bo.", "They have a sister."], "my horse", r#"{"notes":[2]}"#),
    (&["They live in Graz.", "They collect stamps."], "my football team", r#"{"notes":[]}"#),
    (
        &["They are called Lena.", "They teach chemistry.", "They live in Graz.", "The school's head is unfair to them."],
        "my work",
        r#"{"notes":[2,4]}"#,
    ),
    (&["They have asthma.", "They are learning Greek."], "my illness", r#"{"notes":[1]}"#),
];

pub(super) fn changes_beginning() -> Vec<ChatMessage> {
    beginning(CHANGES, CHANGES_EXAMPLES, |known, said| asked_changes(known, said))
}

pub(super) fn changes(said: &str, known: &[Memory], at: &Zoned) -> Vec<ChatMessage> {
    let mut messages = changes_beginning();
    let known: Vec<&str> = known.iter().map(|memory| memory.text.as_str()).collect();
    let today = at.strftime("%A, %-d %B %Y");
    messages.push(ChatMessage::new(Role::User, format!("Today is {today}.\n{}", asked_changes(&known, said))));
    messages
}

pub(super) fn forgetting_beginning() -> Vec<ChatMessage> {
    beginning(FORGETTING, FORGETTING_EXAMPLES, asked_to_forget)
}

pub(super) fn forgetting(wish: &str, known: &[Memory]) -> Vec<ChatMessage> {
    let mut messages = forgetting_beginning();
    let known: Vec<&str> = known.iter().map(|memory| memory.text.as_str()).collect();
    messages.push(ChatMessage::new(Role::User, asked_to_forget(&known, wish)));
    messages
}

fn beginning(
    task: &str,
    examples: &[(&[&str], &str, &str)],
    asked: impl Fn(&[&str], &str) -> String,
) -> Vec<ChatMessage> {
    let mut messages = vec![ChatMessage::new(Role::System, task)];
    for (known, said, judged) in examples {
        messages.push(ChatMessage::new(Role::User, asked(known, said)));
        messages.push(ChatMessage::new(Role::Assistant, *judged));
    }
    messages
}

fn asked_changes(known: &[&str], said: &str) -> String {
    format!("{}They said: {said}", numbered(known))
}

fn asked_to_forget(known: &[&str], wish: &str) -> String {
    format!("{}To be forgotten: {wish}", numbered(known))
}

fn numbered(known: &[&str]) -> String {
    if known.is_empty() {
        return "No notes.\n".to_owned();
    }
    let lines = known.iter().enumerate().map(|(at, note)| format!("{}. {note}\n", at + 1));
    format!("Notes:\n{}", lines.collect::<String>())
}
