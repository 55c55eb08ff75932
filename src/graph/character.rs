//! Who speaks: texts and patterns, built in from the folder `character/rose/en`, each of which a file of the owner's may
//! take the place of.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::disclosure::{Disclosure, DisclosureError};
use super::guardrail::{Claims, ClaimsError, Guardrail, Guidance, GuidanceError};
use crate::care::{Answers, AnswersError, DangerPatterns, Helplines, HelplinesError, PatternsError};
use crate::domain::message::Role;
use crate::providers::llm::{Ability, ChatMessage};

pub struct Character {
    pub name: String,
    /// Who she is and how she speaks.
    pub persona: String,
    /// Exchanges that show it, the person's and the character's words in turn. None for a model that follows rules.
    pub examples: Vec<ChatMessage>,
    /// How a conversation is summed up.
    pub summarize: String,
    pub lines: Lines,
    pub danger: DangerPatterns,
    pub answers: Answers,
    pub helplines: Helplines,
    pub disclosure: Disclosure,
    pub guardrail: Guardrail,
}

/// Prepared words.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lines {
    pub no_image: Vec<String>,
    pub image: Vec<String>,
    pub image_failed: Vec<String>,
    /// `{what}` is what was forgotten, told to the person's face.
    pub forgotten: Vec<String>,
    pub forgotten_all: Vec<String>,
    pub nothing_to_forget: Vec<String>,
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
    #[error("{file}: a line of the examples begins with neither `Person:` nor `{name}:`, or they don't take turns")]
    Examples { file: &'static str, name: String },
    #[error("{} is no character's folder: it has neither a character.toml nor a folder `{language}`", path.display())]
    NoCharacter { path: PathBuf, language: String },
    #[error("character.toml: {0}")]
    About(#[source] toml::de::Error),
    #[error("character.toml: `name` is empty or has more than {MOST_NAME_CHARS} characters")]
    Name,
    #[error("lines.toml: {0}")]
    Lines(#[source] toml::de::Error),
    #[error("lines.toml: `{0}` is empty")]
    NoLine(&'static str),
    #[error("danger.toml: {0}")]
    Danger(#[from] PatternsError),
    #[error("care.toml: {0}")]
    Care(#[from] AnswersError),
    #[error("helplines.toml: {0}")]
    Helplines(#[from] HelplinesError),
    #[error("disclosure.toml: {0}")]
    Disclosure(#[from] DisclosureError),
    #[error("claims.toml: {0}")]
    Claims(#[from] ClaimsError),
    #[error("guidance.toml: {0}")]
    Guidance(#[from] GuidanceError),
}

/// A longer one would crowd what is made of it.
const MOST_NAME_CHARS: usize = 40;

/// What is the same in every language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    name: String,
}

/// The name of a file of the character, and what is built in.
macro_rules! built_in {
    ($name:literal) => {
        ($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/character/rose/en/", $name)))
    };
}

/// The same for all characters.
const HELPLINES: (&str, &str) =
    ("helplines.toml", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/character/helplines.toml")));
const BUILT_IN_ABOUT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/character/rose/character.toml"));

impl Character {
    /// The built-in character, with the files of `own` in its files' places, in this language, for a model of this
    /// ability.
    ///
    /// # Errors
    /// Where a file can't be read or used; the text names it.
    pub fn load(own: Option<&Path>, language: &str, ability: Ability) -> Result<Self, CharacterError> {
        let about = match own {
            None => None,
            Some(folder) => read(&folder.join("character.toml"))?,
        };
        let folder = own.map(|folder| folder.join(language));
        if let (Some(path), None, Some(texts)) = (own, &about, &folder)
            && !texts.is_dir()
        {
            return Err(CharacterError::NoCharacter { path: path.to_owned(), language: language.to_owned() });
        }
        let about: About = toml::from_str(about.as_deref().unwrap_or(BUILT_IN_ABOUT)).map_err(CharacterError::About)?;
        let name = about.name.trim().to_owned();
        if name.is_empty() || name.chars().count() > MOST_NAME_CHARS {
            return Err(CharacterError::Name);
        }
        let source = Source { folder: folder.as_deref(), name: &name };
        let (persona, examples) = match ability {
            Ability::Able | Ability::Strong => (source.text(built_in!("persona.txt"))?, Vec::new()),
            Ability::Small => split_examples(&source.text(built_in!("persona-small.txt"))?, &name)?,
        };
        let claims = match ability {
            Ability::Able | Ability::Strong => None,
            Ability::Small => Some(Claims::parse(&source.text(built_in!("claims.toml"))?)?),
        };
        let guidance = Guidance::parse(&source.text(built_in!("guidance.toml"))?, &name)?;
        let summarize = source.text(built_in!("summarize.txt"))?;
        let danger = DangerPatterns::parse(&source.text(built_in!("danger.toml"))?)?;
        let lines = Lines::parse(&source.text(built_in!("lines.toml"))?)?;
        let answers = Answers::parse(&source.text(built_in!("care.toml"))?)?;
        let disclosure = Disclosure::parse(&source.text(built_in!("disclosure.toml"))?)?;
        let helplines = Helplines::parse(&Source { folder: own, name: &name }.text(HELPLINES)?)?;
        let guardrail = Guardrail::new(claims, guidance);
        Ok(Self { persona, examples, summarize, lines, danger, answers, helplines, disclosure, guardrail, name })
    }
}

impl Lines {
    fn parse(text: &str) -> Result<Self, CharacterError> {
        let lines: Self = toml::from_str(text).map_err(CharacterError::Lines)?;
        for (name, of) in [
            ("no_image", &lines.no_image),
            ("image", &lines.image),
            ("image_failed", &lines.image_failed),
            ("forgotten", &lines.forgotten),
            ("forgotten_all", &lines.forgotten_all),
            ("nothing_to_forget", &lines.nothing_to_forget),
            ("listening", &lines.listening),
            ("busy", &lines.busy),
            ("failed", &lines.failed),
            ("broke_off", &lines.broke_off),
        ] {
            if of.iter().all(|line| line.trim().is_empty()) {
                return Err(CharacterError::NoLine(name));
            }
        }
        Ok(lines)
    }

    /// The first of `lines` that is not among the words just `said`, or else the first.
    pub fn fresh<'a>(lines: &'a [String], said: &[&str]) -> &'a str {
        let fresh = lines.iter().find(|line| !said.contains(&line.as_str()));
        fresh.or_else(|| lines.first()).map_or("", String::as_str)
    }
}

/// Where the files of a language come from.
struct Source<'a> {
    folder: Option<&'a Path>,
    name: &'a str,
}

impl Source<'_> {
    fn text(&self, (file, built_in): (&'static str, &str)) -> Result<String, CharacterError> {
        let own = match self.folder {
            None => None,
            Some(folder) => read(&folder.join(file))?,
        };
        let text = own.as_deref().unwrap_or(built_in).trim();
        if text.is_empty() {
            return Err(CharacterError::Empty { file });
        }
        Ok(text.replace("{name}", self.name))
    }
}

/// `None` where there is no such file.
fn read(path: &Path) -> Result<Option<String>, CharacterError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(CharacterError::Read { path: path.to_owned(), source }),
    }
}

/// The persona ends where the first line begins with `Person:`.
fn split_examples(text: &str, name: &str) -> Result<(String, Vec<ChatMessage>), CharacterError> {
    const FILE: &str = "persona-small.txt";
    let reply_mark = format!("{name}:");
    let wrong = || CharacterError::Examples { file: FILE, name: name.to_owned() };
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
        let (role, said) = match (line.strip_prefix("Person:"), line.strip_prefix(reply_mark.as_str())) {
            (Some(said), _) => (Role::User, said),
            (_, Some(said)) => (Role::Assistant, said),
            _ => return Err(wrong()),
        };
        let expected = if examples.len().is_multiple_of(2) { Role::User } else { Role::Assistant };
        if role != expected || said.trim().is_empty() {
            return Err(wrong());
        }
        examples.push(ChatMessage::new(role, said.trim()));
    }
    if !examples.len().is_multiple_of(2) {
        return Err(wrong());
    }
    Ok((persona, examples))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(folder: Option<&Path>, ability: Ability) -> Result<Character, CharacterError> {
        Character::load(folder, "en", ability)
    }

    #[test]
    fn the_built_in_character_is_whole() {
        let small = load(None, Ability::Small).unwrap();
        assert!(small.persona.contains("Rose") && small.name == "Rose");
        assert!((4..=8).contains(&small.examples.len()));
        let able = load(None, Ability::Able).unwrap();
        assert!(able.persona.contains("AI") && able.examples.is_empty());
    }

    #[test]
    fn a_file_of_ones_own_takes_the_place_of_the_built_in() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("en")).unwrap();
        std::fs::write(folder.path().join("character.toml"), "name = 'Basil'").unwrap();
        let persona = "You are {name}.\n\nPerson: Hi\nBasil: Hello.\n";
        std::fs::write(folder.path().join("en/persona-small.txt"), persona).unwrap();
        let character = load(Some(folder.path()), Ability::Small).unwrap();
        assert_eq!((character.persona.as_str(), character.name.as_str()), ("You are Basil.", "Basil"));
        assert_eq!(character.examples[1].text, "Hello.");
        assert!(character.summarize.len() > 20, "the other files are the built-in ones");
        let able = load(Some(folder.path()), Ability::Able).unwrap();
        assert!(able.persona.starts_with("You are Basil, a healer"), "{}", able.persona);
    }

    #[test]
    fn a_folder_without_a_character_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = load(Some(folder.path()), Ability::Able).err().unwrap().to_string();
        assert!(error.contains("neither a character.toml nor a folder `en`"), "{error}");
    }

    #[test]
    fn a_broken_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("en")).unwrap();
        for (file, wrong, told) in [
            ("character.toml", "name = ' '", "character.toml"),
            ("en/persona-small.txt", "You are Rose.\nPerson: Hi\n", "persona-small.txt"),
            ("en/persona-small.txt", "  ", "persona-small.txt is empty"),
            ("en/lines.toml", "busy = 1", "lines.toml"),
            ("en/danger.toml", "fillers = []\nidioms = ['(']\nyes = []\nunder_age = []\nkind = []", "danger.toml"),
            ("en/care.toml", "kind = []", "care.toml"),
            ("en/disclosure.toml", "first = 'hi'\nagain = []\npause = ''", "disclosure.toml"),
            ("helplines.toml", "country = []", "helplines.toml"),
            ("en/guidance.toml", "guidance = 1", "guidance.toml"),
            (
                "en/claims.toml",
                "asking = 'x'\nrecalling = []\nnever = ['(']\nsupported = []\nacquainted = []",
                "claims.toml",
            ),
        ] {
            let path = folder.path().join(file);
            std::fs::write(&path, wrong).unwrap();
            let error = load(Some(folder.path()), Ability::Small).err().unwrap().to_string();
            assert!(error.contains(told), "{error}");
            std::fs::remove_file(path).unwrap();
        }
    }
}
