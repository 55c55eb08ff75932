//! What the hub's users expect. What its own tools have fetched is used: a cache as Python's `huggingface_hub` lays it out, a blob by its sum, a
//! snapshot of links to blobs for each commit, and a reference for each branch that was asked for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rose::weights::{HubConfig, Outcome, Progress};

use super::hub::{Answer, Hub};
use super::{Lines, Place, content, from_hub, model, no_hub, open, sum_of};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

struct Cached {
    /// What `HF_HOME/hub` is.
    folder: tempfile::TempDir,
}

impl Cached {
    /// `content` as `path` of someone/something at [`COMMIT`]; under the sum of `named`, which a broken one belies.
    fn new(path: &str, content: &[u8], named: &[u8]) -> Self {
        let cached = Self { folder: tempfile::tempdir().unwrap() };
        let blob = cached.repository().join("blobs").join(sum_of(named).sha256.to_string());
        let snapshot = cached.snapshot(path);
        fs::create_dir_all(blob.parent().unwrap()).unwrap();
        fs::create_dir_all(snapshot.parent().unwrap()).unwrap();
        fs::write(&blob, content).unwrap();
        #[cfg(unix)]
        {
            let up = "../".repeat(Path::new(path).components().count() + 1);
            let link = format!("{up}blobs/{}", blob.file_name().unwrap().to_str().unwrap());
            std::os::unix::fs::symlink(link, snapshot).unwrap();
        }
        // Where links can't be made, as is usual on Windows, the file itself stands there.
        #[cfg(not(unix))]
        fs::rename(&blob, snapshot).unwrap();
        cached
    }

    fn with_branch(self, branch: &str) -> Self {
        let reference = self.repository().join("refs").join(branch);
        fs::create_dir_all(reference.parent().unwrap()).unwrap();
        fs::write(reference, COMMIT).unwrap();
        self
    }

    fn repository(&self) -> PathBuf {
        self.folder.path().join("models--someone--something")
    }

    fn snapshot(&self, path: &str) -> PathBuf {
        self.repository().join("snapshots").join(COMMIT).join(path)
    }

    /// A hub, and this cache of it.
    fn of(&self, hub: HubConfig) -> HubConfig {
        HubConfig { cache: Some(self.folder.path().to_owned()), ..hub }
    }
}

fn from_hub_at(path: &str, revision: &str) -> String {
    from_hub(path).replace("\"abc\"", &format!("{revision:?}"))
}

fn pull(place: &Place, hub: &HubConfig, lines: &Lines) -> Outcome {
    let pulled = place.store().pull(&["a".into()], hub, &lines.progress()).unwrap().remove(0);
    let outcome = pulled.outcome.unwrap();
    place.store().verify("a").unwrap();
    outcome
}

#[test]
fn a_file_that_another_tool_has_fetched_is_used_without_any_request() {
    let content = content(300_000);
    for (revision, cached) in [
        (COMMIT, Cached::new("a.gguf", &content, &content)),
        ("main", Cached::new("a.gguf", &content, &content).with_branch("main")),
        ("refs/pr/1", Cached::new("a.gguf", &content, &content).with_branch("refs/pr/1")),
    ] {
        let place = Place::new(&model("a", &content, &[from_hub_at("a.gguf", revision)]));
        let hub = Hub::start(content.clone(), vec![]);
        let lines = Lines::default();
        let outcome = pull(&place, &cached.of(hub.config()), &lines);
        assert_eq!(outcome, Outcome::From("hub someone/something".into()), "{revision}");
        assert_eq!(hub.requests(), [], "{revision}");
        assert!(lines.text().contains("in the hub's cache already"), "{revision}: {}", lines.text());
        assert_eq!(fs::read(cached.snapshot("a.gguf")).unwrap(), content, "{revision}: it stays where it was");
    }
    // In a folder of the repository, with no hub to be reached.
    let cached = Cached::new("onnx/model.onnx", &content, &content).with_branch("main");
    let place = Place::new(&model("a", &content, &[from_hub_at("onnx/model.onnx", "main")]));
    pull(&place, &cached.of(no_hub()), &Lines::default());
}

#[test]
fn a_broken_cached_file_is_named_and_not_used() {
    let content = content(300_000);
    let mut broken = content.clone();
    broken[1000] ^= 1;
    for broken in [&broken[..], &content[..1000], &[]] {
        let cached = Cached::new("a.gguf", broken, &content);
        let place = Place::new(&model("a", &content, &[from_hub_at("a.gguf", COMMIT)]));
        let hub = Hub::start(content.clone(), vec![]);
        let lines = Lines::default();
        pull(&place, &cached.of(hub.config()), &lines);
        let path = cached.snapshot("a.gguf");
        let told = lines.text();
        assert!(told.contains(path.to_str().unwrap()) && told.contains("is not what it should be"), "{told}");
        assert_eq!(hub.ranges(), [None], "it is fetched from its beginning");
        assert_eq!(fs::read(path).unwrap(), broken, "what another tool keeps is left as it is");
    }
}

#[test]
fn what_is_in_the_cache_stands_before_a_part_of_a_download() {
    let content = content(300_000);
    let cached = Cached::new("a.gguf", &content, &content);
    let place = Place::new(&model("a", &content, &[from_hub_at("a.gguf", COMMIT)]));
    let part = place.dir().join(".partial/a").join(format!("{}.part", sum_of(&content).sha256));
    fs::create_dir_all(part.parent().unwrap()).unwrap();
    fs::write(&part, &content[..1000]).unwrap();
    pull(&place, &cached.of(no_hub()), &Lines::default());
    assert!(!part.exists());
}

#[test]
fn another_commits_file_is_not_taken_for_this_ones() {
    let content = content(300_000);
    let cached = Cached::new("a.gguf", &content, &content).with_branch("main");
    let place = Place::new(&model("a", &content, &[from_hub_at("a.gguf", "another-branch")]));
    let hub = Hub::start(content, vec![]);
    pull(&place, &cached.of(hub.config()), &Lines::default());
    assert_eq!(hub.requests().len(), 1);
}

#[test]
fn the_token_goes_to_the_endpoint_and_not_to_where_it_sends_on() {
    let content = content(300_000);
    let place = Place::new(&model("a", &content, &[from_hub_at("a.gguf", "refs/pr/1")]));
    let storage = Hub::start(content, vec![Answer::BreakAfter(100_000)]);
    let there = || Answer::SendOn(storage.url("/some/storage?signature=1"));
    let hub = Hub::start(vec![], vec![there(), there()]);
    let config = HubConfig { token: Some("hf_secret".into()), ..hub.config() };
    pull(&place, &config, &Lines::default());
    let asked = hub.requests();
    assert_eq!(asked.len(), 2);
    for request in asked {
        assert_eq!(request.path, "/someone/something/resolve/refs%2Fpr%2F1/a.gguf");
        assert_eq!(request.authorization.as_deref(), Some("Bearer hf_secret"));
    }
    let sent_on = storage.requests();
    assert_eq!(storage.ranges(), [None, Some("bytes=100000-".into())], "the range is carried on");
    assert!(sent_on.iter().all(|request| request.authorization.is_none()), "{sent_on:?}");
}

const FOLDER: &str = "ROSE_TEST_HUB_MODELS_DIR";

/// Not a test of its own: what [`pull_with`] runs, since variables are those of a whole process.
#[test]
fn in_a_process() {
    let Some(dir) = std::env::var_os(FOLDER) else { return };
    let store = open(Path::new(&dir)).unwrap();
    for pulled in store.pull(&["a".into()], &HubConfig::from_environment(), &Progress::stderr()).unwrap() {
        pulled.outcome.unwrap();
    }
}

/// What a process with these variables wrote while it pulled the model `a`, or why it failed.
fn pull_with(place: &Place, variables: &[(&str, &str)]) -> Result<String, String> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "weights::hub_cache::in_a_process", "--nocapture"]).env(FOLDER, place.dir());
    for name in ["HF_ENDPOINT", "HF_HOME", "HF_HUB_CACHE", "HF_TOKEN", "SSL_CERT_FILE", "SSL_CERT_DIR"] {
        command.env_remove(name);
    }
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(said) } else { Err(said) }
}

#[test]
fn the_hubs_own_variables_say_where_it_is_who_asks_and_what_is_here() {
    let content = content(300_000);
    let home = tempfile::tempdir().unwrap();
    let home_path = home.path().to_str().unwrap();
    let hub = Hub::start(content.clone(), vec![]);
    let endpoint = hub.url("/");
    let manifest = model("a", &content, &[from_hub_at("a.gguf", COMMIT)]);
    let place = Place::new(&manifest);
    pull_with(&place, &[("HF_ENDPOINT", &endpoint), ("HF_HOME", home_path), ("HF_TOKEN", "hf_secret")]).unwrap();
    assert_eq!(hub.requests()[0].authorization.as_deref(), Some("Bearer hf_secret"));

    let cached = Cached::new("a.gguf", &content, &content);
    fs::rename(cached.folder.path(), home.path().join("hub")).unwrap();
    let said = pull_with(&Place::new(&manifest), &[("HF_ENDPOINT", &endpoint), ("HF_HOME", home_path)]).unwrap();
    assert!(said.contains("in the hub's cache already"), "{said}");
    assert_eq!(hub.requests().len(), 1);
}

/// A company's proxy is vouched for by an authority of the machine's.
#[cfg(target_os = "linux")]
#[test]
fn the_machines_own_certificates_are_trusted() {
    let content = content(300_000);
    let home = tempfile::tempdir().unwrap();
    let hub = Hub::start_with_tls(content.clone());
    let endpoint = hub.url("");
    let variables = [("HF_ENDPOINT", endpoint.as_str()), ("HF_HOME", home.path().to_str().unwrap())];
    let place = Place::new(&model("a", &content, &[from_hub("a.gguf")]));
    let said = pull_with(&place, &variables).expect_err("nobody vouches for it");
    assert!(said.contains("can't be reached"), "{said}");
    assert_eq!(hub.requests(), []);
    let authority = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tls/authority.pem");
    pull_with(&place, &[&variables[..], &[("SSL_CERT_FILE", authority)]].concat()).unwrap();
    assert_eq!(hub.requests().len(), 1);
}
