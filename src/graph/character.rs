//! Who Rose is: texts and patterns, built in from the folder `character/`, each of which a file of the owner's may
//! take the place of.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::claims::{Claims, ClaimsError};
use super::danger::{DangerError, DangerPatterns};
use crate::domain::message::Role;
use crate::providers::llm::ChatMessage;

pub struct Character {
    /// Who she is and how she speaks.
    pub persona: String,
    /// Exchanges that show it, the person's and Rose's words in turn.
    pub examples: Vec<ChatMessage>,
    /// How a conversation is summed up.
    pub summarize: String,
    pub lines: Lines,
    pub danger: DangerPatterns,
    pub claims: Claims,
}

/// Prepared words.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lines {
    pub no_image: Vec<String>,
    pub image: Vec<String>,
    pub image_failed: Vec<String>,
    pub listening: Vec<String>,
    pub busy: Vec<String>,
    pub failed: Vec<String>,
    pub broke_off: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum CharacterError {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{file} is empty")]
    Empty { file: &'static str },
    #[error("{file}: a line of the examples begins with neither `Person:` nor `Rose:`, or they don't take turns")]
    Examples { file: &'static str },
    #[error("lines.toml: {0}")]
    Lines(#[from] toml::de::Error),
    #[error("lines.toml: `{0}` is empty")]
    NoLine(&'static str),
    #[error("danger.toml: {0}")]
    Danger(#[from] DangerError),
    #[error("claims.toml: {0}")]
    Claims(#[from] ClaimsError),
}

/// The name of a file of the character, and what is built in.
macro_rules! built_in {
    ($name:literal) => {
        ($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/character/", $name)))
    };
}

impl Character {
    /// The built-in character, with the files that stand in `folder` in its files' places.
    ///
    /// # Errors
    /// Where a file can't be read or used; the text names it.
    pub fn load(folder: Option<&Path>) -> Result<Self, CharacterError> {
        let (persona, examples) = split_examples(&text(folder, built_in!("persona.txt"))?)?;
        let lines: Lines = toml::from_str(&text(folder, built_in!("lines.toml"))?)?;
        for (name, of) in [
            ("no_image", &lines.no_image),
            ("image", &lines.image),
            ("image_failed", &lines.image_failed),
            ("listening", &lines.listening),
            ("busy", &lines.busy),
            ("failed", &lines.failed),
            ("broke_off", &lines.broke_off),
        ] {
            if of.iter().all(|line| line.trim().is_empty()) {
                return Err(CharacterError::NoLine(name));
            }
        }
        Ok(Self {
            persona,
            examples,
            summarize: text(folder, built_in!("summarize.txt"))?.trim().to_owned(),
            lines,
            danger: DangerPatterns::parse(&text(folder, built_in!("danger.toml"))?)?,
            claims: Claims::parse(&text(folder, built_in!("claims.toml"))?)?,
        })
    }
}

impl Lines {
    /// The first of `lines` that is not among the words just `said`, or else the first.
    pub fn fresh<'a>(lines: &'a [String], said: &[&str]) -> &'a str {
        let fresh = lines.iter().find(|line| !said.contains(&line.as_str()));
        fresh.or_else(|| lines.first()).map_or("", String::as_str)
    }
}

fn text(folder: Option<&Path>, (file, built_in): (&'static str, &str)) -> Result<String, CharacterError> {
    let text = match folder.map(|folder| folder.join(file)) {
        None => built_in.to_owned(),
        Some(path) => match std::fs::read_to_string(&path) {
            Ok(own) => own,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => built_in.to_owned(),
            Err(source) => return Err(CharacterError::Read { path, source }),
        },
    };
    if text.trim().is_empty() {
        return Err(CharacterError::Empty { file });
    }
    Ok(text)
}

/// The persona ends where the first line begins with `Person:`.
fn split_examples(text: &str) -> Result<(String, Vec<ChatMessage>), CharacterError> {
    const FILE: &str = "persona.txt";
    let mut lines = text.lines().peekable();
    let mut persona = Vec::new();
    while let Some(line) = lines.next_if(|line| !line.starts_with("Person:")) {
        persona.push(line);
    }
    let persona = persona.join("\n").trim().to_owned();
    if persona.is_empty() {
        return Err(CharacterError::Empty { file: FILE });
    }
    let mut examples: Vec<ChatMessage> = Vec::new();
    for line in lines.filter(|line| !line.trim().is_empty()) {
        let (role, said) = match (line.strip_prefix("Person:"), line.strip_prefix("Rose:")) {
            (Some(said), _) => (Role::User, said),
            (_, Some(said)) => (Role::Assistant, said),
            _ => return Err(CharacterError::Examples { file: FILE }),
        };
        let expected = if examples.len().is_multiple_of(2) { Role::User } else { Role::Assistant };
        if role != expected || said.trim().is_empty() {
            return Err(CharacterError::Examples { file: FILE });
        }
        examples.push(ChatMessage::new(role, said.trim()));
    }
    if !examples.len().is_multiple_of(2) {
        return Err(CharacterError::Examples { file: FILE });
    }
    Ok((persona, examples))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_character_is_whole() {
        let character = Character::load(None).unwrap();
        assert!(character.persona.contains("Rose"));
        assert!((4..=8).contains(&character.examples.len()));
    }

    #[test]
    fn a_file_of_ones_own_takes_the_place_of_the_built_in() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("persona.txt"), "You are Basil.\n\nPerson: Hi\nRose: Hello.\n").unwrap();
        let character = Character::load(Some(folder.path())).unwrap();
        assert_eq!(character.persona, "You are Basil.");
        assert_eq!(character.examples[1].text, "Hello.");
        assert!(character.summarize.len() > 20, "the other files are the built-in ones");
    }

    #[test]
    fn a_broken_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        for (file, wrong, told) in [
            ("persona.txt", "You are Basil.\nPerson: Hi\n", "persona.txt"),
            ("persona.txt", "  ", "persona.txt is empty"),
            ("lines.toml", "busy = 1", "lines.toml"),
            ("danger.toml", "fillers = []\nidioms = ['(']\nkind = []", "danger.toml"),
            (
                "claims.toml",
                "asking = 'x'\nrecalling = []\nnever = ['(']\nsupported = []\nacquainted = []",
                "claims.toml",
            ),
        ] {
            let path = folder.path().join(file);
            std::fs::write(&path, wrong).unwrap();
            let error = Character::load(Some(folder.path())).err().unwrap().to_string();
            assert!(error.contains(told), "{error}");
            std::fs::remove_file(path).unwrap();
        }
    }
}
