//! Backup and restore of the database. Blocking; run it off the async runtime.
//!
//! A backup is one SQLite file. It holds the sessions, their checkpoints, the memories, and the key that signs the
//! cookies, without which nobody would be recognised as the owner of what comes back: keep it as you would keep the
//! data folder. It does not hold the recordings and pictures.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OptionalExtension};
use tempfile::NamedTempFile;

use super::lock::{make_private_folder, sync_folder};
use super::sqlite::{APPLICATION_ID, Journal, delete_person, open_reader, open_writer, prepare_schema, timestamp_now};
use super::{DataDirLock, StoreError};
use crate::config::DataConfig;
use crate::domain::ids::UserId;

/// What a backup or a restored database holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupSummary {
    pub path: PathBuf,
    pub size_bytes: u64,
    pub sessions: u64,
    pub memories: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreSummary {
    pub restored: BackupSummary,
    /// Where the database that stood there before is kept.
    pub replaced: Option<PathBuf>,
}

/// How many of the daily ones are kept.
pub const KEEP_BACKUPS: usize = 7;

/// Begins the name of a backup in the making.
const UNFINISHED: &str = ".rose-backup-";

/// Writes a backup to `to`, whether or not a server is using the data folder. The name appears once the backup is
/// whole, checked, and on the disk.
///
/// # Errors
/// `File` where there is no database, or `to` is already there; `Damaged` where the backup doesn't pass its check.
pub fn back_up(config: &DataConfig, to: &Path) -> Result<BackupSummary, StoreError> {
    let database = config.database();
    fs::metadata(&database).map_err(StoreError::file("cannot read", &database))?;
    let folder = folder_of(to);
    make_private_folder(&folder)?;
    let unfinished = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .tempfile_in(&folder)
        .map_err(StoreError::file("cannot write in", &folder))?;
    copy_database(&database, unfinished.path())?;
    {
        let copy = open_writer(unfinished.path(), Journal::SingleFile)?;
        put_cookie_key(&copy, config)?;
    }
    let checked = open_writer(unfinished.path(), Journal::SingleFile)?;
    check(&checked)?;
    let mut summary = summarize(&checked, to)?;
    drop(checked);
    unfinished.as_file().sync_all().map_err(StoreError::file("cannot write", to))?;
    unfinished.persist_noclobber(to).map_err(|error| error.error).map_err(StoreError::file("cannot write", to))?;
    sync_folder(&folder)?;
    summary.size_bytes = fs::metadata(to).map_err(StoreError::file("cannot read", to))?.len();
    Ok(summary)
}

/// Writes a backup named by the time into the data folder's backups, and removes all but the newest `keep`.
///
/// # Errors
/// As [`back_up`].
pub fn back_up_daily(config: &DataConfig, keep: usize) -> Result<BackupSummary, StoreError> {
    let folder = config.backups();
    let _one_at_a_time = BackupsLock::acquire(&config.dir)?;
    let summary = back_up(config, &folder.join(new_backup_name()))?;
    let mut finished = Vec::new();
    for entry in fs::read_dir(&folder).map_err(StoreError::file("cannot list", &folder))? {
        let entry = entry.map_err(StoreError::file("cannot list", &folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_daily(&name) {
            finished.push(name);
        } else if name.starts_with(UNFINISHED) && is_abandoned(&entry) {
            remove(&entry.path())?;
        }
    }
    // The names sort by time.
    finished.sort_unstable();
    for name in finished.iter().rev().skip(keep) {
        remove(&folder.join(name))?;
    }
    Ok(summary)
}

/// Writes every backup of the data folder anew without the person, and so the databases that were kept aside when one was
/// restored; returns how many. Each takes its old name once it is whole and on the disk.
///
/// # Errors
/// Where one can't be read or written; the others are written all the same.
pub fn forget_in_backups(config: &DataConfig, user: UserId) -> Result<usize, StoreError> {
    let _one_at_a_time = BackupsLock::acquire(&config.dir)?;
    let mut files = Vec::new();
    for (folder, ours) in [(config.backups(), is_daily as fn(&str) -> bool), (config.dir.clone(), is_set_aside)] {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(source) => return Err(StoreError::File { what: "cannot list", path: folder, source }),
        };
        for entry in entries {
            let entry = entry.map_err(StoreError::file("cannot list", &folder))?;
            if ours(&entry.file_name().to_string_lossy()) {
                files.push(entry.path());
            }
        }
    }
    let outcomes: Vec<Result<(), StoreError>> = files.iter().map(|file| write_without(file, user)).collect();
    let written = outcomes.len();
    outcomes.into_iter().collect::<Result<(), _>>()?;
    Ok(written)
}

fn write_without(backup: &Path, user: UserId) -> Result<(), StoreError> {
    let folder = folder_of(backup);
    let unfinished = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .tempfile_in(&folder)
        .map_err(StoreError::file("cannot write in", &folder))?;
    fs::copy(backup, unfinished.path()).map_err(StoreError::file("cannot read", backup))?;
    let mut copy = open_writer(unfinished.path(), Journal::SingleFile)?;
    prepare_schema(&mut copy)?;
    delete_person(&copy, user)?;
    // What was deleted is overwritten; this lets go of the pages too.
    copy.execute_batch("VACUUM")?;
    check(&copy)?;
    drop(copy);
    unfinished.as_file().sync_all().map_err(StoreError::file("cannot write", backup))?;
    unfinished.persist(backup).map_err(|error| error.error).map_err(StoreError::file("cannot write", backup))?;
    sync_folder(&folder)
}

/// A database that made room for a restored one.
fn is_set_aside(name: &str) -> bool {
    name.starts_with("rose.db.replaced-") && name.ends_with('Z')
}

/// In the data folder; held while the backups are changed: a backup that is made beside a deletion would keep what was deleted.
struct BackupsLock {
    _file: fs::File,
}

impl BackupsLock {
    fn acquire(folder: &Path) -> Result<Self, StoreError> {
        make_private_folder(folder)?;
        let path = folder.join("backups.lock");
        let file = fs::File::create(&path).map_err(StoreError::file("cannot write", &path))?;
        file.lock().map_err(StoreError::file("cannot lock", &path))?;
        Ok(Self { _file: file })
    }
}

/// Puts a backup in the place of the database, which is kept aside. The backup is checked, and brought up to this
/// version, before anything is touched. The time since the backup doesn't count as idleness of its sessions.
///
/// # Errors
/// `InUse` while a server holds the data folder; `Damaged` where the file is no whole backup; `Newer` where a later
/// version wrote it.
pub fn restore(config: &DataConfig, from: &Path) -> Result<RestoreSummary, StoreError> {
    let _lock = DataDirLock::acquire(&config.dir)?;
    let database = config.database();
    let unfinished = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .tempfile_in(&config.dir)
        .map_err(StoreError::file("cannot write in", &config.dir))?;
    fs::copy(from, unfinished.path()).map_err(StoreError::file("cannot read", from))?;
    let mut copy = open_writer(unfinished.path(), Journal::SingleFile)?;
    check(&copy)?;
    let cookie_key = take_cookie_key(&copy)?;
    prepare_schema(&mut copy)?;
    forgive_idleness(&copy)?;
    let mut restored = summarize(&copy, &database)?;
    drop(copy);
    unfinished.as_file().sync_all().map_err(StoreError::file("cannot write", unfinished.path()))?;

    let suffix = format!("replaced-{}", stamp(Timestamp::now()));
    let replaced = set_aside_database(&database, &suffix)?;
    unfinished.persist(&database).map_err(|error| error.error).map_err(StoreError::file("cannot write", &database))?;
    if let Some(key) = cookie_key {
        restore_cookie_key(&config.cookie_key(), &key, &suffix)?;
    }
    sync_folder(&config.dir)?;
    restored.size_bytes = fs::metadata(&database).map_err(StoreError::file("cannot read", &database))?.len();
    Ok(RestoreSummary { restored, replaced })
}

/// All pages in one step: writers go on in the log meanwhile, and don't make it start over.
fn copy_database(from: &Path, to: &Path) -> Result<(), StoreError> {
    let source = open_reader(from)?;
    let mut copy = Connection::open(to)?;
    match Backup::new(&source, &mut copy)?.step(-1)? {
        StepResult::Done => Ok(()),
        _ => Err(StoreError::Failed("the database stayed locked while it was to be copied".into())),
    }
}

fn check(connection: &Connection) -> Result<(), StoreError> {
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if application != APPLICATION_ID {
        return Err(StoreError::Damaged("the database is not one of Rose's".into()));
    }
    let verdict: String = connection.pragma_query_value(None, "integrity_check", |row| row.get(0))?;
    if verdict != "ok" {
        return Err(StoreError::Damaged(verdict));
    }
    let orphan = connection.prepare("PRAGMA foreign_key_check")?.exists([])?;
    if orphan { Err(StoreError::Damaged("rows refer to rows that aren't there".into())) } else { Ok(()) }
}

fn summarize(connection: &Connection, path: &Path) -> Result<BackupSummary, StoreError> {
    let count = |table: &str| -> Result<u64, StoreError> {
        Ok(connection
            .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0))?
            .unsigned_abs())
    };
    Ok(BackupSummary {
        path: path.to_owned(),
        size_bytes: 0,
        sessions: count("sessions")?,
        memories: count("memories")?,
    })
}

fn put_cookie_key(copy: &Connection, config: &DataConfig) -> Result<(), StoreError> {
    let path = config.cookie_key();
    match fs::read(&path) {
        Ok(key) => {
            copy.execute_batch("CREATE TABLE backup_cookie_key (key BLOB NOT NULL) STRICT")?;
            copy.execute("INSERT INTO backup_cookie_key VALUES (?1)", [key])?;
            Ok(())
        }
        // A server that has only signed-in people has none.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(StoreError::File { what: "cannot read", path, source }),
    }
}

fn take_cookie_key(copy: &Connection) -> Result<Option<Vec<u8>>, StoreError> {
    if !copy.table_exists(None, "backup_cookie_key")? {
        return Ok(None);
    }
    let key = copy.query_row("SELECT key FROM backup_cookie_key", [], |row| row.get(0)).optional()?;
    copy.execute_batch("DROP TABLE backup_cookie_key")?;
    Ok(key)
}

fn restore_cookie_key(path: &Path, key: &[u8], suffix: &str) -> Result<(), StoreError> {
    match fs::read(path) {
        Ok(present) if present == key => return Ok(()),
        Ok(_) => {
            let aside = with_suffix(path, suffix);
            fs::rename(path, &aside).map_err(StoreError::file("cannot move", path))?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(StoreError::File { what: "cannot read", path: path.to_owned(), source }),
    }
    // Readable by its owner only, as tempfile makes its files.
    let file = NamedTempFile::new_in(folder_of(path)).map_err(StoreError::file("cannot write", path))?;
    fs::write(file.path(), key)
        .and_then(|()| file.as_file().sync_all())
        .map_err(StoreError::file("cannot write", path))?;
    file.persist(path).map_err(|error| error.error).map_err(StoreError::file("cannot write", path))?;
    Ok(())
}

/// Sessions keep their order, the latest of them being active now.
fn forgive_idleness(copy: &Connection) -> Result<(), StoreError> {
    copy.execute(
        "UPDATE sessions SET last_active_at = last_active_at
             + max(0, ?1 - (SELECT max(last_active_at) FROM sessions))",
        [timestamp_now().as_microsecond()],
    )?;
    Ok(())
}

/// A second name for the database, so that its place is never empty: the restored one then takes over the first name.
fn set_aside_database(database: &Path, suffix: &str) -> Result<Option<PathBuf>, StoreError> {
    if !database.try_exists().map_err(StoreError::file("cannot read", database))? {
        return Ok(None);
    }
    // Brings what is in the log into the file and removes the log. Where the database is too damaged for that, file
    // and log are kept as they are: the log must not lie beside the restored database.
    if let Err(error) = open_writer(database, Journal::WriteAhead).and_then(|connection| {
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        connection.close().map_err(|(_, error)| error.into())
    }) {
        tracing::warn!(error = %error, "the database that is replaced can't be opened; it is kept as it is");
    }
    let aside = with_suffix(database, suffix);
    for ending in ["-wal", "-shm"] {
        let log = with_ending(database, ending);
        match fs::rename(&log, with_ending(&aside, ending)) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::File { what: "cannot move", path: log, source });
            }
            _ => {}
        }
    }
    fs::hard_link(database, &aside)
        // Some file systems have no second names.
        .or_else(|_| fs::copy(database, &aside).map(drop))
        .map_err(StoreError::file("cannot write", &aside))?;
    Ok(Some(aside))
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    with_ending(path, &format!(".{suffix}"))
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Such as `20260131T235959.123Z`: sorts by time.
fn stamp(at: Timestamp) -> String {
    let whole = at.strftime("%Y%m%dT%H%M%S");
    format!("{whole}.{:03}Z", at.subsec_millisecond())
}

/// A name that the daily backups count as theirs: such a backup goes when enough newer ones are there.
pub fn new_backup_name() -> String {
    name_for(Timestamp::now())
}

fn name_for(at: Timestamp) -> String {
    format!("rose-{}.db", stamp(at))
}

fn is_daily(name: &str) -> bool {
    name.len() == name_for(Timestamp::UNIX_EPOCH).len() && name.starts_with("rose-2") && name.ends_with("Z.db")
}

/// Its process was killed: no backup takes a day.
fn is_abandoned(entry: &fs::DirEntry) -> bool {
    let day = Duration::from_secs(24 * 60 * 60);
    let modified = entry.metadata().and_then(|metadata| metadata.modified());
    modified.is_ok_and(|modified| SystemTime::now().duration_since(modified).is_ok_and(|age| age > day))
}

fn remove(path: &Path) -> Result<(), StoreError> {
    fs::remove_file(path).map_err(StoreError::file("cannot remove", path))
}
