//! What a judgement looks like: the grammar and the schema that constrain it, and how it is read.

use serde::Deserialize;
use serde_json::json;

use super::Operation;
use crate::domain::ids::MemoryId;
use crate::domain::memory::{Memory, MemoryType};
use crate::memory::extraction::MAX_CHARS;
use crate::providers::llm::ReplyFormat;

/// Operations in one judgement.
const MOST_OPERATIONS: usize = 4;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawChanges {
    operations: Vec<RawOperation>,
}

#[derive(Deserialize)]
#[serde(tag = "operation", rename_all = "lowercase", deny_unknown_fields)]
enum RawOperation {
    Add {
        #[serde(rename = "type")]
        memory_type: MemoryType,
        text: String,
    },
    Update {
        note: usize,
        #[serde(rename = "type")]
        memory_type: MemoryType,
        text: String,
    },
    Delete {
        note: usize,
    },
}

/// Operations on `notes` numbered notes.
pub(super) fn changes(notes: usize) -> ReplyFormat {
    const TYPES: &str = r#"type ::= "fact" | "preference" | "emotion""#;
    let ops = if notes == 0 { "add" } else { "add | update | delete" };
    let mut rules = vec![
        format!(r#"root ::= "{{\"operations\":[" (op ("," op){{0,{}}})? "]}}""#, MOST_OPERATIONS - 1),
        format!("op ::= {ops}"),
        r#"add ::= "{\"operation\":\"add\",\"type\":\"" type "\",\"text\":\"" text "\"}""#.to_owned(),
        TYPES.to_owned(),
        format!(r#"text ::= [^"\\\x00-\x20] [^"\\\x00-\x1f]{{4,{}}}"#, MAX_CHARS - 1),
    ];
    let add = json!({
        "type": "object",
        "properties": {"operation": {"const": "add"}, "type": type_schema(), "text": {"type": "string"}},
        "required": ["operation", "type", "text"],
        "additionalProperties": false,
    });
    let mut kinds = vec![add];
    if notes > 0 {
        rules.push(
            r#"update ::= "{\"operation\":\"update\",\"note\":" note ",\"type\":\"" type "\",\"text\":\"" text "\"}""#
                .to_owned(),
        );
        rules.push(r#"delete ::= "{\"operation\":\"delete\",\"note\":" note "}""#.to_owned());
        rules.push(note_rule(notes));
        let note = json!({"type": "integer", "enum": (1..=notes).collect::<Vec<_>>()});
        kinds.push(json!({
            "type": "object",
            "properties":
                {"operation": {"const": "update"}, "note": note, "type": type_schema(), "text": {"type": "string"}},
            "required": ["operation", "note", "type", "text"],
            "additionalProperties": false,
        }));
        kinds.push(json!({
            "type": "object",
            "properties": {"operation": {"const": "delete"}, "note": note},
            "required": ["operation", "note"],
            "additionalProperties": false,
        }));
    }
    let schema = json!({
        "type": "object",
        "properties": {"operations": {"type": "array", "items": {"anyOf": kinds}}},
        "required": ["operations"],
        "additionalProperties": false,
    });
    ReplyFormat { grammar: rules.join("\n"), schema }
}

fn type_schema() -> serde_json::Value {
    json!({"type": "string", "enum": MemoryType::ALL.map(MemoryType::as_str)})
}

fn note_rule(notes: usize) -> String {
    let numbers: Vec<String> = (1..=notes).map(|note| format!("\"{note}\"")).collect();
    format!("note ::= {}", numbers.join(" | "))
}

/// A text may break the limits in a service's answer; it is then left out. Notes that are not there break the format.
pub(super) fn read_changes(answer: &str, known: &[Memory]) -> Result<Vec<Operation>, String> {
    let raw: RawChanges = serde_json::from_str(answer).map_err(|error| described(&error))?;
    let mut operations = Vec::new();
    for raw in raw.operations.into_iter().take(MOST_OPERATIONS) {
        let operation = match raw {
            RawOperation::Add { memory_type, text } => {
                sentence(&text).map(|text| Operation::Add { memory_type, text })
            }
            RawOperation::Update { note, memory_type, text } => {
                let id = numbered(note, known)?;
                sentence(&text).map(|text| Operation::Update { id, memory_type, text })
            }
            RawOperation::Delete { note } => Some(Operation::Delete { id: numbered(note, known)? }),
        };
        operations.extend(operation);
    }
    Ok(operations)
}

fn numbered(note: usize, known: &[Memory]) -> Result<MemoryId, String> {
    let memory = note.checked_sub(1).and_then(|at| known.get(at));
    memory.map(|memory| memory.id).ok_or_else(|| format!("it names the note {note} of {}", known.len()))
}

/// One sentence with its full stop; `None` where it is none.
fn sentence(text: &str) -> Option<String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let length = text.chars().count();
    if !(4..MAX_CHARS).contains(&length) || !text.contains(char::is_alphabetic) {
        return None;
    }
    Some(if text.ends_with(['.', '!', '?', '。']) { text } else { format!("{text}.") })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNumbers {
    notes: Vec<usize>,
}

/// Which of `notes` numbered notes.
pub(super) fn numbers(notes: usize) -> ReplyFormat {
    let grammar = [
        format!(r#"root ::= "{{\"notes\":[" (note ("," note){{0,{}}})? "]}}""#, notes.max(1) - 1),
        note_rule(notes.max(1)),
    ];
    let schema = json!({
        "type": "object",
        "properties": {"notes": {"type": "array", "items": {"type": "integer", "enum": (1..=notes).collect::<Vec<_>>()}}},
        "required": ["notes"],
        "additionalProperties": false,
    });
    ReplyFormat { grammar: grammar.join("\n"), schema }
}

pub(super) fn read_numbers(answer: &str, known: &[Memory]) -> Result<Vec<MemoryId>, String> {
    let raw: RawNumbers = serde_json::from_str(answer).map_err(|error| described(&error))?;
    let mut ids = Vec::new();
    for note in raw.notes {
        let id = numbered(note, known)?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}

/// serde quotes values in some messages; its category and place say enough.
fn described(error: &serde_json::Error) -> String {
    format!("{:?} error at column {}", error.classify(), error.column())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::ids::UserId;

    fn known() -> Vec<Memory> {
        vec![Memory {
            id: MemoryId::generate(),
            user_id: UserId::generate(),
            session_id: None,
            text: "They live in Porto.".into(),
            memory_type: MemoryType::Fact,
            timestamp: Timestamp::UNIX_EPOCH,
        }]
    }

    #[test]
    fn a_judgement_is_read() {
        let known = known();
        let answer = r#"{"operations":[{"operation":"add","type":"fact","text":"They have a cat"},
            {"operation":"update","note":1,"type":"fact","text":"They live in Lyon."},{"operation":"delete","note":1}]}"#;
        let read = read_changes(answer, &known).unwrap();
        assert_eq!(read.len(), 3);
        assert!(read[0] == Operation::Add { memory_type: MemoryType::Fact, text: "They have a cat.".into() });
        assert!(read[2] == Operation::Delete { id: known[0].id });
        assert_eq!(read_numbers(r#"{"notes":[1,1]}"#, &known).unwrap(), [known[0].id]);
    }

    #[test]
    fn what_breaks_the_format_is_refused_and_not_quoted() {
        let known = known();
        for answer in [
            "",
            "[]",
            r#"{"operations":[{"operation":"add","type":"secret","text":"They owe money."}]}"#,
            r#"{"operations":[{"operation":"delete","note":2}]}"#,
            r#"{"operations":[{"operation":"delete","note":0}]}"#,
        ] {
            let refused = read_changes(answer, &known).err().expect(answer);
            assert!(!refused.contains("money"), "{refused}");
        }
        assert!(read_numbers(r#"{"notes":[2]}"#, &known).is_err());
    }

    #[test]
    fn a_text_that_is_no_sentence_is_left_out() {
        let long = "They walk ".repeat(40);
        for text in ["", "...", long.as_str()] {
            let answer = json!({"operations": [{"operation": "add", "type": "fact", "text": text}]}).to_string();
            assert!(read_changes(&answer, &[]).unwrap().is_empty());
        }
    }
}
