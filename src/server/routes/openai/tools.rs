//! Functions that the client offers to the model, and the calls that it gets: `tools`, `tool_choice`, `tool_calls`.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::format::{check_name, check_schema};
use super::refuse;
use crate::providers::llm::{Tool, ToolCall, ToolChoice, Tools};
use crate::server::error::ApiError;
use crate::server::functions::{self, MOST_TOOLS};

#[derive(Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum OpenAiTool {
    Function { function: OpenAiFunction },
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenAiFunction {
    /// Letters, digits, `_` and `-`, at most 64.
    name: String,
    #[serde(default)]
    description: Option<String>,
    /// JSON Schema of an object. Left out: no parameters.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    parameters: Option<Value>,
    #[serde(default)]
    strict: Option<bool>,
}

#[derive(Deserialize, ToSchema)]
#[serde(untagged, expecting = "`tool_choice` is `auto`, `none`, `required`, or names a function")]
pub(crate) enum OpenAiToolChoice {
    Mode(ToolMode),
    Named(NamedTool),
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ToolMode {
    Auto,
    None,
    Required,
}

#[derive(Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum NamedTool {
    Function { function: FunctionName },
}

#[derive(Deserialize, ToSchema)]
pub(crate) struct FunctionName {
    name: String,
}

/// A call, of the model's to the client or of a history.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct OpenAiToolCall {
    /// In a stream only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
    pub(super) id: String,
    /// `function`.
    r#type: CallType,
    pub(super) function: CalledFunction,
}

#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CallType {
    Function,
}

#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct CalledFunction {
    pub(super) name: String,
    /// JSON, as the model wrote it.
    pub(super) arguments: String,
}

impl OpenAiToolCall {
    pub(super) fn new(call: ToolCall, index: Option<usize>) -> Self {
        let ToolCall { id, name, arguments } = call;
        Self { index, id, r#type: CallType::Function, function: CalledFunction { name, arguments } }
    }
}

/// # Errors
/// Where a function can't be offered, or the choice names none of them.
pub(super) fn read(
    tools: Option<Vec<OpenAiTool>>,
    choice: Option<OpenAiToolChoice>,
    parallel: Option<bool>,
) -> Result<Option<Tools>, ApiError> {
    let mut offered: Vec<Tool> = Vec::new();
    for (at, OpenAiTool::Function { function }) in tools.into_iter().flatten().enumerate() {
        let at = format!("tools[{at}].function");
        if offered.len() == MOST_TOOLS {
            return Err(refuse("tools", format!("`tools` has at most {MOST_TOOLS} functions.")));
        }
        let OpenAiFunction { name, description, parameters, strict } = function;
        check_name(format!("{at}.name"), &name)?;
        if offered.iter().any(|tool| tool.name == name) {
            return Err(refuse(format!("{at}.name"), format!("Two functions are named `{name}`.")));
        }
        let parameters = parameters.unwrap_or_else(functions::no_parameters);
        check_schema(format!("{at}.parameters"), &parameters)?;
        offered.push(Tool { name, description, parameters, strict });
    }
    let choice = match choice {
        None | Some(OpenAiToolChoice::Mode(ToolMode::Auto)) => ToolChoice::Auto,
        Some(OpenAiToolChoice::Mode(ToolMode::None)) => ToolChoice::Never,
        Some(OpenAiToolChoice::Mode(ToolMode::Required)) => ToolChoice::Required,
        Some(OpenAiToolChoice::Named(NamedTool::Function { function })) => ToolChoice::Named(function.name),
    };
    functions::offer(offered, choice, parallel.unwrap_or(true)).map_err(|why| refuse("tool_choice", why))
}
