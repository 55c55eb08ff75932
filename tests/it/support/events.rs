//! Server-sent events, read back.

use serde_json::Value;

#[derive(Debug)]
pub struct SentEvent {
    pub name: String,
    pub data: Value,
}

/// The events of a whole stream; comments are left out.
pub fn parse(stream: &str) -> Vec<SentEvent> {
    let blocks = stream.split("\n\n").filter(|block| block.contains("data:"));
    blocks
        .map(|block| {
            let field = |name: &str| -> String {
                block.lines().filter_map(|line| line.strip_prefix(name)).map(str::trim_start).collect()
            };
            let data = field("data:");
            SentEvent { name: field("event:"), data: serde_json::from_str(&data).expect("JSON in an event") }
        })
        .collect()
}

pub fn names(events: &[SentEvent]) -> Vec<&str> {
    events.iter().map(|event| event.name.as_str()).collect()
}

pub fn of<'a>(events: &'a [SentEvent], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event.name == name).map(|event| &event.data).collect()
}

/// What Rose said: the deltas joined.
pub fn reply(events: &[SentEvent]) -> String {
    of(events, "text_delta").iter().map(|delta| delta["text"].as_str().expect("text")).collect()
}
