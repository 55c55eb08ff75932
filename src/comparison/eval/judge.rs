//! A model's opinion of a conversation, by a fixed rubric. Beside the checks, never in their place.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::play::Played;
use crate::comparison::ComparisonError;
use crate::domain::message::Role;
use crate::providers::llm::{ChatMessage, GenerationRequest, LanguageModel, ReplyFormat, Sampling, collect};

const RUBRIC: &str = "\
You judge a voice companion. Read the conversation and give each of these a whole number from 1 (bad) to 5 (good), as JSON. \
warmth: she hears what the person feels and answers kindly. relevance: each reply takes up what was just said. truth: she \
invents nothing about the person or herself, and says what she is when asked. memory: she uses what she was told earlier, \
rightly. speech: short, plain sentences that sound natural aloud.";

/// Each from 1 to 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scores {
    pub warmth: u8,
    pub relevance: u8,
    pub truth: u8,
    pub memory: u8,
    pub speech: u8,
}

impl Scores {
    pub const NAMES: [&'static str; 5] = ["warmth", "relevance", "truth", "memory", "speech"];

    pub fn all(self) -> [u8; 5] {
        [self.warmth, self.relevance, self.truth, self.memory, self.speech]
    }
}

pub struct ConversationJudge {
    llm: Arc<dyn LanguageModel>,
}

impl ConversationJudge {
    pub fn new(llm: Arc<dyn LanguageModel>) -> Self {
        Self { llm }
    }

    /// # Errors
    /// Where the model fails, or answers otherwise than asked.
    pub async fn judge(&self, played: &Played) -> Result<Scores, ComparisonError> {
        let failed = |what: String| ComparisonError::Judge { script: played.name.clone(), what };
        let lines = played.turns.iter().map(|turn| format!("Person: {}\nCompanion: {}\n", turn.said, turn.reply));
        let request = GenerationRequest {
            messages: vec![
                ChatMessage::new(Role::System, RUBRIC),
                ChatMessage::new(Role::User, lines.collect::<String>()),
            ],
            session: None,
            prefix: None,
            max_tokens: 64,
            sampling: Sampling { temperature: 0.0, repeat_penalty: 1.0, ..Sampling::default() },
            format: Some(format()),
            tools: None,
            plain: false,
            stop: Vec::new(),
            cancel: CancellationToken::new(),
        };
        let stream = self.llm.stream(request).await.map_err(|error| failed(error.to_string()))?;
        let answer = collect(self.llm.describe().backend, stream).await.map_err(|error| failed(error.to_string()))?;
        let scores: Scores = serde_json::from_str(&answer.text).map_err(|error| failed(error.to_string()))?;
        if scores.all().iter().all(|score| (1..=5).contains(score)) {
            Ok(scores)
        } else {
            Err(failed("a score is not from 1 to 5".into()))
        }
    }
}

fn format() -> ReplyFormat {
    let members: Vec<String> = Scores::NAMES.iter().map(|name| format!(r#"\"{name}\":" [1-5] ""#)).collect();
    let grammar = format!(r#"root ::= "{{{}}}""#, members.join(","));
    let score = json!({"type": "integer", "enum": [1, 2, 3, 4, 5]});
    let properties: serde_json::Map<_, _> =
        Scores::NAMES.iter().map(|name| ((*name).to_owned(), score.clone())).collect();
    let schema = json!({
        "type": "object",
        "properties": properties,
        "required": Scores::NAMES,
        "additionalProperties": false,
    });
    ReplyFormat::written(grammar, schema)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::llm::SchemaFormat;

    #[test]
    fn the_grammar_names_every_score() {
        let ReplyFormat::Schema(SchemaFormat { grammar: Some(grammar), .. }) = format() else { panic!("by a grammar") };
        assert!(grammar.starts_with(r#"root ::= "{\"warmth\":" [1-5] ",\"relevance\":" [1-5] ","#), "{grammar}");
        assert!(grammar.ends_with(r#"\"speech\":" [1-5] "}""#), "{grammar}");
    }
}
