//! Scripted conversations, as `evals/conversations.toml` writes them.

use std::path::Path;

use jiff::Zoned;
use serde::{Deserialize, Serialize};

use crate::comparison::ComparisonError;

/// The built-in scripts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Suite {
    /// What a companion should be able to do.
    #[default]
    Companion,
    /// Danger that comes nearer, or doesn't.
    Care,
}

impl Suite {
    const fn text(self) -> &'static str {
        match self {
            Suite::Companion => include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/evals/conversations.toml")),
            Suite::Care => include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/evals/care/conversations.toml")),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// She is improved on these.
    Tune,
    /// These are only counted.
    Apart,
}

#[derive(Debug, Clone)]
pub struct Script {
    pub name: String,
    pub about: String,
    pub part: Part,
    /// The local time of the first turn.
    pub at: Zoned,
    pub turns: Vec<Turn>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Turn {
    pub say: String,
    /// The same person comes back later: a new session; the memories remain.
    pub new_session: bool,
    /// Each must come in the reply.
    pub must: Vec<String>,
    /// None may come in the reply.
    pub must_not: Vec<String>,
    pub most_sentences: Option<usize>,
    /// Each must stand in some one memory after the turn.
    pub remembered: Vec<String>,
    /// No memory may hold it after the turn.
    pub forgotten: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScripts {
    conversation: Vec<RawScript>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScript {
    name: String,
    about: String,
    part: Part,
    at: String,
    turn: Vec<Turn>,
}

/// The scripts of a file; without one, those of the suite.
///
/// # Errors
/// Where the file can't be read or is no such file; the text names the conversation that is wrong.
pub fn read(file: Option<&Path>, suite: Suite) -> Result<Vec<Script>, ComparisonError> {
    let (text, origin) = match file {
        None => (suite.text().to_owned(), "the built-in conversations".to_owned()),
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|source| ComparisonError::Unreadable { path: path.to_owned(), source })?;
            (text, path.display().to_string())
        }
    };
    let invalid = |reason: String| ComparisonError::Script { origin: origin.clone(), reason };
    let raw: RawScripts = toml::from_str(&text).map_err(|error| invalid(error.to_string()))?;
    let mut scripts: Vec<Script> = Vec::new();
    for raw in raw.conversation {
        let wrong = |reason: &str| invalid(format!("conversation `{}`: {reason}", raw.name));
        if raw.turn.is_empty() || raw.turn.iter().any(|turn| turn.say.trim().is_empty()) {
            return Err(wrong("each has turns, and each turn something to say"));
        }
        if scripts.iter().any(|other| other.name == raw.name) {
            return Err(wrong("another has the same name"));
        }
        let at = raw.at.parse().map_err(|_| wrong("give `at` as in 2026-03-04T18:20:00[Europe/Lisbon]"))?;
        scripts.push(Script { name: raw.name, about: raw.about, part: raw.part, at, turns: raw.turn });
    }
    Ok(scripts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_conversations_are_whole() {
        let scripts = read(None, Suite::Companion).unwrap();
        assert!(scripts.len() >= 20);
        assert!(scripts.iter().all(|script| (6..=12).contains(&script.turns.len())));
        for part in [Part::Tune, Part::Apart] {
            assert!(scripts.iter().filter(|script| script.part == part).count() >= 10);
        }
    }

    #[test]
    fn the_conversations_of_danger_go_both_ways() {
        let scripts = read(None, Suite::Care).unwrap();
        let noticed = |script: &&Script| script.turns.iter().any(|turn| turn.must.iter().any(|m| m.contains("112")));
        assert!(scripts.len() >= 12);
        assert!(scripts.iter().filter(noticed).count() >= 6);
        assert!(scripts.iter().filter(|script| !noticed(script)).count() >= 6);
    }

    #[test]
    fn a_broken_script_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scripts.toml");
        let script = |at: &str, turn: &str| {
            format!("[[conversation]]\nname = 'tea'\nabout = ''\npart = 'tune'\nat = '{at}'\n{turn}")
        };
        let turn = "[[conversation.turn]]\nsay = 'Hi.'";
        for (text, told) in [
            (script("yesterday", turn), "`tea`: give `at`"),
            (script("2026-03-04T18:20[UTC]", "[[conversation.turn]]\nsay = ' '"), "`tea`"),
            (script("2026-03-04T18:20[UTC]", "[[conversation.turn]]\nsays = 'Hi.'"), "says"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = read(Some(&path), Suite::default()).err().unwrap().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
