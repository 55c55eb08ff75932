//! What a judgement looks like: the grammars and schemas that constrain it, and how it is read.

use serde::Deserialize;
use serde_json::json;

use super::Relation;
use crate::domain::ids::MemoryId;
use crate::domain::memory::{Memory, MemoryType, RecalledMemory};
use crate::memory::extraction::{Extracted, MAX_CHARS};
use crate::providers::llm::ReplyFormat;

/// Notes of one message.
const MOST_NOTES: usize = 4;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNotes {
    notes: Vec<RawNote>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNote {
    #[serde(rename = "type")]
    memory_type: MemoryType,
    text: String,
}

/// In English each note begins with the person.
pub(super) fn notes(english: bool) -> ReplyFormat {
    let opening = if english { r#"("They " | "Their ") "# } else { "" };
    let grammar = [
        format!(r#"root ::= "{{\"notes\":[" (note ("," note){{0,{}}})? "]}}""#, MOST_NOTES - 1),
        r#"note ::= "{\"type\":\"" type "\",\"text\":\"" text "\"}""#.to_owned(),
        r#"type ::= "fact" | "preference" | "emotion""#.to_owned(),
        format!(r#"text ::= {opening}[^"\\\x00-\x20] [^"\\\x00-\x1f]{{3,{}}}"#, MAX_CHARS - 8),
    ];
    let note = json!({
        "type": "object",
        "properties": {
            "type": {"type": "string", "enum": MemoryType::ALL.map(MemoryType::as_str)},
            "text": {"type": "string"},
        },
        "required": ["type", "text"],
        "additionalProperties": false,
    });
    ReplyFormat::written(grammar.join("\n"), object(&json!({"notes": {"type": "array", "items": note}})))
}

/// A text that is no sentence is left out.
pub(super) fn read_notes(answer: &str) -> Result<Vec<Extracted>, String> {
    let raw: RawNotes = serde_json::from_str(answer).map_err(|error| described(&error))?;
    let notes = raw.notes.into_iter().take(MOST_NOTES);
    Ok(notes.filter_map(|raw| Some(Extracted { text: sentence(&raw.text)?, memory_type: raw.memory_type })).collect())
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
struct RawMatter {
    note: usize,
    relation: RawRelation,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawRelation {
    Same,
    Changed,
    None,
}

/// One of `notes` numbered notes and what a new one is to it, or none.
pub(super) fn matter(notes: usize) -> ReplyFormat {
    let grammar = [
        r#"root ::= "{\"note\":" ("0,\"relation\":\"none\"" | note ",\"relation\":\"" ("same" | "changed") "\"") "}""#
            .to_owned(),
        note_rule(notes),
    ];
    let schema = object(&json!({
        "note": {"type": "integer", "enum": (0..=notes).collect::<Vec<_>>()},
        "relation": {"type": "string", "enum": ["same", "changed", "none"]},
    }));
    ReplyFormat::written(grammar.join("\n"), schema)
}

pub(super) fn read_matter(answer: &str, known: &[RecalledMemory]) -> Result<Relation, String> {
    let raw: RawMatter = serde_json::from_str(answer).map_err(|error| described(&error))?;
    if raw.note == 0 {
        return Ok(Relation::None);
    }
    let id = known.get(raw.note - 1).map(|near| near.memory.id);
    let id = id.ok_or_else(|| format!("it names the note {} of {}", raw.note, known.len()))?;
    Ok(match raw.relation {
        RawRelation::Same => Relation::Same(id),
        RawRelation::Changed => Relation::Changed(id),
        RawRelation::None => Relation::None,
    })
}

fn note_rule(notes: usize) -> String {
    let numbers: Vec<String> = (1..=notes).map(|note| format!("\"{note}\"")).collect();
    format!("note ::= {}", numbers.join(" | "))
}

fn numbered(note: usize, known: &[Memory]) -> Result<MemoryId, String> {
    let memory = note.checked_sub(1).and_then(|at| known.get(at));
    memory.map(|memory| memory.id).ok_or_else(|| format!("it names the note {note} of {}", known.len()))
}

/// All of `properties`, and no others.
fn object(properties: &serde_json::Value) -> serde_json::Value {
    let required: Vec<&String> = properties.as_object().into_iter().flat_map(|members| members.keys()).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
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
    let schema = object(&json!({
        "notes": {"type": "array", "items": {"type": "integer", "enum": (1..=notes).collect::<Vec<_>>()}},
    }));
    ReplyFormat::written(grammar.join("\n"), schema)
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

    fn known() -> Memory {
        Memory {
            id: MemoryId::generate(),
            user_id: UserId::generate(),
            session_id: None,
            text: "They live in Porto.".into(),
            memory_type: MemoryType::Fact,
            timestamp: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_judgement_is_read() {
        let memory = known();
        let notes = read_notes(r#"{"notes":[{"type":"emotion","text":"They fear  storms"}]}"#).unwrap();
        assert_eq!((notes[0].text.as_str(), notes[0].memory_type), ("They fear storms.", MemoryType::Emotion));
        assert_eq!(read_numbers(r#"{"notes":[1,1]}"#, std::slice::from_ref(&memory)).unwrap(), [memory.id]);
        let id = memory.id;
        let near = [RecalledMemory { memory, score: 0.8 }];
        assert_eq!(read_matter(r#"{"note":1,"relation":"changed"}"#, &near).unwrap(), Relation::Changed(id));
        assert_eq!(read_matter(r#"{"note":0,"relation":"none"}"#, &near).unwrap(), Relation::None);
    }

    #[test]
    fn what_breaks_the_format_is_refused_and_not_quoted() {
        for answer in ["", "[]", r#"{"notes":[{"type":"secret","text":"They owe money."}]}"#, r#"{"notes":["money"]}"#]
        {
            let refused = read_notes(answer).expect_err(answer);
            assert!(!refused.contains("money"), "{refused}");
        }
        let near = [RecalledMemory { memory: known(), score: 0.8 }];
        assert!(read_matter(r#"{"note":2,"relation":"same"}"#, &near).is_err());
        assert!(read_numbers(r#"{"notes":[0]}"#, &[known()]).is_err());
    }

    #[test]
    fn a_text_that_is_no_sentence_is_left_out() {
        let long = "They walk ".repeat(40);
        for text in ["", "...", long.as_str()] {
            let answer = json!({"notes": [{"type": "fact", "text": text}]}).to_string();
            assert!(read_notes(&answer).unwrap().is_empty());
        }
    }
}
