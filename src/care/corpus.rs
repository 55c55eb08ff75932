//! Messages labelled for training and judging the detection of danger: `evals/care`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Kind;

/// How a message of the corpus is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Danger said plainly.
    Explicit,
    /// Danger that a careful listener would ask about.
    Hinted,
    /// Harmless, in the words and shape of something dangerous.
    Mirrored,
    /// Harmless, and nothing near danger.
    SmallTalk,
}

impl Class {
    pub const ALL: [Class; 4] = [Class::Explicit, Class::Hinted, Class::Mirrored, Class::SmallTalk];

    pub fn is_danger(self) -> bool {
        matches!(self, Class::Explicit | Class::Hinted)
    }
}

/// One message of the corpus.
#[derive(Debug, Clone)]
pub struct Labelled {
    pub family: String,
    pub class: Class,
    /// The right kind first, then others that would be right too; none for a harmless one.
    pub kinds: Vec<Kind>,
    /// What the person said, the message that is judged last.
    pub said: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}: {source}", path.display())]
    Unreadable { path: PathBuf, source: toml::de::Error },
    #[error("{}: the family `{family}` {what}", path.display())]
    Family { path: PathBuf, family: String, what: &'static str },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    family: Vec<RawFamily>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct RawFamily {
    name: String,
    kinds: Vec<Kind>,
    explicit: Vec<Said>,
    hinted: Vec<Said>,
    mirrored: Vec<Said>,
    small_talk: Vec<Said>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Said {
    Alone(String),
    /// With what was said before.
    AtLast(Vec<String>),
}

/// # Errors
/// Where the file can't be read, or a family lacks what it needs.
pub fn read(path: &Path) -> Result<Vec<Labelled>, CorpusError> {
    let text = std::fs::read_to_string(path).map_err(|source| CorpusError::Read { path: path.to_owned(), source })?;
    let raw: Raw = toml::from_str(&text).map_err(|source| CorpusError::Unreadable { path: path.to_owned(), source })?;
    let mut labelled = Vec::new();
    for family in raw.family {
        let wrong = |what| CorpusError::Family { path: path.to_owned(), family: family.name.clone(), what };
        if family.kinds.is_empty() && !(family.explicit.is_empty() && family.hinted.is_empty()) {
            return Err(wrong("has dangerous messages and names no kind"));
        }
        for (class, messages) in [
            (Class::Explicit, family.explicit),
            (Class::Hinted, family.hinted),
            (Class::Mirrored, family.mirrored),
            (Class::SmallTalk, family.small_talk),
        ] {
            for said in messages {
                let said = match said {
                    Said::Alone(message) => vec![message],
                    Said::AtLast(messages) => messages,
                };
                if said.is_empty() || said.iter().any(|message| message.trim().is_empty()) {
                    return Err(wrong("has an empty message"));
                }
                let kinds = if class.is_danger() { family.kinds.clone() } else { Vec::new() };
                labelled.push(Labelled { family: family.name.clone(), class, kinds, said });
            }
        }
    }
    Ok(labelled)
}
