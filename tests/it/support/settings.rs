//! The settings that tests with real models start from.

use rose::config::{Config, Overrides};

/// Those of this machine, with the `tiny` models.
pub fn tiny() -> Config {
    tiny_with(Overrides::default())
}

pub fn tiny_with(overrides: Overrides) -> Config {
    let overrides = Overrides { model_set: Some("tiny".into()), ..overrides };
    Config::load(&overrides).expect("the settings are valid")
}
