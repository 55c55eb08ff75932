//! Services reached over HTTP: where they are, how long they may take, and the key that opens them.

use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;

use super::ConfigError;

/// One capability of a service that speaks the OpenAI protocol.
#[derive(Debug, Clone)]
pub struct ApiConfig {
    /// Without the closing slash, as in `https://api.groq.com/openai/v1`.
    pub base_url: String,
    /// As the service names it.
    pub model: String,
    /// From the environment alone; prints as redacted. `None` sends no key.
    pub key: Option<SecretString>,
    pub timeouts: Timeouts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    pub connect: Duration,
    /// From the request to the head of the answer.
    pub first_byte: Duration,
    /// Between two pieces of an answer.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(2), first_byte: Duration::from_secs(10), idle: Duration::from_secs(5) }
    }
}

/// What a service is called in the settings, and what holds where they are silent.
pub(super) struct ApiDefaults {
    pub(super) base_url: &'static str,
    pub(super) model: &'static str,
    pub(super) key_variable: &'static str,
    pub(super) key_needed: bool,
}

/// What the settings say; `None` where they are silent.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawApi {
    pub(super) base_url: Option<String>,
    pub(super) model: Option<String>,
    pub(super) connect_timeout_ms: Option<u64>,
    pub(super) first_byte_timeout_ms: Option<u64>,
    pub(super) idle_timeout_ms: Option<u64>,
}

impl RawApi {
    /// `used`: whether a backend list names the service; the key of one that serves nothing is not missed. A key that is goes
    /// to `missing`, so that all are told at once.
    pub(super) fn validate(
        self,
        section: &'static str,
        defaults: &ApiDefaults,
        used: bool,
        missing: &mut Vec<ConfigError>,
    ) -> Result<ApiConfig, ConfigError> {
        let base_url = self.base_url.unwrap_or_else(|| defaults.base_url.to_owned());
        if !base_url.starts_with("http://") && !base_url.starts_with("https://") {
            return Err(ConfigError::invalid(
                section,
                base_url,
                "give a base_url that begins with https:// or http://",
            ));
        }
        let key = std::env::var(defaults.key_variable).ok().filter(|key| !key.trim().is_empty());
        if used && defaults.key_needed && key.is_none() {
            missing.push(ConfigError::MissingKey { section, variable: defaults.key_variable });
        }
        let fallback = Timeouts::default();
        let timeout = |given: Option<u64>, default: Duration| match given {
            Some(0) => Err(ConfigError::invalid(section, "a timeout of 0", "give at least 1 ms")),
            given => Ok(given.map_or(default, Duration::from_millis)),
        };
        Ok(ApiConfig {
            base_url: base_url.trim_end_matches('/').to_owned(),
            model: self.model.unwrap_or_else(|| defaults.model.to_owned()),
            key: key.map(|key| SecretString::from(key.trim())),
            timeouts: Timeouts {
                connect: timeout(self.connect_timeout_ms, fallback.connect)?,
                first_byte: timeout(self.first_byte_timeout_ms, fallback.first_byte)?,
                idle: timeout(self.idle_timeout_ms, fallback.idle)?,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    const DEFAULTS: ApiDefaults = ApiDefaults {
        base_url: "https://service.example/v1/",
        model: "small",
        key_variable: "A_VARIABLE_THAT_NOBODY_SETS",
        key_needed: true,
    };

    #[test]
    fn a_missing_key_is_named_where_it_is_needed() {
        let mut missing = Vec::new();
        let config = RawApi::default().validate("llm.groq", &DEFAULTS, true, &mut missing).expect("the rest is right");
        assert!(config.key.is_none());
        let named = missing.pop().expect("it is missing").to_string();
        assert!(named.contains("A_VARIABLE_THAT_NOBODY_SETS") && named.contains("llm.groq"), "{named}");
        let config = RawApi::default().validate("llm.groq", &DEFAULTS, false, &mut missing).expect("nothing uses it");
        assert!(missing.is_empty());
        assert_eq!(config.base_url, "https://service.example/v1");
        assert_eq!(config.timeouts, Timeouts::default());
    }

    #[test]
    fn a_key_prints_as_redacted() {
        let config = RawApi::default().validate("llm.groq", &DEFAULTS, false, &mut Vec::new());
        let mut config = config.expect("nothing uses it");
        config.key = Some(SecretString::from("gsk_very_secret"));
        assert!(!format!("{config:?}").contains("very_secret"));
        assert_eq!(config.key.expect("it was set").expose_secret(), "gsk_very_secret");
    }

    #[test]
    fn what_is_no_address_or_no_time_is_refused() {
        let raw = RawApi { base_url: Some("api.groq.com".into()), ..RawApi::default() };
        assert!(raw.validate("llm.groq", &DEFAULTS, false, &mut Vec::new()).is_err());
        let raw = RawApi { idle_timeout_ms: Some(0), ..RawApi::default() };
        assert!(raw.validate("llm.groq", &DEFAULTS, false, &mut Vec::new()).is_err());
    }
}
