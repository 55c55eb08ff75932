//! Functions that a client offers: `tools` and `tool_choice`, in the protocol's flat shape.

use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::Problem;
use crate::providers::llm::{Tool, ToolChoice, Tools};
use crate::server::functions::{self, MOST_TOOLS};

/// With persona, memories and history they must fit the context of a small model.
const MOST_BYTES: usize = 64 * 1024;

#[derive(Deserialize)]
struct Offered {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    parameters: Option<Value>,
}

/// The functions that are offered from now on; `None` leaves a part as it was.
///
/// # Errors
/// Where a tool is no function, or the choice names none of them.
pub(super) fn updated(
    before: Option<&Tools>,
    tools: Option<Vec<Value>>,
    choice: Option<Value>,
    parallel: Option<bool>,
) -> Result<Option<Tools>, Problem> {
    let offered = match tools {
        None => before.map(|tools| tools.offered.clone()).unwrap_or_default(),
        Some(tools) => read(tools)?,
    };
    let choice = match choice {
        None => before.map_or(ToolChoice::Auto, |tools| tools.choice.clone()),
        Some(choice) => read_choice(&choice)?,
    };
    let parallel = parallel.or(before.map(|tools| tools.parallel)).unwrap_or(true);
    functions::offer(offered, choice, parallel).map_err(|why| Problem::value("tool_choice", why))
}

fn read(tools: Vec<Value>) -> Result<Vec<Tool>, Problem> {
    let wrong = |message: String| Problem::value("tools", message);
    if tools.len() > MOST_TOOLS {
        return Err(wrong(format!("At most {MOST_TOOLS} functions are taken.")));
    }
    let mut offered: Vec<Tool> = Vec::with_capacity(tools.len());
    let mut bytes = 0;
    for tool in tools {
        bytes += tool.to_string().len();
        let tool: Offered = serde_json::from_value(tool)
            .map_err(|_| wrong("A tool is an object with type, name, description and parameters.".into()))?;
        if tool.kind != "function" {
            return Err(wrong("The tools that are taken here are of the type function.".into()));
        }
        if !functions::is_name(&tool.name) {
            return Err(wrong(functions::what_a_name_is()));
        }
        if offered.iter().any(|other| other.name == tool.name) {
            return Err(wrong(format!("Two functions are named {}.", tool.name)));
        }
        let parameters = tool.parameters.unwrap_or_else(functions::no_parameters);
        if !parameters.is_object() {
            return Err(wrong("A function's parameters are a JSON Schema, which is an object.".into()));
        }
        offered.push(Tool { name: tool.name, description: tool.description, parameters, strict: None });
    }
    if bytes > MOST_BYTES {
        return Err(wrong(format!("The functions have {bytes} bytes, at most {MOST_BYTES} are taken.")));
    }
    Ok(offered)
}

fn read_choice(choice: &Value) -> Result<ToolChoice, Problem> {
    // Flat in the protocol; some clients send it as chat completions have it.
    let name = choice["name"].as_str().or_else(|| choice["function"]["name"].as_str());
    match (choice.as_str(), name) {
        (Some("auto"), _) => Ok(ToolChoice::Auto),
        (Some("none"), _) => Ok(ToolChoice::Never),
        (Some("required"), _) => Ok(ToolChoice::Required),
        (None, Some(name)) if choice["type"] == "function" => Ok(ToolChoice::Named(name.to_owned())),
        _ => Err(Problem::value("tool_choice", "Give auto, none, required, or a function by its name.")),
    }
}

/// `tools` and `tool_choice` of the protocol's session.
pub(super) fn to_json(tools: Option<&Tools>) -> (Value, Value) {
    let Some(Tools { offered, choice, .. }) = tools else { return (json!([]), "auto".into()) };
    let offered = offered.iter().map(|tool| {
        json!({
            "type": "function", "name": tool.name, "description": tool.description.as_deref().unwrap_or(""),
            "parameters": tool.parameters,
        })
    });
    let choice = match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::Never => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Named(name) => json!({"type": "function", "name": name}),
    };
    (offered.collect(), choice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(name: &str) -> Value {
        json!({"type": "function", "name": name, "parameters": {"type": "object"}})
    }

    #[test]
    fn what_is_left_out_stays() {
        let first = updated(None, Some(vec![tool("weather")]), None, None).unwrap();
        let second = updated(first.as_ref(), None, Some(json!("required")), Some(false)).unwrap().unwrap();
        assert_eq!((second.offered.len(), second.parallel), (1, false));
        assert_eq!(second.choice, ToolChoice::Required);
        let named = json!({"type": "function", "name": "weather"});
        let third = updated(Some(&second), None, Some(named.clone()), None).unwrap();
        assert_eq!(to_json(third.as_ref()).1, named);
        assert_eq!(updated(Some(&second), Some(Vec::new()), Some(json!("auto")), None).unwrap(), None);
    }

    #[test]
    fn what_is_no_function_is_refused() {
        for tools in [
            vec![json!({"type": "mcp", "server_label": "x"})],
            vec![json!({"type": "function"})],
            vec![json!("weather")],
            vec![tool("two words")],
            vec![tool("a"), tool("a")],
            vec![json!({"type": "function", "name": "a", "parameters": 7})],
            vec![json!({"type": "function", "name": "a", "description": "x".repeat(MOST_BYTES)})],
        ] {
            assert!(updated(None, Some(tools), None, None).is_err());
        }
        for choice in [json!("always"), json!({"type": "function", "name": "b"}), json!(7)] {
            assert!(updated(None, Some(vec![tool("a")]), Some(choice), None).is_err());
        }
        assert!(updated(None, None, Some(json!("required")), None).is_err());
    }
}
