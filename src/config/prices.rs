//! What services ask for their work: turns what a turn used into money.

use serde::Deserialize;

use super::{ConfigError, vendors};
use crate::domain::metering::{Unit, Used};

#[derive(Debug, Clone)]
pub struct PricesConfig {
    /// As it is shown, such as `USD`.
    pub currency: String,
    pub items: Vec<Price>,
}

/// The price of one thing. What has none here costs nothing, as what runs in this process.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// The config's name of it, such as `groq`.
    pub backend: String,
    /// As the service names it.
    pub model: String,
    pub unit: Unit,
    /// Of a million of them.
    pub per_million: f64,
}

impl PricesConfig {
    /// In the currency.
    pub fn cost_of(&self, used: &Used) -> f64 {
        let price = self
            .items
            .iter()
            .find(|price| price.backend == used.backend && price.model == used.model && price.unit == used.unit);
        price.map_or(0.0, |price| price.per_million * used.amount / 1e6)
    }

    /// In the currency.
    pub fn total(&self, used: &[Used]) -> f64 {
        used.iter().map(|used| self.cost_of(used)).sum()
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawPrices {
    currency: String,
    items: Vec<Price>,
}

impl Default for RawPrices {
    /// As the services' pages said when this was written: <https://groq.com/pricing>, <https://elevenlabs.io/pricing/api>,
    /// <https://www.together.ai/pricing>. They change; the settings have the last word.
    fn default() -> Self {
        let price = |backend: &str, model: &str, unit, per_million| Price {
            backend: backend.into(),
            model: model.into(),
            unit,
            per_million,
        };
        Self {
            currency: "USD".into(),
            items: vec![
                price("groq", vendors::GROQ_LLM.model, Unit::PromptTokens, 0.15),
                price("groq", vendors::GROQ_LLM.model, Unit::CompletionTokens, 0.60),
                // 0.04 an hour.
                price("groq", vendors::GROQ_STT.model, Unit::AudioSeconds, 11.11),
                // 0.05 for a thousand characters.
                price("elevenlabs", vendors::ELEVENLABS_TTS.model, Unit::Characters, 50.0),
                // 0.0027 for a million pixels: a picture of 768 × 768 has 0.59.
                price("together", vendors::TOGETHER_IMAGE.model, Unit::Images, 1592.0),
            ],
        }
    }
}

impl RawPrices {
    pub(super) fn validate(self) -> Result<PricesConfig, ConfigError> {
        if let Some(wrong) = self.items.iter().find(|price| !price.per_million.is_finite() || price.per_million < 0.0) {
            return Err(ConfigError::invalid("prices.items", wrong.per_million, "give a price of 0 or more"));
        }
        Ok(PricesConfig { currency: self.currency, items: self.items })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_costs_its_price_and_what_has_none_nothing() {
        let prices = RawPrices::default().validate().expect("the defaults are valid");
        let used =
            |backend: &'static str, unit, amount| Used { backend, model: "openai/gpt-oss-120b".into(), unit, amount };
        let turn = [
            used("groq", Unit::PromptTokens, 1_000_000.0),
            used("groq", Unit::CompletionTokens, 100_000.0),
            used("local", Unit::PromptTokens, 1_000_000.0),
        ];
        assert!((prices.total(&turn) - 0.21).abs() < 1e-9);
    }
}
