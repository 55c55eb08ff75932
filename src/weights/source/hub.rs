//! The Hugging Face hub, or a mirror of it: files by repository, revision and path, resumed where they broke off.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::ProgressBar;
use ureq::http::Response;
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

/// Where the hub is and who asks.
#[derive(Clone)]
pub struct HubConfig {
    /// Without a slash at its end.
    pub endpoint: String,
    /// For repositories that ask for one.
    pub token: Option<String>,
}

impl HubConfig {
    /// From `HF_ENDPOINT` and `HF_TOKEN`, as the hub's own tools name them.
    pub fn from_environment() -> Self {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let endpoint = set("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".into());
        Self { endpoint: endpoint.trim_end_matches('/').to_owned(), token: set("HF_TOKEN") }
    }
}

impl std::fmt::Debug for HubConfig {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let token = self.token.as_ref().map(|_| "[redacted]");
        to.debug_struct("HubConfig").field("endpoint", &self.endpoint).field("token", &token).finish()
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
        let agent = Agent::config_builder()
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

    /// Brings `to` to its expected size, starting with what is there.
    pub(super) fn download(
        &self,
        remote: &Remote<'_>,
        sum: &Sum,
        to: &Path,
        progress: &Progress,
    ) -> Result<(), SourceError> {
        let Remote { repository, revision, path } = remote;
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
                std::fs::remove_file(to).map_err(SourceError::io(to, "removed"))?;
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
    match std::fs::metadata(path) {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(SourceError::io(path, "read")(error)),
    }
}
