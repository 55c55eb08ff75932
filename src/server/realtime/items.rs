//! The messages of a connection, as the protocol tells them. The conversation itself is kept elsewhere.

use std::collections::VecDeque;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::providers::llm::ToolCall;

/// Older ones can't be asked for any more.
const MOST: usize = 256;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    pub(super) id: String,
    status: &'static str,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Message { role: &'static str, content: Vec<Value> },
    Call(ToolCall),
    CallOutput { call_id: String, output: String },
}

impl Item {
    /// `role`: `user`, `assistant` or `system`.
    pub(super) fn message(id: String, role: &'static str, content: Vec<Value>) -> Self {
        Self { id, status: "completed", kind: Kind::Message { role, content } }
    }

    pub(super) fn reply(id: String) -> Self {
        Self { id, status: "in_progress", kind: Kind::Message { role: "assistant", content: Vec::new() } }
    }

    pub(super) fn call(id: String, call: ToolCall) -> Self {
        Self { id, status: "completed", kind: Kind::Call(call) }
    }

    /// As it is told before its end: clients run what is completed.
    pub(super) fn begun(&self) -> Self {
        let mut begun = Self { status: "in_progress", ..self.clone() };
        if let Kind::Call(call) = &mut begun.kind {
            call.arguments.clear();
        }
        begun
    }

    pub(super) fn call_output(id: String, call_id: String, output: String) -> Self {
        Self { id, status: "completed", kind: Kind::CallOutput { call_id, output } }
    }

    pub(super) fn to_json(&self) -> Value {
        let mut item = match &self.kind {
            Kind::Message { role, content } => json!({"type": "message", "role": role, "content": content}),
            Kind::Call(ToolCall { id, name, arguments }) => {
                json!({"type": "function_call", "call_id": id, "name": name, "arguments": arguments})
            }
            Kind::CallOutput { call_id, output } => {
                json!({"type": "function_call_output", "call_id": call_id, "output": output})
            }
        };
        item["id"] = self.id.as_str().into();
        item["object"] = "realtime.item".into();
        item["status"] = self.status.into();
        item
    }

    fn content(&mut self) -> Option<&mut Vec<Value>> {
        match &mut self.kind {
            Kind::Message { content, .. } => Some(content),
            Kind::Call(_) | Kind::CallOutput { .. } => None,
        }
    }
}

pub(super) fn spoken(transcript: Option<&str>) -> Value {
    json!({"type": "input_audio", "transcript": transcript})
}

pub(super) fn written(text: &str) -> Value {
    json!({"type": "input_text", "text": text})
}

pub(super) fn new_item_id() -> String {
    format!("item_{}", Uuid::new_v4().simple())
}

#[derive(Default)]
pub(super) struct Items {
    items: VecDeque<Item>,
}

impl Items {
    /// Returns the id of the one before it.
    pub(super) fn add(&mut self, item: Item) -> Option<String> {
        self.insert(self.items.len(), item)
    }

    /// Puts it behind the item `previous`, which must be there; at the start where there is none.
    pub(super) fn add_behind(&mut self, previous: Option<&str>, item: Item) -> Option<String> {
        let at = previous.and_then(|id| self.position(id)).map_or(0, |at| at + 1);
        self.insert(at, item)
    }

    fn insert(&mut self, mut at: usize, item: Item) -> Option<String> {
        if self.items.len() == MOST {
            self.items.pop_front();
            at = at.saturating_sub(1);
        }
        self.items.insert(at, item);
        at.checked_sub(1).map(|before| self.items[before].id.clone())
    }

    fn position(&self, id: &str) -> Option<usize> {
        self.items.iter().position(|item| item.id == id)
    }

    /// Those behind the item `previous`; all of them where there is none.
    pub(super) fn behind(&self, previous: Option<&str>) -> impl Iterator<Item = &Item> {
        let skipped = previous.map_or(0, |id| self.position(id).map_or(self.items.len(), |at| at + 1));
        self.items.iter().skip(skipped)
    }

    pub(super) fn last(&self) -> Option<&Item> {
        self.items.back()
    }

    pub(super) fn get(&self, id: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.id == id)
    }

    pub(super) fn remove(&mut self, id: &str) {
        self.items.retain(|item| item.id != id);
    }

    pub(super) fn set_transcript(&mut self, id: &str, transcript: &str) {
        let content = self.items.iter_mut().find(|item| item.id == id).and_then(Item::content);
        let sound = content.and_then(|content| content.iter_mut().find(|part| part["type"] == "input_audio"));
        if let Some(sound) = sound {
            sound["transcript"] = transcript.into();
        }
    }

    /// Ends a reply.
    pub(super) fn finish(&mut self, id: &str, complete: bool, content: Value) -> Option<&Item> {
        let item = self.items.iter_mut().find(|item| item.id == id)?;
        item.status = if complete { "completed" } else { "incomplete" };
        item.content()?.splice(.., [content]);
        Some(item)
    }

    /// What was said after the interruption is nobody's to read.
    pub(super) fn truncate(&mut self, id: &str) {
        if let Some(item) = self.items.iter_mut().find(|item| item.id == id) {
            item.status = "incomplete";
            for content in item.content().into_iter().flatten() {
                if let Some(content) = content.as_object_mut() {
                    content.remove("transcript");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_ones_go_and_the_one_before_is_named() {
        let mut items = Items::default();
        assert_eq!(items.add(Item::message("0".into(), "user", vec![written("hello")])), None);
        for number in 1..=MOST {
            assert_eq!(items.add(Item::reply(number.to_string())), Some((number - 1).to_string()));
        }
        assert!(items.get("0").is_none() && items.get("1").is_some());
        items.remove("1");
        assert!(items.get("1").is_none());
    }

    #[test]
    fn one_may_be_put_between_others() {
        let mut items = Items::default();
        let message = |id: &str| Item::message(id.into(), "user", vec![written("hello")]);
        items.add(message("a"));
        items.add(message("c"));
        assert_eq!(items.add_behind(Some("a"), message("b")).as_deref(), Some("a"));
        assert_eq!(items.add_behind(None, message("first")), None);
        let ids = |previous| items.behind(previous).map(|item| item.id.as_str()).collect::<Vec<_>>();
        assert_eq!(ids(None), ["first", "a", "b", "c"]);
        assert_eq!(ids(Some("b")), ["c"]);
    }
}
