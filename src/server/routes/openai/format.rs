//! What a reply must look like: `response_format`.

use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::refuse;
use crate::providers::llm::{ReplyFormat, SchemaFormat};
use crate::server::error::ApiError;
use crate::server::functions;

/// Longer schemas are refused.
const MOST_SCHEMA_BYTES: usize = 64 * 1024;

#[derive(Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum OpenAiResponseFormat {
    Text,
    /// Any JSON object.
    JsonObject,
    /// <https://platform.openai.com/docs/guides/structured-outputs>
    JsonSchema {
        json_schema: OpenAiJsonSchema,
    },
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenAiJsonSchema {
    /// Letters, digits, `_` and `-`, at most 64.
    name: String,
    /// For the model; what holds the reply is `schema`.
    #[serde(default)]
    #[expect(dead_code, reason = "the reply is held to the schema, which the model need not be told")]
    description: Option<String>,
    /// JSON Schema. Left out: any object.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    schema: Option<Value>,
    /// Whether a service must keep to it to the letter; the local engine always does.
    #[serde(default)]
    strict: Option<bool>,
}

impl OpenAiResponseFormat {
    pub(super) fn is_structured(&self) -> bool {
        !matches!(self, Self::Text)
    }

    pub(super) fn read(self) -> Result<Option<ReplyFormat>, ApiError> {
        let OpenAiJsonSchema { name, schema, strict, .. } = match self {
            Self::Text => return Ok(None),
            Self::JsonObject => return Ok(Some(ReplyFormat::Object)),
            Self::JsonSchema { json_schema } => json_schema,
        };
        check_name("response_format.json_schema.name", &name)?;
        let Some(schema) = schema else { return Ok(Some(ReplyFormat::Object)) };
        check_schema("response_format.json_schema.schema", &schema)?;
        let strict = strict.unwrap_or(false);
        Ok(Some(ReplyFormat::Schema(SchemaFormat { name, schema, strict, grammar: None })))
    }
}

/// # Errors
/// Where it is no name that the protocol takes.
pub(super) fn check_name(param: impl Into<String>, name: &str) -> Result<(), ApiError> {
    if functions::is_name(name) {
        return Ok(());
    }
    Err(refuse(param.into(), functions::what_a_name_is()))
}

/// # Errors
/// Where it is no schema of an object, or too long.
pub(super) fn check_schema(param: impl Into<String>, schema: &Value) -> Result<(), ApiError> {
    let param = param.into();
    if !schema.is_object() {
        return Err(refuse(param, "A JSON Schema is an object."));
    }
    if schema.to_string().len() > MOST_SCHEMA_BYTES {
        return Err(refuse(param, format!("A JSON Schema has at most {MOST_SCHEMA_BYTES} bytes.")));
    }
    Ok(())
}
