//! The prompt: what the model sees of a conversation, and how much of it fits.
//!
//! The order is made for the model's cache. What never changes comes first (persona, examples), then the summary, which
//! changes once in many turns, then the messages. What belongs to one turn alone (memories, the time) is written into
//! that turn's message and stays there: so each prompt begins with the whole of the last one and its reply, and only
//! what is new is computed.

use super::character::Character;
use super::state::{Entry, State};
use crate::domain::message::Role;
use crate::providers::llm::{ChatMessage, LanguageModel};

/// What a chat template puts around a message, in tokens, with room to spare.
const MESSAGE_OVERHEAD: usize = 8;
/// Kept free beside prompt and reply.
const SLACK: usize = 16;
/// When messages must be left out, so many that the prompt fills this share of its room: the next ones then fit without
/// moving its beginning again.
const FILL_AFTER_TRIM: f64 = 0.6;

/// Everything up to and with the newest message.
pub fn messages(state: &State, character: &Character) -> Vec<ChatMessage> {
    let mut messages = beginning(state, character);
    for entry in state.shown().iter().filter(|entry| !entry.hidden) {
        let text = entry.shown_text();
        match messages.last_mut() {
            // Messages without an answer between them are one to the model.
            Some(last) if last.role == Role::User && entry.message.role == Role::User => {
                last.text = format!("{}\n{text}", last.text);
            }
            _ => messages.push(ChatMessage::new(entry.message.role, text)),
        }
    }
    messages
}

fn beginning(state: &State, character: &Character) -> Vec<ChatMessage> {
    let mut system = character.persona.clone();
    if let Some(instructions) = &state.instructions {
        system.push_str("\n\n");
        system.push_str(instructions);
    }
    if let Some(summary) = &state.summary {
        system.push_str("\n\nEarlier in this conversation: ");
        system.push_str(summary);
    }
    let mut messages = vec![ChatMessage::new(Role::System, system)];
    messages.extend(character.examples.iter().cloned());
    messages
}

/// Makes the prompt fit: leaves out the oldest messages first, and cuts the newest one in its middle where it is too
/// long on its own. `reply_tokens` are kept free for the reply.
pub fn fit(state: &mut State, character: &Character, llm: &dyn LanguageModel, reply_tokens: usize) {
    let cost = |text: &str| llm.count_tokens(text) + MESSAGE_OVERHEAD;
    let fixed: usize = beginning(state, character).iter().map(|message| cost(&message.text)).sum();
    let room = llm.context_tokens().saturating_sub(reply_tokens + SLACK + fixed);

    let Some(newest) = state.entries.last_mut() else { return };
    let newest_cost = cost(newest.shown_text());
    if newest_cost > room {
        let cut = cut_middle(newest.shown_text(), newest_cost, room, &cost);
        newest.prompt_text = Some(cut);
    }

    let cost_of = |entry: &Entry| if entry.hidden { 0 } else { cost(entry.shown_text()) };
    let costs: Vec<usize> = state.unfolded().iter().map(cost_of).collect();
    let total = |left_out: usize| costs[left_out.min(costs.len())..].iter().sum::<usize>();
    if total(state.left_out) <= room {
        return;
    }
    let target = (room as f64 * FILL_AFTER_TRIM) as usize;
    // The newest message stays, whatever it costs.
    let most = costs.len().saturating_sub(1);
    while state.left_out < most && total(state.left_out) > target {
        state.left_out += 1;
    }
}

/// Keeps the beginning and the end: what is asked usually stands in one of them.
fn cut_middle(text: &str, cost: usize, room: usize, cost_of: &impl Fn(&str) -> usize) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut keep = characters.len() * room / cost.max(1);
    loop {
        let half = keep / 2;
        let cut: String = characters[..half]
            .iter()
            .chain(" … ".chars().collect::<Vec<_>>().iter())
            .chain(&characters[characters.len() - half..])
            .collect();
        if half == 0 || cost_of(&cut) <= room {
            return cut;
        }
        keep = keep * 9 / 10;
    }
}

/// Rose's replies among `entries`, newest first.
pub fn replies(entries: &[Entry]) -> impl Iterator<Item = &str> {
    entries.iter().rev().filter(|entry| entry.message.role == Role::Assistant).map(|entry| entry.message.text.as_str())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::config::Config;
    use crate::domain::ids::{SessionId, TurnId, UserId};
    use crate::graph::state::{Said, TurnState};
    use crate::providers::llm::{Ability, FakeLanguageModel};

    fn model(context_tokens: usize) -> FakeLanguageModel {
        let mut config = Config::defaults(&Default::default()).unwrap().llm.fake;
        config.context_tokens = context_tokens;
        FakeLanguageModel::new(&config)
    }

    fn say(state: &mut State, text: &str, reply: Option<&str>) {
        state.turn = Some(TurnState::new(TurnId::generate(), text.into(), Vec::new(), Timestamp::UNIX_EPOCH));
        state.record_message(None);
        if let Some(reply) = reply {
            state.record_reply(Said { text: reply.into(), ..Said::default() }, Timestamp::UNIX_EPOCH);
        }
    }

    fn tokens(model: &FakeLanguageModel, messages: &[ChatMessage]) -> usize {
        messages.iter().map(|message| model.count_tokens(&message.text) + MESSAGE_OVERHEAD).sum()
    }

    #[test]
    fn the_oldest_messages_go_first_and_in_steps() {
        let character = Character::load(None, "en", Ability::Small).unwrap();
        let model = model(900);
        let mut state = State::new(SessionId::generate(), UserId::generate());
        let mut steps = 0;
        for turn in 0..60 {
            say(&mut state, &format!("question {turn} {}", "word ".repeat(20)), None);
            let before = state.left_out;
            fit(&mut state, &character, &model, 100);
            steps += usize::from(state.left_out > before);
            let prompt = messages(&state, &character);
            assert!(tokens(&model, &prompt) + 100 <= 900);
            assert!(prompt.last().unwrap().text.starts_with(&format!("question {turn} ")));
            state.record_reply(Said { text: format!("answer {turn}"), ..Said::default() }, Timestamp::UNIX_EPOCH);
        }
        assert!(state.left_out > 40 && steps < 20, "{} left out in {steps} steps", state.left_out);
    }

    #[test]
    fn one_message_that_fills_the_context_is_cut_in_its_middle() {
        let character = Character::load(None, "en", Ability::Small).unwrap();
        let model = model(900);
        let mut state = State::new(SessionId::generate(), UserId::generate());
        say(&mut state, &format!("first {} last?", "word ".repeat(2000)), None);
        fit(&mut state, &character, &model, 100);
        let prompt = messages(&state, &character);
        let shown = &prompt.last().unwrap().text;
        assert!(shown.starts_with("first ") && shown.ends_with(" last?") && shown.contains('…'));
        assert!(tokens(&model, &prompt) + 100 <= 900);
        assert!(state.entries[0].message.text.len() > 9000, "the history keeps it whole");
    }

    #[test]
    fn a_prompt_begins_with_the_one_before_it() {
        let character = Character::load(None, "en", Ability::Small).unwrap();
        let mut state = State::new(SessionId::generate(), UserId::generate());
        say(&mut state, "hello", Some("Hello."));
        let before = messages(&state, &character);
        say(&mut state, "how are you?", None);
        let after = messages(&state, &character);
        assert!(before.iter().zip(&after).all(|(a, b)| a.text == b.text && a.role == b.role));
    }

    #[test]
    fn messages_without_an_answer_become_one() {
        let character = Character::load(None, "en", Ability::Small).unwrap();
        let mut state = State::new(SessionId::generate(), UserId::generate());
        say(&mut state, "are you", None);
        say(&mut state, "are you there?", None);
        assert_eq!(messages(&state, &character).last().unwrap().text, "are you\nare you there?");
    }
}
