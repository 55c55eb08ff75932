//! What the client is sent: names and shapes are those of the protocol's general release. `event_id` is added on the way.

use std::time::Duration;

use serde_json::{Value, json};

use super::items::Item;
use super::problem::Problem;

pub(super) fn session(name: &'static str, session: &Value) -> Value {
    json!({"type": name, "session": session})
}

pub(super) fn error(problem: &Problem, event_id: Option<&str>) -> Value {
    json!({"type": "error", "error": problem.to_json(event_id)})
}

pub(super) fn speech_started(item_id: &str, at: Duration) -> Value {
    json!({"type": "input_audio_buffer.speech_started", "item_id": item_id, "audio_start_ms": milliseconds(at)})
}

pub(super) fn speech_stopped(item_id: &str, at: Duration) -> Value {
    json!({"type": "input_audio_buffer.speech_stopped", "item_id": item_id, "audio_end_ms": milliseconds(at)})
}

pub(super) fn committed(item_id: &str, previous: Option<&str>) -> Value {
    json!({"type": "input_audio_buffer.committed", "item_id": item_id, "previous_item_id": previous})
}

pub(super) fn cleared() -> Value {
    json!({"type": "input_audio_buffer.cleared"})
}

/// `name`: `conversation.item.added`, `.created` (the beta's) or `.done`.
pub(super) fn item(name: &'static str, item: &Item, previous: Option<&str>) -> Value {
    json!({"type": name, "item": item.to_json(), "previous_item_id": previous})
}

pub(super) fn item_retrieved(item: &Item) -> Value {
    json!({"type": "conversation.item.retrieved", "item": item.to_json()})
}

pub(super) fn item_deleted(item_id: &str) -> Value {
    json!({"type": "conversation.item.deleted", "item_id": item_id})
}

pub(super) fn item_truncated(item_id: &str, audio_end: Duration) -> Value {
    json!({
        "type": "conversation.item.truncated", "item_id": item_id, "content_index": 0,
        "audio_end_ms": milliseconds(audio_end),
    })
}

pub(super) fn transcription_delta(item_id: &str, delta: &str) -> Value {
    json!({
        "type": "conversation.item.input_audio_transcription.delta", "item_id": item_id, "content_index": 0,
        "delta": delta,
    })
}

pub(super) fn transcription_completed(item_id: &str, transcript: &str, heard: Duration) -> Value {
    json!({
        "type": "conversation.item.input_audio_transcription.completed", "item_id": item_id, "content_index": 0,
        "transcript": transcript, "usage": {"type": "duration", "seconds": heard.as_secs_f64()},
    })
}

pub(super) fn transcription_failed(item_id: &str, problem: &Problem) -> Value {
    json!({
        "type": "conversation.item.input_audio_transcription.failed", "item_id": item_id, "content_index": 0,
        "error": problem.to_json(None),
    })
}

/// `name`: `response.created` or `response.done`.
pub(super) fn response(name: &'static str, response: &Value) -> Value {
    json!({"type": name, "response": response})
}

/// Of a part of a response's one message.
pub(super) fn of_part(name: &'static str, response_id: &str, item_id: &str, more: Value) -> Value {
    let mut event = json!({
        "type": name, "response_id": response_id, "item_id": item_id, "output_index": 0, "content_index": 0,
    });
    if let (Some(event), Value::Object(more)) = (event.as_object_mut(), more) {
        event.extend(more);
    }
    event
}

/// Of a response's message, which comes first.
pub(super) fn output_item(name: &'static str, response_id: &str, item: &Item) -> Value {
    output_item_at(name, response_id, 0, item)
}

pub(super) fn output_item_at(name: &'static str, response_id: &str, index: usize, item: &Item) -> Value {
    json!({"type": name, "response_id": response_id, "output_index": index, "item": item.to_json()})
}

fn milliseconds(duration: Duration) -> u64 {
    duration.as_millis() as u64
}
