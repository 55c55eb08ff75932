//! What is watched for, and for whom.

use serde::Deserialize;

use super::ConfigError;

#[derive(Debug, Clone)]
pub struct CareConfig {
    /// Whether the local model's state is probed, where there are weights for the model.
    pub probe: bool,
    /// Whether a service's model judges what is said, where one serves.
    pub judge: bool,
    /// ISO 3166-1 alpha-2, in upper case: whose numbers are named where nobody knows where a person is.
    pub country: Option<String>,
    /// Everyone who talks here may be under 18.
    pub minors: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawCare {
    probe: bool,
    judge: bool,
    country: Option<String>,
    minors: bool,
}

impl Default for RawCare {
    fn default() -> Self {
        Self { probe: true, judge: true, country: None, minors: false }
    }
}

impl RawCare {
    pub(super) fn validate(self) -> Result<CareConfig, ConfigError> {
        if let Some(country) = &self.country
            && (country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_alphabetic()))
        {
            let expected = "give a country's two letters, such as GB";
            return Err(ConfigError::invalid("care.country", country.escape_default(), expected));
        }
        let country = self.country.map(|country| country.to_ascii_uppercase());
        Ok(CareConfig { probe: self.probe, judge: self.judge, country, minors: self.minors })
    }
}
