//! What a model is asked. The examples are unlike one another: a small model copies what it sees twice.

use jiff::Zoned;

use crate::domain::message::Role;
use crate::providers::llm::ChatMessage;

const NOTES: &str = "\
You keep the notes of a companion about one person. Read what the person said and answer with what is worth a note, as \
JSON. Worth a note is what will still matter in a month: who they are, their people and animals, home, work, health, \
plans with their date, what they like, dislike or want done, what they fear or grieve. Each note is one short sentence in \
the third person and uses the person's own words, in the language they speak. No note for requests, thanks, small talk, \
moods of the moment, what happens right now, the world at large, stories, or other people's words.";

/// What is said, and the notes.
const NOTES_EXAMPLES: &[(&str, &str)] = &[
    (
        "I'm Lena and I teach chemistry in Graz.",
        r#"{"notes":[{"type":"fact","text":"They are called Lena."},{"type":"fact","text":"They teach chemistry in Graz."}]}"#,
    ),
    ("I can hear the rain on my window.", r#"{"notes":[]}"#),
    (
        "I can't stand loud music when I eat.",
        r#"{"notes":[{"type":"preference","text":"They can't stand loud music when they eat."}]}"#,
    ),
    (
        "Since my brother died in 2019 I get scared at night.",
        r#"{"notes":[{"type":"fact","text":"Their brother died in 2019."},{"type":"emotion","text":"They get scared at night since their brother died."}]}"#,
    ),
    ("I feel a bit sleepy, that was a heavy lunch.", r#"{"notes":[]}"#),
    ("Keep your answers short, please.", r#"{"notes":[{"type":"preference","text":"They want short answers."}]}"#),
    ("I spilled my tea.", r#"{"notes":[]}"#),
    (
        "Beside my studies I drive a taxi.",
        r#"{"notes":[{"type":"fact","text":"They drive a taxi beside their studies."}]}"#,
    ),
    (
        "Ich heiße Jan und habe am 14 June 2026 eine Prüfung.",
        r#"{"notes":[{"type":"fact","text":"Sie heißen Jan."},{"type":"fact","text":"Sie haben am 14 June 2026 eine Prüfung."}]}"#,
    ),
];

const MATTER: &str = "\
A companion keeps notes about one person. The person has said something new. Which old note does the new one change? \
Answer as JSON. note: the number of the old note that speaks of the same matter, or 0 where none does. relation: same where \
both say the same, changed where the old one is no longer right.";

/// What is known, what is new, and the judgement.
const MATTER_EXAMPLES: &[(&[&str], &str, &str)] = &[
    (&["They live in Lyon.", "They play the flute."], "They live in Nantes.", r#"{"note":1,"relation":"changed"}"#),
    (&["They have a cat."], "They have two brothers.", r#"{"note":0,"relation":"none"}"#),
    (&["They have a daughter.", "They work as a nurse."], "They are a nurse.", r#"{"note":2,"relation":"same"}"#),
    (
        &["They are engaged to Tom.", "They like tea."],
        "They got married to Tom on 2 May 2026.",
        r#"{"note":1,"relation":"changed"}"#,
    ),
    (&["Their name is Max."], "They don't like loud people.", r#"{"note":0,"relation":"none"}"#),
    (
        &["They eat meat.", "Their exam is on 3 June 2026."],
        "Their exam is on the fifth of June, not the third.",
        r#"{"note":2,"relation":"changed"}"#,
    ),
    (&["They are vegetarian.", "They study history."], "They work in a cinema.", r#"{"note":0,"relation":"none"}"#),
    (
        &["Their horse is called Bo.", "They ride every day."],
        "Their horse Bo died last winter.",
        r#"{"note":1,"relation":"changed"}"#,
    ),
    (&["They have two sons."], "They have three sons, they forgot to count one.", r#"{"note":1,"relation":"changed"}"#),
    (&["They are afraid of dogs."], "They are scared of dogs.", r#"{"note":1,"relation":"same"}"#),
    (
        &["They live in Graz.", "They work at a school."],
        "They left the school, they are a postman now.",
        r#"{"note":2,"relation":"changed"}"#,
    ),
];

const FORGETTING: &str = "\
You keep the notes of a companion about one person. The person wants something forgotten. Answer with the numbers of the \
notes that speak of it, as JSON; with none where no note does.";

const FORGETTING_EXAMPLES: &[(&[&str], &str, &str)] = &[
    (&["They play the cello.", "Their horse is called Bo.", "They have a sister."], "my horse", r#"{"notes":[2]}"#),
    (&["They live in Graz.", "They collect stamps."], "my football team", r#"{"notes":[]}"#),
    (
        &[
            "They are called Lena.",
            "They teach chemistry.",
            "They live in Graz.",
            "The school's head is unfair to them.",
        ],
        "my work",
        r#"{"notes":[2,4]}"#,
    ),
    (&["They have asthma.", "They are learning Greek."], "my illness", r#"{"notes":[1]}"#),
];

pub(super) fn notes_beginning() -> Vec<ChatMessage> {
    beginning(NOTES, NOTES_EXAMPLES.iter().map(|(said, notes)| ((*said).to_owned(), *notes)))
}

pub(super) fn notes(said: &str, at: &Zoned) -> Vec<ChatMessage> {
    let mut messages = notes_beginning();
    // Where the words are English, their dates are absolute already.
    let today = if crate::language::en::words::is_english(said) {
        String::new()
    } else {
        format!("Today is {}. ", at.strftime("%A, %-d %B %Y"))
    };
    messages.push(ChatMessage::new(Role::User, format!("{today}{said}")));
    messages
}

pub(super) fn matter_beginning() -> Vec<ChatMessage> {
    beginning(MATTER, MATTER_EXAMPLES.iter().map(|(known, new, judged)| (asked_for_matter(known, new), *judged)))
}

pub(super) fn matter(new: &str, known: &[&str]) -> Vec<ChatMessage> {
    let mut messages = matter_beginning();
    messages.push(ChatMessage::new(Role::User, asked_for_matter(known, new)));
    messages
}

pub(super) fn forgetting_beginning() -> Vec<ChatMessage> {
    beginning(
        FORGETTING,
        FORGETTING_EXAMPLES.iter().map(|(known, wish, judged)| (asked_to_forget(known, wish), *judged)),
    )
}

pub(super) fn forgetting(wish: &str, known: &[&str]) -> Vec<ChatMessage> {
    let mut messages = forgetting_beginning();
    messages.push(ChatMessage::new(Role::User, asked_to_forget(known, wish)));
    messages
}

fn beginning(task: &str, examples: impl Iterator<Item = (String, &'static str)>) -> Vec<ChatMessage> {
    let mut messages = vec![ChatMessage::new(Role::System, task)];
    for (asked, judged) in examples {
        messages.push(ChatMessage::new(Role::User, asked));
        messages.push(ChatMessage::new(Role::Assistant, judged));
    }
    messages
}

fn asked_for_matter(known: &[&str], new: &str) -> String {
    format!("Old notes:\n{}New: {new}", numbered(known))
}

fn asked_to_forget(known: &[&str], wish: &str) -> String {
    format!("Notes:\n{}To be forgotten: {wish}", numbered(known))
}

fn numbered(known: &[&str]) -> String {
    known.iter().enumerate().map(|(at, note)| format!("{}. {note}\n", at + 1)).collect()
}
