//! Imports point one way: every `use crate::` line is read, and a wrong arrow fails.

use std::fs;
use std::path::{Path, PathBuf};

/// Each room with its rank; a room may import only from rooms of a lower rank, or itself.
const RANKS: &[(&str, u8)] = &[
    ("domain", 0),
    ("audio", 1),
    ("images", 1),
    ("config", 2),
    ("weights", 3),
    ("language", 4),
    ("providers", 5),
    ("care", 6),
    // Above `providers`: a store that is a service keeps to the limits and breakers of services.
    ("store", 7),
    ("memory", 8),
    ("graph", 9),
    ("conversation", 10),
    ("app", 11),
    ("server", 12),
    ("jobs", 12),
    ("comparison", 12),
    ("cli", 13),
];

/// May be used from anywhere from `providers` up: names of metrics only.
const TELEMETRY: &str = "telemetry";

fn rank(room: &str) -> Option<u8> {
    RANKS.iter().find(|(name, _)| *name == room).map(|(_, rank)| *rank)
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the source") {
        let path = entry.expect("an entry of the source").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

fn room_of(source: &Path, file: &Path) -> String {
    let relative = file.strip_prefix(source).expect("a file of the source");
    let first = relative.components().next().expect("a name").as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// Every room that a line names: `crate::a::…`, also in groups such as `crate::{a::X, b}`.
fn rooms_named(text: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for after in text.split("crate::").skip(1) {
        if let Some(group) = after.strip_prefix('{') {
            let mut depth = 1;
            let mut word = String::new();
            let mut start = true;
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 1 => start = true,
                    c if depth == 1 && start && (c.is_alphanumeric() || c == '_') => word.push(c),
                    _ if depth == 1 && start && !word.is_empty() => {
                        rooms.push(std::mem::take(&mut word));
                        start = false;
                    }
                    _ => {}
                }
                if depth == 0 {
                    break;
                }
            }
            if !word.is_empty() {
                rooms.push(word);
            }
        } else {
            rooms.push(after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    rooms
}

#[test]
fn imports_point_one_way() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&source, &mut files);
    let mut faults = Vec::new();
    for file in &files {
        let room = room_of(&source, file);
        if ["lib", "main", TELEMETRY].contains(&room.as_str()) {
            continue;
        }
        let Some(own) = rank(&room) else {
            faults.push(format!("{}: the room `{room}` has no rank", file.display()));
            continue;
        };
        let text = fs::read_to_string(file).expect("a readable source file");
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            for named in rooms_named(line) {
                let allowed = named == room || named == TELEMETRY || rank(&named).is_some_and(|other| other < own);
                if !allowed {
                    faults.push(format!("{}:{}: `{room}` may not use `{named}`", file.display(), number + 1));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn groups_are_read_too() {
    assert_eq!(rooms_named("use crate::domain::ids::UserId;"), ["domain"]);
    assert_eq!(rooms_named("use crate::{config::Config, store::{A, B}, app};"), ["config", "store", "app"]);
}

#[test]
fn every_file_says_what_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "tests", "benches"].map(|folder| root.join(folder)).iter().filter(|folder| folder.exists()) {
        rust_files(folder, &mut files);
    }
    let silent: Vec<_> = files
        .iter()
        .filter(|file| !fs::read_to_string(file).expect("a readable source file").starts_with("//!"))
        .collect();
    assert!(silent.is_empty(), "these open without `//!`: {silent:?}");
}
