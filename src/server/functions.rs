//! What holds for functions that a client offers to the model, in whichever shape its protocol has them.

use serde_json::{Value, json};

use crate::providers::llm::{Tool, ToolChoice, Tools};

pub(super) const MOST_TOOLS: usize = 128;

const MOST_NAME_CHARS: usize = 64;

/// The protocol's names, of functions and of schemas.
pub(super) fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !name.is_empty() && name.len() <= MOST_NAME_CHARS && name.chars().all(allowed)
}

pub(super) fn what_a_name_is() -> String {
    format!("A name is 1 to {MOST_NAME_CHARS} letters, digits, `_` and `-`.")
}

/// The schema of a function without parameters.
pub(super) fn no_parameters() -> Value {
    json!({"type": "object", "properties": {}})
}

/// `None` where nothing is offered.
///
/// # Errors
/// The sentence that says why the choice can't be made.
pub(super) fn offer(offered: Vec<Tool>, choice: ToolChoice, parallel: bool) -> Result<Option<Tools>, String> {
    match &choice {
        ToolChoice::Required if offered.is_empty() => {
            Err("`tool_choice` asks for a call, and `tools` offers no function.".into())
        }
        ToolChoice::Named(name) if offered.iter().all(|tool| tool.name != *name) => {
            Err(format!("`tool_choice` names `{name}`, which `tools` doesn't offer."))
        }
        _ => Ok((!offered.is_empty()).then_some(Tools { offered, choice, parallel })),
    }
}
