//! The messages of a connection, as the protocol tells them. The conversation itself is kept elsewhere.

use std::collections::VecDeque;

use serde_json::{Value, json};

/// Older ones can't be asked for any more.
const MOST: usize = 256;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    pub(super) id: String,
    role: &'static str,
    status: &'static str,
    content: Vec<Value>,
}

impl Item {
    pub(super) fn user(id: String, content: Vec<Value>) -> Self {
        Self { id, role: "user", status: "completed", content }
    }

    pub(super) fn reply(id: String) -> Self {
        Self { id, role: "assistant", status: "in_progress", content: Vec::new() }
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "id": self.id, "object": "realtime.item", "type": "message", "status": self.status, "role": self.role,
            "content": self.content,
        })
    }
}

pub(super) fn spoken(transcript: Option<&str>) -> Value {
    json!({"type": "input_audio", "transcript": transcript})
}

pub(super) fn written(text: &str) -> Value {
    json!({"type": "input_text", "text": text})
}

#[derive(Default)]
pub(super) struct Items {
    items: VecDeque<Item>,
}

impl Items {
    /// Returns the id of the one before it.
    pub(super) fn add(&mut self, item: Item) -> Option<String> {
        let before = self.items.back().map(|item| item.id.clone());
        if self.items.len() == MOST {
            self.items.pop_front();
        }
        self.items.push_back(item);
        before
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
        if let Some(item) = self.items.iter_mut().find(|item| item.id == id) {
            let sound = item.content.iter_mut().find(|content| content["type"] == "input_audio");
            if let Some(sound) = sound {
                sound["transcript"] = transcript.into();
            }
        }
    }

    /// Ends a reply.
    pub(super) fn finish(&mut self, id: &str, complete: bool, content: Value) -> Option<&Item> {
        let item = self.items.iter_mut().find(|item| item.id == id)?;
        item.status = if complete { "completed" } else { "incomplete" };
        item.content = vec![content];
        Some(item)
    }

    /// What was said after the interruption is nobody's to read.
    pub(super) fn truncate(&mut self, id: &str) {
        if let Some(item) = self.items.iter_mut().find(|item| item.id == id) {
            item.status = "incomplete";
            for content in &mut item.content {
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
        assert_eq!(items.add(Item::user("0".into(), vec![written("hello")])), None);
        for number in 1..=MOST {
            assert_eq!(items.add(Item::reply(number.to_string())), Some((number - 1).to_string()));
        }
        assert!(items.get("0").is_none() && items.get("1").is_some());
        items.remove("1");
        assert!(items.get("1").is_none());
    }
}
