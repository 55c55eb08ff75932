//! A folder of recordings, with the words that are spoken in them where those are known.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use serde::{Deserialize, Serialize};

use super::ComparisonError;
use crate::audio::{DurationLimits, decode};

const ENDINGS: [&str; 9] = ["wav", "mp3", "flac", "ogg", "opus", "webm", "m4a", "mp4", "aac"];

/// Headings of the column that holds the words, in a table of a README.
const WORDS: [&str; 4] = ["words spoken", "words", "text", "transcript"];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    pub name: String,
    pub path: PathBuf,
    pub seconds: f64,
    /// What is said in it; without it nothing is known of the word error rate.
    pub words: Option<String>,
}

/// Those of several places, in their order.
///
/// # Errors
/// As [`read`].
pub fn read_all(paths: &[PathBuf], limits: &DurationLimits) -> Result<Vec<Recording>, ComparisonError> {
    let mut recordings: Vec<Recording> = Vec::new();
    for path in paths {
        recordings.extend(read(path, limits)?);
    }
    Ok(recordings)
}

/// Every recording of a folder, or a single one, by name. The words of `x.wav` are those of `x.txt` beside it, else of
/// the table in the folder's README.md.
///
/// # Errors
/// Where the folder can't be read, a recording is none, or there is none.
pub fn read(path: &Path, limits: &DurationLimits) -> Result<Vec<Recording>, ComparisonError> {
    let unreadable = |path: &Path, source| ComparisonError::Unreadable { path: path.to_owned(), source };
    let mut files = Vec::new();
    if path.is_dir() {
        for entry in std::fs::read_dir(path).map_err(|error| unreadable(path, error))? {
            let file = entry.map_err(|error| unreadable(path, error))?.path();
            let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_lowercase();
            if file.is_file() && ENDINGS.contains(&ending.as_str()) {
                files.push(file);
            }
        }
    } else {
        files.push(path.to_owned());
    }
    files.sort();
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
    let table = optional(&folder.join("README.md"))?.map(|text| table(&text)).unwrap_or_default();
    let mut recordings = Vec::with_capacity(files.len());
    for file in files {
        let bytes = std::fs::read(&file).map_err(|error| unreadable(&file, error))?;
        let clip = decode(&bytes, limits)
            .map_err(|error| ComparisonError::NoRecording { path: file.clone(), reason: error.to_string() })?;
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let beside = optional(&file.with_extension("txt"))?;
        let words = beside.or_else(|| table.get(&name).cloned()).map(|words| words.trim().to_owned());
        recordings.push(Recording { seconds: clip.duration().as_secs_f64(), name, path: file, words });
    }
    if recordings.is_empty() {
        return Err(ComparisonError::NoRecordings(path.to_owned()));
    }
    Ok(recordings)
}

fn optional(path: &Path) -> Result<Option<String>, ComparisonError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ComparisonError::Unreadable { path: path.to_owned(), source }),
    }
}

/// File → words, of the first table that has both columns.
fn table(markdown: &str) -> HashMap<String, String> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Table(_)) => rows.clear(),
            Event::Start(Tag::TableHead | Tag::TableRow) => rows.push(Vec::new()),
            Event::Start(Tag::TableCell) => {
                if let Some(row) = rows.last_mut() {
                    row.push(String::new());
                }
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some(cell) = rows.last_mut().and_then(|row| row.last_mut()) {
                    cell.push_str(&text);
                }
            }
            Event::End(TagEnd::Table) => {
                let found = words_of(&rows);
                if !found.is_empty() {
                    return found;
                }
            }
            _ => {}
        }
    }
    HashMap::new()
}

fn words_of(rows: &[Vec<String>]) -> HashMap<String, String> {
    let Some((head, rows)) = rows.split_first() else { return HashMap::new() };
    let column = |names: &[&str]| head.iter().position(|title| names.contains(&title.trim().to_lowercase().as_str()));
    let (Some(file), Some(words)) = (column(&["file"]), column(&WORDS)) else { return HashMap::new() };
    rows.iter().filter_map(|row| Some((row.get(file)?.trim().to_owned(), row.get(words)?.trim().to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEECH: &[u8] = include_bytes!("../../tests/fixtures/speech/austen-0890.wav");

    fn limits() -> DurationLimits {
        DurationLimits { least: std::time::Duration::ZERO, most: std::time::Duration::from_secs(60) }
    }

    #[test]
    fn words_come_from_a_file_beside_or_from_the_table() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).expect("written");
        for name in ["a.wav", "b.WAV", "c.wav"] {
            write(name, SPEECH);
        }
        write("a.txt", b" unless to be\n");
        write(
            "README.md",
            b"# Speech\n\n| n |\n|---|\n| 1 |\n\n| file | s | Words spoken |\n|---|---|---|\n| a.wav | 5 | no |\n| `b.WAV` | 5 | rather selfish |\n",
        );
        let read = read(folder.path(), &limits()).expect("three recordings");
        let words: Vec<_> = read.iter().map(|recording| recording.words.as_deref()).collect();
        assert_eq!(words, [Some("unless to be"), Some("rather selfish"), None]);
        assert!((read[0].seconds - 5.3).abs() < 0.01, "{}", read[0].seconds);
    }

    #[test]
    fn a_folder_without_recordings_and_a_recording_that_is_none_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = read(folder.path(), &limits()).expect_err("empty").to_string();
        assert!(error.contains("holds no recording"), "{error}");
        std::fs::write(folder.path().join("x.mp3"), b"no sound").expect("written");
        let error = read(folder.path(), &limits()).expect_err("no sound").to_string();
        assert!(error.contains("x.mp3"), "{error}");
    }
}
