//! The Hugging Face hub, or a mirror of it: files by repository, revision and path, taken from the cache that the hub's own
//! tools keep on this machine, or fetched, resumed where they broke off.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hf_hub::{Cache, Repo, RepoType};
use indicatif::ProgressBar;
use ureq::config::RedirectAuthHeaders;
use ureq::http::Response;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

use super::SourceError;
use crate::weights::checksum::Sum;
use crate::weights::progress::Progress;

/// An unreachable hub may not cost more than a few seconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(20);
/// Without a byte for so long, a download has broken off.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Times in a row that a download may break off without having brought a byte.
const FRUITLESS_TRIES: u32 = 3;

const BLOCK_BYTES: usize = 64 * 1024;

/// Where the hub is, who asks, and what is here of it.
#[derive(Clone)]
pub struct HubConfig {
    /// Without a slash at its end.
    pub endpoint: String,
    /// For repositories that ask for one. It goes to the endpoint alone, and not to where that sends on.
    pub token: Option<String>,
    /// The folder in which the hub's own tools keep what they fetched; only read. `None` looks nowhere.
    pub cache: Option<PathBuf>,
}

impl HubConfig {
    /// From the variables that the hub's own tools read: `HF_ENDPOINT`, `HF_HOME`, `HF_HUB_CACHE` and `HF_TOKEN`, the token
    /// otherwise from the file that `hf auth login` writes.
    pub fn from_environment() -> Self {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let home = match set("HF_HOME") {
            Some(home) => Some(Cache::new(Path::new(&home).join("hub"))),
            // The crate panics where a person has no home.
            None => std::env::home_dir().map(|_| Cache::default()),
        };
        let token = set("HF_TOKEN").or_else(|| home.as_ref()?.token());
        let cache = set("HF_HUB_CACHE").map(PathBuf::from).or_else(|| Some(home?.path().clone()));
        let endpoint = set("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".into());
        Self { endpoint: endpoint.trim_end_matches('/').to_owned(), token, cache }
    }
}

impl std::fmt::Debug for HubConfig {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let token = self.token.as_ref().map(|_| "[redacted]");
        let mut shown = to.debug_struct("HubConfig");
        shown.field("endpoint", &self.endpoint).field("token", &token).field("cache", &self.cache).finish()
    }
}

pub(super) struct Remote<'a> {
    pub(super) repository: &'a str,
    pub(super) revision: &'a str,
    pub(super) path: &'a str,
}

pub(super) struct Hub {
    config: HubConfig,
    agent: Agent,
    /// Why it can't be reached, once that is known.
    unreachable: OnceLock<String>,
    /// Whether it ever answered: then a failure is a broken line, not a missing hub.
    answered: AtomicBool,
}

impl Hub {
    pub(super) fn new(config: &HubConfig) -> Self {
        // A company's proxy is vouched for by the machine's certificates, which ureq would not look at.
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            // The hub sends on to where its files lie, which is another's machine.
            .redirect_auth_headers(RedirectAuthHeaders::Never)
            .timeout_resolve(Some(CONNECT_TIMEOUT))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(RESPONSE_TIMEOUT))
            .timeout_per_read(Some(STALL_TIMEOUT))
            .http_status_as_error(false)
            .user_agent(concat!("rose/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        Self { config: config.clone(), agent, unreachable: OnceLock::new(), answered: AtomicBool::new(false) }
    }

    /// Whether the hub's cache had the file, just as it should be, and it now lies at `to` too. One that is otherwise is told
    /// of and left as it is: it belongs to the tool that fetched it.
    pub(super) fn take_cached(
        &self,
        remote: &Remote<'_>,
        sum: &Sum,
        to: &Path,
        progress: &Progress,
    ) -> Result<bool, SourceError> {
        let Some(found) = self.cached(remote) else { return Ok(false) };
        let shown = found.display();
        let refused = match Sum::of(&found) {
            Ok(actual) if actual == *sum => None,
            Ok(actual) => Some(format!("is not what it should be: expected {sum}, found {actual}")),
            Err(error) => Some(format!("can't be read: {error}")),
        };
        if let Some(reason) = refused {
            progress.say(&format!("{shown}, in the hub's cache, {reason}; it is not used"));
            return Ok(false);
        }
        if to.exists() {
            fs::remove_file(to).map_err(SourceError::io(to, "removed"))?;
        }
        // What the snapshot's link stands for: a second name for it takes no room. Another disk takes a copy.
        let file = found.canonicalize().map_err(SourceError::io(&found, "read"))?;
        fs::hard_link(&file, to)
            .or_else(|_| fs::copy(&file, to).map(|_| ()))
            .map_err(SourceError::io(to, "written"))?;
        progress.say(&format!("{shown} is in the hub's cache already"));
        Ok(true)
    }

    fn cached(&self, remote: &Remote<'_>) -> Option<PathBuf> {
        let Remote { repository, revision, path } = *remote;
        let repository = Repo::with_revision(repository.to_owned(), RepoType::Model, revision.to_owned());
        let repository = Cache::new(self.config.cache.clone()?).repo(repository);
        // A branch has a file that names its commit, whose folder the files are in; a commit is that folder itself.
        let of_commit = || Some(repository.pointer_path(revision).join(path)).filter(|path| path.is_file());
        repository.get(path).or_else(of_commit)
    }

    /// Brings `to` to its expected size, starting with what is there.
    pub(super) fn download(
        &self,
        remote: &Remote<'_>,
        sum: &Sum,
        to: &Path,
        progress: &Progress,
    ) -> Result<(), SourceError> {
        let Remote { repository, revision, path } = remote;
        // A branch may have a slash in its name; a path's own are its folders'.
        let revision = revision.replace('/', "%2F");
        let url = format!("{}/{repository}/resolve/{revision}/{path}", self.config.endpoint);
        let mut bar = None;
        let mut fruitless = 0;
        loop {
            let before = size_of(to)?;
            if before == sum.size_bytes {
                return Ok(());
            }
            let error = match self.continue_at(&url, before, sum, to, progress, &mut bar) {
                Ok(()) => return Ok(()),
                Err(error @ SourceError::BrokenOff { .. }) => error,
                Err(error) => return Err(error),
            };
            fruitless = if size_of(to)? > before { 0 } else { fruitless + 1 };
            if fruitless == FRUITLESS_TRIES {
                return Err(error);
            }
            tracing::debug!(error = %error, "a download broke off and is taken up again");
        }
    }

    fn continue_at(
        &self,
        url: &str,
        offset: u64,
        sum: &Sum,
        to: &Path,
        progress: &Progress,
        bar: &mut Option<ProgressBar>,
    ) -> Result<(), SourceError> {
        let response = self.get(url, offset)?;
        let status = response.status().as_u16();
        let resumes = status == 206 && starts_at(&response, offset);
        if !resumes && status != 200 {
            // A part that the server won't continue is worth nothing: start anew, and tell if that fails too.
            if offset > 0 && (status == 206 || status == 416) {
                fs::remove_file(to).map_err(SourceError::io(to, "removed"))?;
                return Err(SourceError::BrokenOff { url: url.to_owned(), offset, reason: format!("status {status}") });
            }
            return Err(SourceError::Status { url: url.to_owned(), status });
        }
        let bar = bar.get_or_insert_with(|| {
            let name = url.rsplit('/').next().unwrap_or(url);
            progress.bar(&format!("{name} from the hub"), sum.size_bytes)
        });
        let file = if resumes { OpenOptions::new().append(true).open(to) } else { File::create(to) };
        let mut file = file.map_err(SourceError::io(to, "written"))?;
        let mut written = if resumes { offset } else { 0 };
        bar.set_position(written);
        let mut body = response.into_body().into_reader();
        let mut block = vec![0; BLOCK_BYTES];
        while written <= sum.size_bytes {
            let broken = |reason: String| SourceError::BrokenOff { url: url.to_owned(), offset: written, reason };
            let read = body.read(&mut block).map_err(|error| broken(error.to_string()))?;
            if read == 0 {
                if written < sum.size_bytes {
                    return Err(broken("the connection ended".into()));
                }
                break;
            }
            file.write_all(&block[..read]).map_err(SourceError::io(to, "written"))?;
            written += read as u64;
            bar.set_position(written);
        }
        bar.finish_and_clear();
        Ok(())
    }

    fn get(&self, url: &str, offset: u64) -> Result<Response<Body>, SourceError> {
        if let Some(reason) = self.unreachable.get() {
            return Err(SourceError::Unreachable { reason: reason.clone() });
        }
        let mut request = self.agent.get(url);
        if let Some(token) = &self.config.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        if offset > 0 {
            request = request.header("Range", format!("bytes={offset}-"));
        }
        match request.call() {
            Ok(response) => {
                self.answered.store(true, Ordering::Relaxed);
                Ok(response)
            }
            Err(error) if self.answered.load(Ordering::Relaxed) => {
                Err(SourceError::BrokenOff { url: url.to_owned(), offset, reason: error.to_string() })
            }
            Err(error) => {
                let reason = self.unreachable.get_or_init(|| format!("{}: {error}", self.config.endpoint));
                Err(SourceError::Unreachable { reason: reason.clone() })
            }
        }
    }
}

/// Whether the answer continues from `offset`: `Content-Range: bytes OFFSET-LAST/TOTAL`.
fn starts_at(response: &Response<Body>, offset: u64) -> bool {
    let range = response.headers().get("content-range").and_then(|value| value.to_str().ok());
    let first = range.and_then(|range| range.strip_prefix("bytes ")).and_then(|range| range.split('-').next());
    first.and_then(|first| first.parse().ok()) == Some(offset)
}

fn size_of(path: &Path) -> Result<u64, SourceError> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(SourceError::io(path, "read")(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> HubConfig {
        HubConfig::from_variables(|name| {
            variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_hubs_own_variables_are_read() {
        let home = tempfile::tempdir().unwrap();
        let home_shown = home.path().to_str().unwrap();
        let all = config(&[
            ("HF_HOME", home_shown),
            ("HF_TOKEN", "hf_one\n"),
            ("HF_ENDPOINT", "https://mirror.example/hub/"),
        ]);
        assert_eq!(all.endpoint, "https://mirror.example/hub");
        assert_eq!(all.token.as_deref(), Some("hf_one"));
        assert_eq!(all.cache, Some(home.path().join("hub")));
        assert!(!format!("{all:?}").contains("hf_one"));

        let elsewhere = config(&[("HF_HOME", home_shown), ("HF_HUB_CACHE", "/elsewhere"), ("HF_TOKEN", " ")]);
        assert_eq!(elsewhere.endpoint, "https://huggingface.co");
        assert_eq!((elsewhere.token, elsewhere.cache), (None, Some("/elsewhere".into())));
    }

    #[test]
    fn who_has_signed_in_with_the_hubs_own_tool_needs_no_variable() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("token"), "hf_two\n").unwrap();
        let home = home.path().to_str().unwrap();
        assert_eq!(config(&[("HF_HOME", home)]).token.as_deref(), Some("hf_two"));
        assert_eq!(config(&[("HF_HOME", home), ("HF_TOKEN", "hf_one")]).token.as_deref(), Some("hf_one"));
    }
}
