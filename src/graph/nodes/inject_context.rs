//! Puts the person's message into the history, with a note of what the model should know in this turn: memories, the
//! time, an interruption. The note stays with the message; see [`prompt`](crate::graph::prompt).

use async_trait::async_trait;
use jiff::Zoned;

use crate::domain::message::Role;
use crate::domain::stage::{EngineTiming, Stage};
use crate::graph::GraphError;
use crate::graph::node::{Context, Node, Ports};
use crate::graph::prompt;
use crate::graph::state::State;
use crate::providers::llm::Ability;

pub(super) const NAME: &str = "inject_context";

/// A call and what a chat template puts around it and its result, in tokens, with room to spare.
const CALL_TOKENS: usize = 64;

pub struct InjectContext;

#[async_trait]
impl Node for InjectContext {
    fn name(&self) -> &'static str {
        NAME
    }

    fn stage(&self) -> Option<Stage> {
        Some(Stage::InjectContext)
    }

    async fn run(&self, state: &mut State, context: &mut Context<'_>) -> Result<EngineTiming, GraphError> {
        let ports = context.ports;
        let note = note(state, ports);
        let text = &state.current_turn().text;
        let prompt_text = (!note.is_empty()).then(|| format!("({})\n{text}", note.join(" ")));
        state.record_message(prompt_text);
        let calling = &state.current_turn().calling;
        let tools = calling.tools.as_ref().map_or(0, |tools| ports.llm.count_tokens(&tools.to_json().to_string()));
        let exchange = calling.exchange.iter();
        let exchange: usize = exchange.map(|message| ports.llm.count_tokens(&message.text) + CALL_TOKENS).sum();
        let kept_free = ports.settings.max_reply_tokens + tools + exchange;
        prompt::fit(state, &ports.character, ports.llm.as_ref(), kept_free);
        Ok(EngineTiming::default())
    }
}

/// Sentences, the most important one last: next to the message is where a small model reads best.
fn note(state: &mut State, ports: &Ports) -> Vec<String> {
    let mut note = Vec::new();
    let now = (ports.clock)();
    let (time, due) = match ports.llm.ability() {
        Ability::Small => (time_of_day(&now), speaks_of_time(&state.current_turn().text)),
        // At the beginning too: it knows when not to speak of it.
        Ability::Able | Ability::Strong => {
            (date_and_time(&now), state.noted_time.is_none() || speaks_of_time(&state.current_turn().text))
        }
    };
    if due && state.noted_time.as_ref() != Some(&time) {
        note.push(format!("It is {time}."));
        state.noted_time = Some(time);
    }
    let last = state.entries.last().map(|entry| &entry.message);
    if last.is_some_and(|last| last.role == Role::Assistant && last.interrupted) {
        note.push("You were interrupted and could not finish.".to_owned());
    }
    let turn = state.current_turn();
    let asks = is_question(&turn.text);
    let mut known: Vec<String> = turn
        .memories
        .iter()
        .map(|memory| to_their_face(&memory.text))
        // What the prompt shows already is told again only where the person asks: then it should stand near.
        .filter(|line| {
            asks || !state.shown().iter().any(|entry| !entry.hidden && entry.shown_text().contains(line.as_str()))
        })
        .collect();
    // The nearest comes first; it goes next to the message.
    known.reverse();
    note.extend(known_line(&known));
    let guidance = ports.character.guardrail.guidance();
    let minor = ports.is_minor(&state.current_turn().profile);
    note.extend(
        guidance
            .asked(&state.current_turn().text, minor)
            .map(|topic| topic.note.clone())
            .filter(|note| !note.is_empty()),
    );
    note
}

/// What the model is told of a person, of their memories with the nearest first; `None` where there are none.
pub fn known_of_them<'a>(memories: impl DoubleEndedIterator<Item = &'a str>) -> Option<String> {
    // The nearest goes next to the message.
    known_line(&memories.rev().map(to_their_face).collect::<Vec<_>>())
}

fn known_line(known: &[String]) -> Option<String> {
    (!known.is_empty()).then(|| format!("You know: {}", known.join(" ")))
}

fn time_of_day(now: &Zoned) -> String {
    format!("{} {}", now.strftime("%A"), part_of_day(now))
}

/// "Wednesday, 4 March 2026, 18:20 in the evening"
fn date_and_time(now: &Zoned) -> String {
    let part = match part_of_day(now) {
        "night" => "at night".to_owned(),
        part => format!("in the {part}"),
    };
    format!("{} {part}", now.strftime("%A, %-d %B %Y, %H:%M"))
}

fn part_of_day(now: &Zoned) -> &'static str {
    match now.hour() {
        5..12 => "morning",
        12..17 => "afternoon",
        17..22 => "evening",
        _ => "night",
    }
}

/// Whether the time bears on the message. Told in every turn, it becomes what a small model talks about.
fn speaks_of_time(text: &str) -> bool {
    const WORDS: &[&str] = &[
        "time",
        "clock",
        "hour",
        "hours",
        "day",
        "date",
        "today",
        "tonight",
        "tomorrow",
        "yesterday",
        "morning",
        "noon",
        "afternoon",
        "evening",
        "night",
        "midnight",
        "late",
        "early",
        "week",
        "weekend",
        "weekday",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    let lower = text.to_lowercase();
    lower.split(|c: char| !c.is_alphabetic()).any(|word| WORDS.contains(&word))
}

fn is_question(text: &str) -> bool {
    const OPENERS: &[&str] = &[
        "what", "who", "where", "when", "which", "whose", "why", "how", "do", "does", "did", "can", "could", "is",
        "are", "was", "were", "have", "has", "will", "would", "should", "tell", "remind",
    ];
    let first = text.split(|c: char| !c.is_alphanumeric()).find(|word| !word.is_empty()).unwrap_or_default();
    text.contains('?') || OPENERS.contains(&first.to_lowercase().as_str())
}

/// "Their sister is called Ana." → "Your sister is called Ana.": as Rose would say it, so that a small model can say it
/// as it stands. Memories speak of the person as "they", which takes the same verbs as "you".
pub(super) fn to_their_face(memory: &str) -> String {
    let mut words = Vec::new();
    for word in memory.split_whitespace() {
        let start = word.find(char::is_alphabetic).unwrap_or(word.len());
        let (before, rest) = word.split_at(start);
        let end = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
        let (stem, after) = rest.split_at(end);
        let other = match stem.to_lowercase().as_str() {
            "they" | "them" => "you",
            "their" => "your",
            "theirs" => "yours",
            "themselves" | "themself" => "yourself",
            _ => {
                words.push(word.to_owned());
                continue;
            }
        };
        let capital = stem.starts_with(char::is_uppercase);
        let other = if capital { other[..1].to_uppercase() + &other[1..] } else { other.to_owned() };
        words.push(format!("{before}{other}{after}"));
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_told_to_their_face() {
        for (memory, told) in [
            ("Their sister is called Ana.", "Your sister is called Ana."),
            ("They're afraid of thunder, and it scares them.", "You're afraid of thunder, and it scares you."),
            ("The house is theirs.", "The house is yours."),
        ] {
            assert_eq!(to_their_face(memory), told);
        }
    }

    #[test]
    fn parts_of_the_day() {
        for (time, part) in [("04:59", "night"), ("05:00", "morning"), ("12:00", "afternoon"), ("21:59", "evening")] {
            let now: Zoned = format!("2025-06-03T{time}[UTC]").parse().unwrap();
            assert_eq!(time_of_day(&now), format!("Tuesday {part}"));
        }
        let now: Zoned = "2026-03-04T18:20[UTC]".parse().unwrap();
        assert_eq!(date_and_time(&now), "Wednesday, 4 March 2026, 18:20 in the evening");
    }

    #[test]
    fn the_time_is_told_where_it_bears_on_the_message() {
        for text in ["What day is it?", "I couldn't sleep last night.", "It's LATE, Rose"] {
            assert!(speaks_of_time(text), "{text}");
        }
        for text in ["I argued with my mother.", "My daily bread", "Mayday was a film"] {
            assert!(!speaks_of_time(text), "{text}");
        }
    }

    #[test]
    fn questions_are_heard_without_their_mark() {
        assert!(is_question("what is my sister's name") && is_question("So, my dog is called what?"));
        assert!(!is_question("I am tired."));
    }
}
