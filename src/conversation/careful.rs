//! A model's reply for a door that streams it as it comes: held until it is known that the message speaks of no danger, and
//! passed on sentence by sentence, without those that may not be said.

use std::sync::Arc;

use futures::StreamExt;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use unicode_segmentation::UnicodeSegmentation as _;

use super::start::Inner;
use crate::care::{Alarm, Watch};
use crate::graph::character::Lines;
use crate::graph::guardrail::{Basis, Grounds};
use crate::providers::ProviderError;
use crate::providers::llm::{Delta, GenerationStream};

/// Pieces that the model may be ahead of a reader.
const AHEAD: usize = 32;

/// What a reply is held to.
pub(super) struct HeldTo {
    pub(super) watch: Watch,
    /// The person's messages, the newest last.
    pub(super) told: Vec<String>,
    /// The person is under 18.
    pub(super) minor: bool,
    /// A reply that must keep a format is passed on as it is.
    pub(super) formatted: bool,
}

/// `alarmed` makes the answer to an alarm.
pub(super) fn careful(
    inner: &Arc<Inner>,
    stream: GenerationStream,
    held_to: HeldTo,
    alarmed: impl Fn(Alarm) -> String + Send + 'static,
) -> GenerationStream {
    let (sender, received) = mpsc::channel(AHEAD);
    let passing = pass(Arc::clone(inner), stream, held_to, alarmed, sender);
    inner.tasks.spawn(passing);
    Box::pin(ReceiverStream::new(received))
}

/// Ends where nobody listens any more: dropping the stream ends the generation.
async fn pass(
    inner: Arc<Inner>,
    mut stream: GenerationStream,
    held_to: HeldTo,
    alarmed: impl Fn(Alarm) -> String + Send,
    sender: mpsc::Sender<Result<Delta, ProviderError>>,
) {
    let guardrail = &inner.ports.character.guardrail;
    let basis = Basis {
        told: held_to.told.iter().map(String::as_str).collect(),
        remembered: Vec::new(),
        acquainted: true,
        replies: Vec::new(),
        minor: held_to.minor,
    };
    let grounds = guardrail.grounds(&basis);
    let mut allowed = Allowed::new(held_to.formatted);
    let mut judged = false;
    while let Some(item) = stream.next().await {
        if !std::mem::replace(&mut judged, true)
            && let Some(alarm) = held_to.watch.verdict().await
        {
            let _ = sender.send(Ok(Delta::Text(alarmed(alarm)))).await;
            let _ = sender.send(Ok(Delta::Done(super::completion::nothing_computed()))).await;
            return;
        }
        let (text, end) = match item {
            Ok(Delta::Text(text)) => (allowed.push(&text, &inner, &grounds), None),
            Ok(call @ Delta::Call(_)) => {
                allowed.called = true;
                (String::new(), Some(Ok(call)))
            }
            Ok(Delta::Again) => {
                allowed = Allowed::new(held_to.formatted);
                (String::new(), Some(Ok(Delta::Again)))
            }
            Ok(Delta::Done(usage)) => {
                (allowed.finish(&inner, &grounds, &held_to.told, held_to.minor), Some(Ok(Delta::Done(usage))))
            }
            Err(error) => (allowed.finish(&inner, &grounds, &held_to.told, held_to.minor), Some(Err(error))),
        };
        if !text.is_empty() && sender.send(Ok(Delta::Text(text))).await.is_err() {
            return;
        }
        if let Some(end) = end
            && sender.send(end).await.is_err()
        {
            return;
        }
    }
}

struct Allowed {
    /// A sentence that isn't whole yet.
    held: String,
    said: String,
    plain: bool,
    /// The reply calls a function: what the person asked waits for its result.
    called: bool,
}

impl Allowed {
    fn new(plain: bool) -> Self {
        Self { held: String::new(), said: String::new(), plain, called: false }
    }

    /// What of the reply may be said now.
    fn push(&mut self, text: &str, inner: &Inner, grounds: &Grounds) -> String {
        if self.plain {
            return text.to_owned();
        }
        self.held.push_str(text);
        let whole: usize = {
            let sentences: Vec<&str> = self.held.split_sentence_bounds().collect();
            sentences.iter().rev().skip(1).map(|sentence| sentence.len()).sum()
        };
        let sentences: String = self.held.drain(..whole).collect();
        self.allowed(&sentences, inner, grounds)
    }

    /// The rest, and what the question needs that the model left out.
    fn finish(&mut self, inner: &Inner, grounds: &Grounds, told: &[String], minor: bool) -> String {
        if self.plain {
            return String::new();
        }
        let rest = std::mem::take(&mut self.held);
        let mut text = self.allowed(&rest, inner, grounds);
        if self.called {
            return text;
        }
        let character = &inner.ports.character;
        let newest = told.last().map(String::as_str).unwrap_or_default();
        let guidance = character.guardrail.guidance();
        let missing = guidance.asked(newest, minor).filter(|topic| !topic.is_met_by(&self.said));
        let mut lines: Vec<&str> = missing.filter_map(|topic| topic.lines.first().map(String::as_str)).collect();
        if lines.is_empty() && self.said.trim().is_empty() {
            lines.push(Lines::fresh(&character.lines.listening, &[]));
        }
        for line in lines {
            let space = if self.said.is_empty() || self.said.ends_with(char::is_whitespace) { "" } else { " " };
            text.push_str(space);
            text.push_str(line);
            self.said.push_str(line);
        }
        text
    }

    fn allowed(&mut self, sentences: &str, inner: &Inner, grounds: &Grounds) -> String {
        let guardrail = &inner.ports.character.guardrail;
        let text: String =
            sentences.split_sentence_bounds().filter(|sentence| guardrail.allows(sentence, grounds)).collect();
        self.said.push_str(&text);
        text
    }
}
