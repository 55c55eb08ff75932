//! The settings that tests with real models start from.

use rose::config::{Config, Overrides};

/// Those of this machine, with the `tiny` models.
pub fn tiny() -> Config {
    tiny_with(Overrides::default())
}

pub fn tiny_with(overrides: Overrides) -> Config {
    of_set("tiny", overrides)
}

/// With the models of a set.
pub fn of_set(set: &str, overrides: Overrides) -> Config {
    let overrides = Overrides { model_set: Some(set.into()), ..overrides };
    Config::load(&overrides).expect("the settings are valid")
}

/// The default set's language model.
#[cfg(feature = "llm-llama")]
pub fn small_llm() -> std::sync::Arc<dyn rose::providers::llm::LanguageModel> {
    let config = of_set("small", Overrides::default());
    let models = rose::weights::ModelStore::open(&config.models).expect("a models folder");
    rose::providers::llm::build(&config.llm, &models).expect("run `rose models pull small`")
}
