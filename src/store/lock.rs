//! One process at a time has a data folder. The operating system lets go of the lock when the process ends, however
//! it ends.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use super::StoreError;

/// Held for as long as the folder is in use.
#[derive(Debug)]
pub struct DataDirLock {
    _file: File,
}

impl DataDirLock {
    /// Makes the folder where there is none, readable by its owner only.
    ///
    /// # Errors
    /// `InUse` while another process (or another lock in this one) has it; `File` where it can't be made.
    pub fn acquire(dir: &Path) -> Result<Self, StoreError> {
        make_private_folder(dir)?;
        let path = dir.join("rose.lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(StoreError::file("cannot open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse { dir: dir.to_owned() }),
            Err(TryLockError::Error(source)) => Err(StoreError::File { what: "cannot lock", path, source }),
        }
    }
}

/// What people told Rose is nobody else's on this machine.
pub(super) fn make_private_folder(dir: &Path) -> Result<(), StoreError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(StoreError::file("cannot make the folder", dir))
}

/// Makes a file's name in its folder durable; the file's own `sync_all` covers only its contents.
pub(super) fn sync_folder(dir: &Path) -> Result<(), StoreError> {
    // Windows has no such call, and makes names durable by itself.
    #[cfg(unix)]
    File::open(dir).and_then(|folder| folder.sync_all()).map_err(StoreError::file("cannot sync the folder", dir))?;
    #[cfg(not(unix))]
    let _ = dir;
    Ok(())
}
