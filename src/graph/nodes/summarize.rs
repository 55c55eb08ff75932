//! Folds the older messages into a summary that extends the last one. Runs once the person has their reply.
//!
//! A small model's summary is checked: where it is empty, runs in circles, is too long or tells what nobody said, the
//! summary is made of the person's own sentences instead.

use std::collections::HashSet;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::domain::message::Role;
use crate::domain::stage::{EngineTiming, Stage};
use crate::graph::GraphError;
use crate::graph::node::{Context, Node, Ports};
use crate::graph::state::{Entry, State};
use crate::providers::ProviderError;
use crate::providers::llm::{ChatMessage, GenerationRequest, Sampling, collect};

pub(super) const NAME: &str = "summarize";

/// The longest summary, in words: about 160 tokens of every later prompt.
const MOST_WORDS: usize = 110;
/// For about as many words.
const MOST_TOKENS: usize = 160;
/// Of the words that carry meaning, the share that must come from what was summed up.
const LEAST_GROUNDED: f64 = 0.6;
/// So many times the usual number of messages may wait for a summary, while the next turn follows at once each time.
const MOST_PUT_OFF: usize = 2;
/// Words of one message that an extractive summary takes.
const WORDS_OF_A_MESSAGE: usize = 16;

pub struct Summarize;

#[async_trait]
impl Node for Summarize {
    fn name(&self) -> &'static str {
        NAME
    }

    fn stage(&self) -> Option<Stage> {
        Some(Stage::Summarize)
    }

    fn after_reply(&self) -> bool {
        true
    }

    async fn run(&self, state: &mut State, context: &mut Context<'_>) -> Result<EngineTiming, GraphError> {
        let settings = &context.ports.settings;
        if state.unfolded().len() <= settings.summarize_after {
            return Ok(EngineTiming::default());
        }
        // Later will do; but not for ever.
        let waited_for = context.hurry.is_cancelled();
        if waited_for && state.unfolded().len() <= settings.summarize_after * MOST_PUT_OFF {
            return Ok(EngineTiming::default());
        }
        let fold = state.unfolded().len() - settings.keep_messages;
        let older = &state.unfolded()[..fold];
        let before = state.summary.as_deref().unwrap_or_default();
        let written = match waited_for {
            true => Ok((String::new(), EngineTiming::default())),
            false => write(before, older, context.ports, context.hurry.clone()).await,
        };
        let (written, timing) = match written {
            Ok(written) => written,
            Err(ProviderError::Cancelled) => return Ok(EngineTiming::default()),
            Err(error) => {
                warn!(error = %error, "the model could not sum up; the summary is made of the person's own sentences");
                (String::new(), EngineTiming::default())
            }
        };
        let summary = if is_usable(&written, before, older) { written } else { extract(before, older, MOST_WORDS) };
        state.summary = Some(summary);
        state.folded += fold;
        // The prompt begins anew: everything fits, and the time is told again.
        state.left_out = 0;
        state.noted_time = None;
        Ok(timing)
    }
}

async fn write(
    before: &str,
    older: &[Entry],
    ports: &Ports,
    cancel: CancellationToken,
) -> Result<(String, EngineTiming), ProviderError> {
    let llm = ports.llm.as_ref();
    let request = GenerationRequest {
        messages: vec![
            ChatMessage::new(Role::System, ports.character.summarize.clone()),
            ChatMessage::new(Role::User, material(before, older, ports)),
        ],
        session: None,
        max_tokens: MOST_TOKENS,
        sampling: Sampling { temperature: 0.0, ..ports.settings.sampling },
        prefix: None,
        format: None,
        tools: None,
        plain: true,
        stop: Vec::new(),
        cancel,
    };
    let generation = collect(llm.describe().backend, llm.stream(request).await?).await?;
    Ok((tidy(&generation.text), generation.usage.timing))
}

/// The last summary and the messages, without the oldest where they don't fit.
fn material(before: &str, older: &[Entry], ports: &Ports) -> String {
    let room = ports.llm.context_tokens().saturating_sub(MOST_TOKENS + 64);
    let fixed = ports.llm.count_tokens(&ports.character.summarize) + ports.llm.count_tokens(before);
    let mut left = room.saturating_sub(fixed);
    let mut lines = Vec::new();
    for entry in older.iter().rev().filter(|entry| !entry.hidden) {
        let who = if entry.message.role == Role::Assistant { &ports.character.name } else { "Person" };
        let line = format!("{who}: {}", entry.message.text);
        let cost = ports.llm.count_tokens(&line) + 2;
        if cost > left {
            break;
        }
        left -= cost;
        lines.push(line);
    }
    lines.reverse();
    let known = if before.is_empty() { String::new() } else { format!("Summary so far: {before}\n\n") };
    format!("{known}{}\n\nSum up in two or three sentences what the person said.", lines.join("\n"))
}

/// On one line, without an opening such as "Here is a summary:", and cut at the last whole sentence.
fn tidy(written: &str) -> String {
    let line = written.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = match line.split_once(':') {
        Some((opening, rest)) if opening.to_lowercase().contains("summary") => rest.trim(),
        _ => line.as_str(),
    };
    line.rfind(['.', '!', '?']).map_or(String::new(), |end| line[..=end].to_owned())
}

fn is_usable(written: &str, before: &str, older: &[Entry]) -> bool {
    let words = written.split_whitespace().count();
    if !(4..=MOST_WORDS).contains(&words) || runs_in_circles(written) {
        return false;
    }
    let mut source: HashSet<String> = meaning(before).collect();
    source.extend(older.iter().flat_map(|entry| meaning(&entry.message.text)));
    let told: Vec<String> = meaning(written).collect();
    let grounded = told.iter().filter(|word| source.contains(*word)).count();
    !told.is_empty() && grounded as f64 >= LEAST_GROUNDED * told.len() as f64
}

fn meaning(text: &str) -> impl Iterator<Item = String> {
    const SAYING: [&str; 8] = ["person", "they", "their", "them", "said", "says", "rose", "that"];
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.chars().count() > 3)
        .map(str::to_lowercase)
        .filter(|word| !SAYING.contains(&word.as_str()))
}

/// The same four words three times, or the same sentence twice.
fn runs_in_circles(text: &str) -> bool {
    let lowered = text.to_lowercase();
    let words: Vec<&str> = lowered.split_whitespace().collect();
    let repeated = words.windows(4).any(|window| words.windows(4).filter(|other| *other == window).count() >= 3);
    let mut seen = HashSet::new();
    repeated || lowered.split(['.', '!', '?']).map(str::trim).filter(|s| !s.is_empty()).any(|s| !seen.insert(s))
}

/// The person's own sentences behind what the last summary says, the newest kept where not all have room.
fn extract(before: &str, older: &[Entry], most_words: usize) -> String {
    let told = older.iter().filter(|entry| entry.message.role == Role::User && !entry.hidden);
    let said = told.map(|entry| {
        let words: Vec<&str> = entry.message.text.split_whitespace().take(WORDS_OF_A_MESSAGE).collect();
        format!("\"{}\"", words.join(" ").trim_end_matches(['.', ',', ';']))
    });
    let opening = "The person said:";
    let before = before.strip_prefix(opening).unwrap_or(before).trim();
    let mut parts: Vec<String> = Vec::new();
    let mut room = most_words.saturating_sub(opening.split_whitespace().count());
    let earlier = before.trim_end_matches('.');
    let sentences = (!earlier.is_empty()).then(|| earlier.to_owned()).into_iter().chain(said).collect::<Vec<_>>();
    for sentence in sentences.into_iter().rev() {
        let words: Vec<&str> = sentence.split_whitespace().collect();
        if words.len() > room {
            // Of what is older, the end is nearest to now.
            if room > 0 {
                parts.push(words[words.len() - room..].join(" "));
            }
            break;
        }
        room -= words.len();
        parts.push(sentence);
    }
    parts.reverse();
    format!("{opening} {}.", parts.join("; "))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::ids::TurnId;
    use crate::domain::message::Message;

    fn entries(said: &[&str]) -> Vec<Entry> {
        said.iter()
            .map(|text| Entry {
                message: Message {
                    turn_id: TurnId::generate(),
                    role: Role::User,
                    text: (*text).to_owned(),
                    images: Vec::new(),
                    interrupted: false,
                    timestamp: Timestamp::UNIX_EPOCH,
                },
                prompt_text: None,
                hidden: false,
                sentences: Vec::new(),
            })
            .collect()
    }

    #[test]
    fn a_summary_must_tell_what_was_said() {
        let older = entries(&["My sister Ana lives in Porto.", "I am learning to play the cello."]);
        assert!(is_usable("Their sister Ana lives in Porto and they are learning the cello.", "", &older));
        for wrong in [
            "",
            "Yes.",
            "They discussed quarterly business strategy with several stakeholders.",
            "Ana lives in Porto. Ana lives in Porto.",
            &"Ana lives in Porto with the cello and ".repeat(30),
        ] {
            assert!(!is_usable(wrong, "", &older), "{wrong}");
        }
    }

    #[test]
    fn openings_and_broken_ends_go() {
        assert_eq!(tidy("Here is a summary:\n\nThey like tea. They also"), "They like tea.");
        assert_eq!(tidy("They like"), "");
    }

    #[test]
    fn an_extractive_summary_extends_the_last_one_and_stays_short() {
        let first = extract("", &entries(&["I like tea.", "My dog is called Max."]), 40);
        assert_eq!(first, "The person said: \"I like tea\"; \"My dog is called Max\".");
        let second = extract(&first, &entries(&["I moved to Leeds."]), 40);
        assert_eq!(second, "The person said: \"I like tea\"; \"My dog is called Max\"; \"I moved to Leeds\".");
        let mut summary = String::new();
        for turn in 0..50 {
            summary = extract(&summary, &entries(&[&format!("This is thing number {turn} that happened to me.")]), 40);
            assert!(summary.split_whitespace().count() <= 40, "{summary}");
            assert!(summary.contains(&format!("number {turn} ")));
        }
    }
}
