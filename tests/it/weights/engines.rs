//! whisper.cpp and llama.cpp each carry ggml, and a binary links only one of them: both must carry the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const WITH_GGML: [(&str, &str); 2] =
    [("whisper-rs-sys", "whisper.cpp/ggml/CMakeLists.txt"), ("llama-cpp-sys-2", "llama.cpp/ggml/CMakeLists.txt")];

/// A floating version of one would bring another ggml.
const PINNED: [&str; 3] = ["whisper-rs", "llama-cpp-2", "llama-cpp-sys-2"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The platform that this is built for: of others not every package is there.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host").to_owned()
}

/// Where cargo keeps the sources of a package that is in the lock file.
fn source_of(package: &str) -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", &host()])
        .arg("--manifest-path")
        .arg(root().join("Cargo.toml"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let found: Vec<_> = packages.iter().filter(|found| found["name"] == package).collect();
    let [found] = found.as_slice() else { panic!("{} versions of {package} are linked", found.len()) };
    Path::new(found["manifest_path"].as_str().unwrap()).parent().unwrap().to_owned()
}

/// `0.9.5` of `set(GGML_VERSION_MAJOR 0)` and its like.
fn ggml_version(lists: &str) -> Option<String> {
    let part = |name: &str| {
        let (_, rest) = lists.split_once(&format!("set(GGML_VERSION_{name} "))?;
        rest.split_once(')').map(|(value, _)| value.trim().to_owned())
    };
    Some(format!("{}.{}.{}", part("MAJOR")?, part("MINOR")?, part("PATCH")?))
}

#[test]
fn both_engines_carry_the_same_ggml() {
    let versions = WITH_GGML.map(|(package, lists)| {
        let path = source_of(package).join(lists);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        ggml_version(&text).unwrap_or_else(|| panic!("{} says no version of ggml", path.display()))
    });
    assert_eq!(
        versions[0], versions[1],
        "{} and {} carry different versions of ggml; one binary links only one of them: upgrade both together",
        WITH_GGML[0].0, WITH_GGML[1].0
    );
}

#[test]
fn the_engines_are_pinned() {
    let manifest: toml::Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    for name in PINNED {
        let version = manifest["dependencies"][name]["version"].as_str().unwrap();
        assert!(version.starts_with('='), "{name} = \"{version}\" must be pinned with `=`");
    }
    let llama = |name: &str| manifest["dependencies"][name]["version"].as_str().unwrap().to_owned();
    assert_eq!(llama("llama-cpp-2"), llama("llama-cpp-sys-2"), "the two go together");
}

#[test]
fn a_version_is_read_from_its_three_parts() {
    let lists = "set(GGML_VERSION_MAJOR 0)\nset(GGML_VERSION_MINOR 9)\nset(GGML_VERSION_PATCH 5)\n";
    assert_eq!(ggml_version(lists).unwrap(), "0.9.5");
    assert_eq!(ggml_version("set(GGML_VERSION_MAJOR 0)"), None);
}
