//! What clients send. Names are those of the protocol's general release; where its beta called a field otherwise, that
//! is taken too. Fields that Rose has no use for are passed over.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::problem::Problem;

#[derive(Deserialize)]
#[serde(tag = "type")]
pub(super) enum ClientEvent {
    #[serde(rename = "session.update")]
    SessionUpdate { session: SessionUpdate },
    #[serde(rename = "input_audio_buffer.append")]
    Append { audio: String },
    #[serde(rename = "input_audio_buffer.commit")]
    Commit,
    #[serde(rename = "input_audio_buffer.clear")]
    Clear,
    #[serde(rename = "conversation.item.create")]
    ItemCreate {
        item: NewItem,
        /// `root` is the start; left out, it is the end.
        #[serde(default)]
        previous_item_id: Option<String>,
    },
    #[serde(rename = "conversation.item.truncate")]
    ItemTruncate { item_id: String, audio_end_ms: u64 },
    #[serde(rename = "conversation.item.retrieve")]
    ItemRetrieve { item_id: String },
    #[serde(rename = "conversation.item.delete")]
    ItemDelete { item_id: String },
    #[serde(rename = "response.create")]
    ResponseCreate {
        #[serde(default)]
        response: Option<ResponseRequest>,
    },
    #[serde(rename = "response.cancel")]
    ResponseCancel {
        #[serde(default)]
        response_id: Option<String>,
    },
}

const NAMES: [&str; 10] = [
    "session.update",
    "input_audio_buffer.append",
    "input_audio_buffer.commit",
    "input_audio_buffer.clear",
    "conversation.item.create",
    "conversation.item.truncate",
    "conversation.item.retrieve",
    "conversation.item.delete",
    "response.create",
    "response.cancel",
];

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct SessionUpdate {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) instructions: Option<String>,
    /// In the beta: `modalities`.
    #[serde(alias = "modalities")]
    pub(super) output_modalities: Option<Vec<String>>,
    #[serde(deserialize_with = "or_nothing")]
    pub(super) audio: AudioUpdate,
    /// The beta's.
    pub(super) voice: Option<Value>,
    pub(super) input_audio_format: Option<String>,
    pub(super) output_audio_format: Option<String>,
    #[serde(deserialize_with = "given")]
    pub(super) turn_detection: Option<Option<TurnDetectionUpdate>>,
    pub(super) tools: Option<Vec<Value>>,
    pub(super) tool_choice: Option<Value>,
    pub(super) parallel_tool_calls: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct AudioUpdate {
    #[serde(deserialize_with = "or_nothing")]
    pub(super) input: InputUpdate,
    #[serde(deserialize_with = "or_nothing")]
    pub(super) output: OutputUpdate,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct InputUpdate {
    pub(super) format: Option<FormatUpdate>,
    pub(super) transcription: Option<TranscriptionUpdate>,
    #[serde(deserialize_with = "given")]
    pub(super) turn_detection: Option<Option<TurnDetectionUpdate>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct TranscriptionUpdate {
    pub(super) language: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct OutputUpdate {
    pub(super) format: Option<FormatUpdate>,
    pub(super) voice: Option<Value>,
    pub(super) speed: Option<f32>,
}

#[derive(Deserialize)]
pub(super) struct FormatUpdate {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) rate: Option<u32>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct TurnDetectionUpdate {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) threshold: Option<f32>,
    pub(super) prefix_padding_ms: Option<u64>,
    pub(super) silence_duration_ms: Option<u64>,
    pub(super) create_response: Option<bool>,
    pub(super) interrupt_response: Option<bool>,
    /// Of `semantic_vad`.
    pub(super) eagerness: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct NewItem {
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) role: Option<String>,
    #[serde(default)]
    pub(super) content: Option<Vec<NewContent>>,
    /// Of a function's result.
    #[serde(default)]
    pub(super) call_id: Option<String>,
    #[serde(default)]
    pub(super) output: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct NewContent {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) text: Option<String>,
    #[serde(default)]
    pub(super) audio: Option<String>,
    /// Of a reply's sound.
    #[serde(default)]
    pub(super) transcript: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct ResponseRequest {
    pub(super) instructions: Option<String>,
    /// In the beta: `modalities`.
    #[serde(alias = "modalities")]
    pub(super) output_modalities: Option<Vec<String>>,
    #[serde(deserialize_with = "or_nothing")]
    pub(super) audio: AudioUpdate,
    /// The beta's.
    pub(super) voice: Option<Value>,
    pub(super) conversation: Option<String>,
    pub(super) input: Option<Value>,
    pub(super) metadata: Option<Value>,
    pub(super) tools: Option<Vec<Value>>,
    pub(super) tool_choice: Option<Value>,
    pub(super) parallel_tool_calls: Option<bool>,
}

/// `null` is as if the field were left out.
fn or_nothing<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Tells `null` from a field that is not there.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// The event, and the id that the client gave it; where it can't be read, what is wrong with it.
pub(super) fn parse(text: &str) -> (Option<String>, Result<ClientEvent, Problem>) {
    let Ok(mut value) = serde_json::from_str::<Value>(text) else {
        return (None, Err(Problem::new("invalid_json", "The message is not JSON.")));
    };
    let event_id = value.get("event_id").and_then(Value::as_str).map(|id| id.chars().take(128).collect());
    let Some(kind) = value.get("type").and_then(Value::as_str) else {
        return (event_id, Err(Problem::value("type", "The event has no `type`.")));
    };
    if !NAMES.contains(&kind) {
        return (event_id, Err(Problem::value("type", format!("Events are taken of the types {}.", NAMES.join(", ")))));
    }
    if let Some(event) = value.as_object_mut() {
        event.remove("event_id");
    }
    let event = serde_json::from_value(value).map_err(|error| {
        // serde quotes what it found; that is the sender's own, but may be long.
        let why: String = error.to_string().chars().take(200).collect();
        Problem::new("invalid_event", format!("The event does not have the right shape: {why}."))
    });
    (event_id, event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_told_from_nothing() {
        let update = |text: &str| serde_json::from_str::<SessionUpdate>(text).unwrap().audio.input.turn_detection;
        assert!(update(r#"{"audio":{"input":{}}}"#).is_none());
        assert!(matches!(update(r#"{"audio":{"input":{"turn_detection":null}}}"#), Some(None)));
        assert!(matches!(update(r#"{"audio":{"input":{"turn_detection":{"type":"server_vad"}}}}"#), Some(Some(_))));
    }

    #[test]
    fn every_name_is_an_event() {
        for name in NAMES {
            let text = format!(
                r#"{{"type":"{name}","event_id":"e1","session":{{}},"audio":"","item_id":"i","audio_end_ms":0,
                    "item":{{"type":"message"}},"extra":1}}"#
            );
            let (id, event) = parse(&text);
            assert_eq!(id.as_deref(), Some("e1"));
            assert!(event.is_ok(), "{name}: {:?}", event.err());
        }
    }

    #[test]
    fn what_is_no_event_is_told() {
        for text in ["", "[]", "{}", r#"{"type":7}"#, r#"{"type":"response.createe"}"#, r#"{"type":"session.update"}"#]
        {
            assert!(parse(text).1.is_err(), "{text}");
        }
    }
}
