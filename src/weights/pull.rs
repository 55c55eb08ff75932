//! Brings models into the store: source after source, checked, converted, and moved into place whole.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::checksum::Sum;
use super::convert::ctranslate2_to_ggml;
use super::error::gigabytes;
use super::manifest::{Conversion, Model, Source, platform};
use super::source::{self, Fetcher, HubConfig, SourceError};
use super::store::Trust;
use super::{ModelStore, Progress, Room, WeightsError};

/// What became of one model.
#[derive(Debug)]
pub struct Pulled {
    pub name: String,
    pub outcome: Result<Outcome, WeightsError>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    AlreadyThere,
    /// The source, in words.
    From(String),
}

/// Held until dropped; other processes wait.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl ModelStore {
    /// Brings every model that the sets and names stand for. One that fails does not keep the others away.
    ///
    /// # Errors
    /// `Unknown` and `NoRoom`, before anything is fetched.
    pub fn pull(&self, names: &[String], hub: &HubConfig, progress: &Progress) -> Result<Vec<Pulled>, WeightsError> {
        let models = self.models(names)?;
        let room = self.room(&models)?;
        if room.absent_bytes > 0 {
            let (absent, free) = (gigabytes(room.absent_bytes), gigabytes(room.free_bytes));
            progress.say(&format!("{absent} to fetch; {free} free"));
        }
        if !room.suffices() {
            let Room { free_bytes, needed_bytes, .. } = room;
            return Err(WeightsError::NoRoom { path: self.dir.clone(), free_bytes, needed_bytes });
        }
        let fetcher = Fetcher::new(hub, &self.dir, progress);
        let pull = |model: &Model| {
            let outcome = self.pull_one(model, &fetcher, progress);
            Pulled { name: model.name.clone(), outcome }
        };
        Ok(models.into_iter().map(pull).collect())
    }

    fn pull_one(&self, model: &Model, fetcher: &Fetcher<'_>, progress: &Progress) -> Result<Outcome, WeightsError> {
        let _lock = self.lock(&model.name, progress)?;
        match self.check(model, Trust::Receipt) {
            Ok(_) => return Ok(Outcome::AlreadyThere),
            Err(WeightsError::NotInstalled { .. }) => {}
            Err(error @ WeightsError::Altered { .. }) => progress.say(&format!("{error}: it is fetched again")),
            Err(error) => return Err(error),
        }
        if model.sources.is_empty() {
            return Err(WeightsError::NoSource { name: model.name.clone(), platform: platform() });
        }
        let staging = self.staging(model);
        fs::create_dir_all(&staging).map_err(WeightsError::io(&staging, "made"))?;
        sweep(&staging)?;
        let mut failures = Vec::new();
        for source in &model.sources {
            let words = source::describe(source);
            match self.pull_from(model, source, fetcher, &staging) {
                Ok(()) => {
                    fs::remove_dir_all(&staging).map_err(WeightsError::io(&staging, "removed"))?;
                    return Ok(Outcome::From(words));
                }
                Err(Failure::Source(error)) => {
                    fetcher.tell(&model.name, &words, &error);
                    failures.push((words, error));
                }
                Err(Failure::Store(error)) => return Err(error),
            }
        }
        Err(WeightsError::Pull { name: model.name.clone(), failures })
    }

    fn pull_from(&self, model: &Model, source: &Source, fetcher: &Fetcher<'_>, staging: &Path) -> Result<(), Failure> {
        let fetched = fetcher.fetch(source, &model.name, staging)?;
        let ready = match source.conversion {
            Some(conversion) => convert(conversion, model, &fetched, staging)?,
            None => fetched,
        };
        Ok(self.move_in(model, &ready)?)
    }

    /// Each file is whole and checked before it gets its name, so what has a name can be trusted.
    fn move_in(&self, model: &Model, ready: &BTreeMap<String, PathBuf>) -> Result<(), WeightsError> {
        let folder = self.folder(model);
        fs::create_dir_all(&folder).map_err(WeightsError::io(&folder, "made"))?;
        for file in &model.files {
            let from = ready.get(&file.role).expect("the manifest's reader checks that a source gives every role");
            File::open(from).and_then(|file| file.sync_all()).map_err(WeightsError::io(from, "written"))?;
            let to = folder.join(&file.name);
            fs::rename(from, &to).map_err(WeightsError::io(&to, "written"))?;
        }
        self.check(model, Trust::Nothing).map(|_| ())
    }

    /// One process at a time brings or removes a model.
    pub(super) fn lock(&self, name: &str, progress: &Progress) -> Result<Lock, WeightsError> {
        let folder = self.dir.join(".locks");
        fs::create_dir_all(&folder).map_err(WeightsError::io(&folder, "made"))?;
        let path = folder.join(name);
        let file = File::create(&path).map_err(WeightsError::io(&path, "written"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                progress.say(&format!("{name}: another process is at it; waiting"));
                file.lock().map_err(WeightsError::io(&path, "locked"))?;
            }
            Err(TryLockError::Error(error)) => return Err(WeightsError::io(&path, "locked")(error)),
        }
        Ok(Lock { _file: file })
    }
}

/// The next source may help against the first, not against the second.
enum Failure {
    Source(SourceError),
    Store(WeightsError),
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        Self::Source(error)
    }
}

impl From<WeightsError> for Failure {
    fn from(error: WeightsError) -> Self {
        Self::Store(error)
    }
}

/// Parts of downloads stay, to be taken up again; what else a killed process left goes.
fn sweep(staging: &Path) -> Result<(), WeightsError> {
    let entries = fs::read_dir(staging).map_err(WeightsError::io(staging, "read"))?;
    for entry in entries {
        let path = entry.map_err(WeightsError::io(staging, "read"))?.path();
        if path.is_dir() {
            fs::remove_dir_all(&path).map_err(WeightsError::io(&path, "removed"))?;
        } else if path.extension().is_none_or(|ending| ending != "part") {
            fs::remove_file(&path).map_err(WeightsError::io(&path, "removed"))?;
        }
    }
    Ok(())
}

fn convert(
    conversion: Conversion,
    model: &Model,
    fetched: &BTreeMap<String, PathBuf>,
    staging: &Path,
) -> Result<BTreeMap<String, PathBuf>, Failure> {
    let input = |role: &str| fetched.get(role).expect("the manifest's reader checks that a conversion has its inputs");
    let read = |path: &Path| fs::read(path).map_err(WeightsError::io(path, "read"));
    let to = staging.join("converted");
    match conversion {
        Conversion::WhisperCtranslate2 => {
            let weights = read(input("model"))?;
            let vocabulary = String::from_utf8_lossy(&read(input("vocabulary"))?).into_owned();
            let mut file = BufWriter::new(File::create(&to).map_err(WeightsError::io(&to, "written"))?);
            ctranslate2_to_ggml(&weights, &vocabulary, &mut file)
                .and_then(|()| Ok(file.flush()?))
                .map_err(|source| WeightsError::Conversion { name: model.name.clone(), source })?;
        }
    }
    let weights = model.files.iter().find(|file| file.role == "weights");
    let sums = weights.map_or(&[] as &[Sum], |file| file.sums.as_slice());
    let expected = sums.first().expect("the manifest's reader asks for the sum of what is converted");
    source::check("weights", &to, expected)?;
    for path in fetched.values() {
        fs::remove_file(path).map_err(WeightsError::io(path, "removed"))?;
    }
    Ok(BTreeMap::from([("weights".to_owned(), to)]))
}
