//! A JSON body of the protocol: what is absent and what is `null` are the same, and nothing in it is ignored: a field that
//! is not taken is refused by its name, in `param`.

use std::borrow::Cow;

use axum::Json;
use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::refuse;
use crate::server::error::{ApiError, ErrorCode, shown};

/// What a request of the protocol is made of. Fields that are in none of these are unknown.
pub(crate) trait ProtocolRequest: DeserializeOwned {
    /// Fields of the protocol that nothing here can do: they are taken only where they ask for nothing.
    const NOT_DONE: &'static [NotDone] = &[];
    /// Fields whose value changes no answer, such as names for the client's own books.
    const WITHOUT_EFFECT: &'static [&'static str] = &[];
}

pub(crate) struct NotDone {
    pub(super) field: &'static str,
    /// Whether the value asks for nothing.
    pub(super) asks_nothing: fn(&Value) -> bool,
    /// What would be right: the end of a sentence.
    pub(super) instead: &'static str,
}

/// The body of a request of the protocol.
pub(crate) struct ProtocolBody<T>(pub(crate) T);

impl<T: ProtocolRequest, S: Send + Sync> FromRequest<S> for ProtocolBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let Json(body) = Json::<Value>::from_request(request, state).await?;
        let Value::Object(fields) = body else {
            return Err(ApiError::new(ErrorCode::InvalidRequest, "The body is a JSON object."));
        };
        read(fields).map(Self)
    }
}

fn read<T: ProtocolRequest>(mut fields: Map<String, Value>) -> Result<T, ApiError> {
    fields.retain(|name, value| !value.is_null() && !T::WITHOUT_EFFECT.contains(&name.as_str()));
    for NotDone { field, asks_nothing, instead } in T::NOT_DONE {
        if fields.remove(*field).is_some_and(|value| !asks_nothing(&value)) {
            return Err(refuse(*field, format!("`{field}` is not taken here: {instead}.")));
        }
    }
    serde_path_to_error::deserialize(Value::Object(fields)).map_err(|error| {
        let why = error.inner().to_string();
        // serde says in these words which field it means; its path leads to the object around it.
        let named = why.strip_prefix("unknown field `").or_else(|| why.strip_prefix("missing field `"));
        let named = named.and_then(|rest| rest.split('`').next());
        let path = error.path().to_string();
        let mut steps: Vec<&str> = path.split('.').filter(|step| !matches!(*step, "" | "?")).collect();
        if let Some(field) = named.filter(|field| steps.last() != Some(field)) {
            steps.push(field);
        }
        let param = steps.join(".");
        let message = match why.starts_with("unknown field") {
            true => format!("`{param}` is no field that is taken here."),
            false => format!("The body does not have the right shape at `{param}`: {}.", shown(&why)),
        };
        refuse(param, message)
    })
}

/// A whole number, also where it is written as one with a fraction of nothing, as some clients do.
pub(super) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a whole number")]
    enum Number {
        Whole(i64),
        Fraction(f64),
    }
    // Up to here every whole number has a float of its own.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match Option::deserialize(deserializer)? {
        None => Ok(None),
        Some(Number::Whole(number)) => Ok(Some(number)),
        Some(Number::Fraction(number)) if number.fract() == 0.0 && number.abs() <= EXACT => Ok(Some(number as i64)),
        Some(Number::Fraction(_)) => Err(serde::de::Error::custom("it is no whole number")),
    }
}

pub(super) fn is_false(value: &Value) -> bool {
    value == false
}

pub(super) fn is_zero(value: &Value) -> bool {
    value.as_f64() == Some(0.0)
}

pub(super) fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty) || value.as_array().is_some_and(Vec::is_empty)
}

pub(super) fn never(_: &Value) -> bool {
    false
}

/// A number within `least..=most`.
///
/// # Errors
/// `InvalidRequest`, which names the field and the range.
pub(super) fn within<N: PartialOrd + std::fmt::Display + Copy>(
    field: impl Into<Cow<'static, str>>,
    value: N,
    least: N,
    most: N,
) -> Result<N, ApiError> {
    if value >= least && value <= most {
        return Ok(value);
    }
    let field = field.into();
    Err(refuse(field.clone(), format!("`{field}` is {least} to {most}.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        #[serde(default, deserialize_with = "whole")]
        count: Option<i64>,
        inner: Inner,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        name: String,
    }

    impl ProtocolRequest for Asked {
        const NOT_DONE: &'static [NotDone] =
            &[NotDone { field: "logprobs", asks_nothing: is_false, instead: "leave it out" }];
        const WITHOUT_EFFECT: &'static [&'static str] = &["metadata"];
    }

    fn asked(text: &str) -> Result<Asked, ApiError> {
        read(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn absent_null_and_nothing_are_one() {
        for text in [
            r#"{"inner":{"name":"a"}}"#,
            r#"{"inner":{"name":"a"},"count":null,"logprobs":null}"#,
            r#"{"inner":{"name":"a"},"logprobs":false,"metadata":{"a":1}}"#,
        ] {
            let asked = asked(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((asked.count, asked.inner.name.as_str()), (None, "a"));
        }
        assert_eq!(asked(r#"{"inner":{"name":"a"},"count":100.0}"#).unwrap().count, Some(100));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, param) in [
            (r#"{"inner":{"name":"a"},"logprobs":true}"#, "logprobs"),
            (r#"{"inner":{"name":"a"},"extra":1}"#, "extra"),
            (r#"{"inner":{"name":7}}"#, "inner.name"),
            (r#"{"inner":{"name":"a","other":7}}"#, "inner.other"),
            (r#"{"inner":{}}"#, "inner.name"),
            (r#"{"inner":{"name":"a"},"count":1.5}"#, "count"),
            (r#"{"inner":{"name":"a"},"count":"two"}"#, "count"),
            (r#"{"inner":null}"#, "inner"),
        ] {
            let error = asked(text).expect_err(text);
            assert_eq!(error.param.as_deref(), Some(param), "{text}: {error}");
        }
    }
}
