//! Functions that the model may call: its own template tells it of them, a grammar holds its calls to their schemas, and
//! llama.cpp's reader of that template takes them out of the reply.

use futures::StreamExt;
use llama_cpp_2::model::{ChatTemplateResult, GrammarTrigger, GrammarTriggerType, LlamaChatTemplate, LlamaModel};
use llama_cpp_2::openai::OpenAIChatTemplateParams;
use llama_cpp_2::token::LlamaToken;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::prompt::placeholder;
use super::sampler::{Grammar, Triggers};
use super::{STRONG_FROM_PARAMETERS, invalid};
use crate::domain::message::Role;
use crate::providers::ProviderError;
use crate::providers::llm::{ChatMessage, Delta, Finish, GenerationStream, Tool, ToolCall, ToolChoice, Tools, Usage};

/// Schemas and calls beyond this are refused: a grammar is made of them.
const MOST_BYTES: usize = 64 * 1024;

/// A prompt that tells of functions, laid out by the model's template with placeholders for the messages' texts.
pub(super) struct Calling {
    laid_out: ChatTemplateResult,
}

impl Calling {
    /// # Errors
    /// `InvalidInput` where the functions or the calls can't be shown to this model.
    pub(super) fn lay_out(
        model: &LlamaModel,
        template: &LlamaChatTemplate,
        marks: &[(String, LlamaToken)],
        messages: &[ChatMessage],
        tools: Option<&Tools>,
    ) -> Result<Self, ProviderError> {
        let left = tools.map(|tools| left(tools, messages, model.n_params() >= STRONG_FROM_PARAMETERS));
        let tools = left.as_ref().filter(|tools| !tools.offered.is_empty());
        let messages: Vec<Value> = messages.iter().enumerate().map(|(at, message)| written(at, message)).collect();
        let messages = Value::from(messages).to_string();
        let offered = tools.and_then(offered).transpose()?.map(|tools| tools.to_string());
        for text in std::iter::once(&messages).chain(&offered) {
            if text.len() > MOST_BYTES {
                return Err(invalid(format!(
                    "functions and calls have {} bytes, at most {MOST_BYTES} are taken",
                    text.len()
                )));
            }
            // They stand in the template's own text, where a mark would be taken for the template's.
            if let Some((mark, _)) = marks.iter().find(|(mark, _)| text.contains(mark.as_str())) {
                return Err(invalid(format!(
                    "a function or a call holds {mark}, which is one of the model's own marks"
                )));
            }
        }
        let choice = match tools.map(|tools| &tools.choice) {
            Some(ToolChoice::Required | ToolChoice::Named(_)) => "required",
            Some(ToolChoice::Auto) => "auto",
            Some(ToolChoice::Never) | None => "none",
        };
        let laid_out = model
            .apply_chat_template_oaicompat(
                template,
                &OpenAIChatTemplateParams {
                    messages_json: &messages,
                    tools_json: offered.as_deref(),
                    tool_choice: offered.is_some().then_some(choice),
                    json_schema: None,
                    grammar: None,
                    reasoning_format: None,
                    chat_template_kwargs: None,
                    add_generation_prompt: true,
                    use_jinja: true,
                    parallel_tool_calls: tools.is_some_and(|tools| tools.parallel),
                    enable_thinking: false,
                    add_bos: false,
                    add_eos: false,
                    parse_tool_calls: offered.is_some(),
                },
            )
            .map_err(|error| invalid(format!("the functions don't fit the model's chat template: {error}")))?;
        Ok(Self { laid_out })
    }

    pub(super) fn text(&self) -> &str {
        &self.laid_out.prompt
    }

    pub(super) fn stops(&self) -> &[String] {
        &self.laid_out.additional_stops
    }

    /// What holds the calls to their schemas: from the reply's start, or from the first sign of a call on.
    pub(super) fn grammar(&self) -> Option<Grammar> {
        let text = self.laid_out.grammar.clone()?;
        let triggers = self.laid_out.grammar_lazy.then(|| triggers(&self.laid_out.grammar_triggers));
        Some(Grammar { text, triggers })
    }

    /// Control tokens that the reader of calls looks for.
    pub(super) fn shown(&self, marks: &[(String, LlamaToken)]) -> Vec<LlamaToken> {
        let preserved = |mark: &String| self.laid_out.preserved_tokens.iter().any(|kept| kept == mark);
        marks.iter().filter(|(mark, _)| preserved(mark)).map(|(_, token)| *token).collect()
    }

    /// The reply with its calls taken out of the text.
    pub(super) fn read(self, reply: GenerationStream) -> GenerationStream {
        let reading = Reading { calling: self, written: String::new(), told: 0 };
        let deltas = reply.scan(reading, |reading, item| {
            let items = match item {
                Ok(Delta::Text(text)) => reading.push(&text).into_iter().map(Ok).collect(),
                Ok(Delta::Done(usage)) => reading.finish(usage),
                other => vec![other],
            };
            futures::future::ready(Some(futures::stream::iter(items)))
        });
        Box::pin(deltas.flatten())
    }

    fn parse(&self, text: &str, partial: bool) -> Option<Message> {
        serde_json::from_str(&self.laid_out.parse_response_oaicompat(text, partial).ok()?).ok()
    }
}

/// Smaller models call a function again and again once it has answered: it is not offered to them a second time, until the
/// person speaks again.
fn left(tools: &Tools, messages: &[ChatMessage], strong: bool) -> Tools {
    let mut left = tools.clone();
    if !strong && tools.choice == ToolChoice::Auto {
        let of_person = |message: &ChatMessage| message.role == Role::User && message.answers.is_none();
        let since = messages.iter().rposition(of_person).map_or(0, |at| at + 1);
        let answered: Vec<&str> = messages[since..].iter().filter_map(|message| message.answers.as_deref()).collect();
        let called = |tool: &Tool| {
            let calls = messages[since..].iter().flat_map(|message| &message.calls);
            calls.filter(|call| answered.contains(&call.id.as_str())).any(|call| call.name == tool.name)
        };
        left.offered.retain(|tool| !called(tool));
    }
    left
}

/// `None` where the model is not to call any.
fn offered(tools: &Tools) -> Option<Result<Value, ProviderError>> {
    match &tools.choice {
        ToolChoice::Never => None,
        ToolChoice::Auto | ToolChoice::Required => Some(Ok(tools.to_json())),
        ToolChoice::Named(name) => {
            let named: Vec<_> = tools.offered.iter().filter(|tool| tool.name == *name).cloned().collect();
            if named.is_empty() {
                return Some(Err(invalid(format!("no function is named {name}"))));
            }
            Some(Ok(Tools { offered: named, ..tools.clone() }.to_json()))
        }
    }
}

fn written(at: usize, message: &ChatMessage) -> Value {
    message.to_json(if message.text.trim().is_empty() { String::new() } else { placeholder(at) })
}

/// As llama.cpp's own server puts them together.
fn triggers(of_template: &[GrammarTrigger]) -> Triggers {
    let (mut tokens, mut patterns, mut anywhere) = (Vec::new(), Vec::new(), Vec::new());
    for trigger in of_template {
        match trigger.trigger_type {
            GrammarTriggerType::Token => tokens.extend(trigger.token),
            GrammarTriggerType::Word => anywhere.push(regex::escape(&trigger.value)),
            GrammarTriggerType::Pattern => anywhere.push(trigger.value.clone()),
            GrammarTriggerType::PatternFull => {
                let inner = trigger.value.trim_start_matches('^').trim_end_matches('$');
                patterns.push(format!("^{inner}$"));
            }
        }
    }
    if !anywhere.is_empty() {
        patterns.push(format!("^[\\s\\S]*?({})[\\s\\S]*", anywhere.join("|")));
    }
    Triggers { patterns, tokens }
}

/// A reply on its way.
struct Reading {
    calling: Calling,
    written: String,
    /// Bytes of the words that were passed on.
    told: usize,
}

impl Reading {
    fn push(&mut self, text: &str) -> Option<Delta> {
        self.written.push_str(text);
        // It may become a call: what it is shows at its end.
        if self.written.trim_start().starts_with(['{', '[', '<', '`']) {
            return None;
        }
        let content = self.calling.parse(&self.written, true)?.content?;
        self.tell(&content)
    }

    fn tell(&mut self, content: &str) -> Option<Delta> {
        let more = content.get(self.told..).filter(|more| !more.is_empty())?;
        self.told = content.len();
        Some(Delta::Text(more.to_owned()))
    }

    fn finish(&mut self, mut usage: Usage) -> Vec<Result<Delta, ProviderError>> {
        let mut items = Vec::new();
        // A reply that was cut is read as far as it goes: half a call is none.
        let cut = usage.finish != Finish::Stop;
        let message = self.calling.parse(&self.written, cut).unwrap_or_default();
        items.extend(message.content.and_then(|content| self.tell(&content)).map(Ok));
        if !cut {
            for call in message.tool_calls.into_iter().flatten() {
                usage.finish = Finish::Calls;
                let id =
                    call.id.filter(|id| !id.is_empty()).unwrap_or_else(|| format!("call_{}", Uuid::new_v4().simple()));
                let Function { name, arguments } = call.function;
                items.push(Ok(Delta::Call(ToolCall { id, name, arguments })));
            }
        }
        items.push(Ok(Delta::Done(usage)));
        items
    }
}

/// What llama.cpp's reader answers.
#[derive(Default, Deserialize)]
struct Message {
    content: Option<String>,
    tool_calls: Option<Vec<Call>>,
}

#[derive(Deserialize)]
struct Call {
    id: Option<String>,
    function: Function,
}

#[derive(Deserialize)]
struct Function {
    name: String,
    arguments: String,
}

/// The grammar of a JSON Schema.
///
/// # Errors
/// `InvalidInput` where the schema says what no grammar can hold to.
pub(super) fn grammar_of_schema(schema: &Value) -> Result<String, ProviderError> {
    let text = schema.to_string();
    if text.len() > MOST_BYTES {
        return Err(invalid(format!("the schema has {} bytes, at most {MOST_BYTES} are taken", text.len())));
    }
    llama_cpp_2::json_schema_to_grammar(&text).map_err(|_| {
        invalid("the schema can't be held to: it refers to what it doesn't hold, or asks for too much".into())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_small_model_is_not_offered_what_has_answered() {
        let tool = |name: &str| Tool {
            name: name.into(),
            description: None,
            parameters: json!({"type": "object"}),
            strict: None,
        };
        let tools = Tools { offered: vec![tool("a"), tool("b")], choice: ToolChoice::Auto, parallel: true };
        let call = ToolCall { id: "1".into(), name: "a".into(), arguments: "{}".into() };
        let mut messages = vec![
            ChatMessage::new(Role::User, "a and b, please"),
            ChatMessage { calls: vec![call], ..ChatMessage::new(Role::Assistant, "") },
        ];
        let names = |messages: &[ChatMessage], strong| -> Vec<String> {
            left(&tools, messages, strong).offered.into_iter().map(|tool| tool.name).collect()
        };
        assert_eq!(names(&messages, false), ["a", "b"], "it has not answered yet");
        messages.push(ChatMessage::tool_result("1".into(), "done"));
        assert_eq!(names(&messages, false), ["b"]);
        assert_eq!(names(&messages, true), ["a", "b"]);
        messages.push(ChatMessage::new(Role::User, "once more"));
        assert_eq!(names(&messages, false), ["a", "b"]);
    }

    #[test]
    fn triggers_are_put_together_as_the_reader_expects() {
        let trigger = |trigger_type, value: &str, token| GrammarTrigger { trigger_type, value: value.into(), token };
        let triggers = triggers(&[
            trigger(GrammarTriggerType::Word, "<tool_call>", None),
            trigger(GrammarTriggerType::Pattern, "a|b", None),
            trigger(GrammarTriggerType::PatternFull, "x", None),
            trigger(GrammarTriggerType::Token, "", Some(LlamaToken(7))),
        ]);
        assert_eq!(triggers.tokens, [LlamaToken(7)]);
        assert_eq!(triggers.patterns, ["^x$", "^[\\s\\S]*?(<tool_call>|a|b)[\\s\\S]*"]);
    }
}
