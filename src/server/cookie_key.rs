//! The key that signs the cookies. Made once, kept beside the data, readable by its owner only.

use std::io::Write;
use std::path::{Path, PathBuf};

use axum_extra::extract::cookie::Key;

const LENGTH: usize = 64;

#[derive(Debug, thiserror::Error)]
pub enum CookieKeyError {
    #[error("the cookie key {} can't be read or written: {source}", file.display())]
    Io { file: PathBuf, source: std::io::Error },
    #[error(
        "the cookie key {} has {length} bytes instead of {LENGTH}; restore it from a backup, or delete it: \
         then everyone is a stranger again",
        file.display()
    )]
    Damaged { file: PathBuf, length: usize },
}

/// # Errors
/// Where the file can't be read, made, or holds something else.
pub(super) fn load_or_create(file: &Path) -> Result<Key, CookieKeyError> {
    let failed = |source| CookieKeyError::Io { file: file.to_owned(), source };
    match std::fs::read(file) {
        Ok(bytes) if bytes.len() == LENGTH => Ok(Key::from(&bytes)),
        Ok(bytes) => Err(CookieKeyError::Damaged { file: file.to_owned(), length: bytes.len() }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = Key::generate();
            write_durably(file, key.master()).map_err(failed)?;
            Ok(key)
        }
        Err(error) => Err(failed(error)),
    }
}

/// Whole or not at all: a crash never leaves half a key. `NamedTempFile` opens with mode 0600.
fn write_durably(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    temporary.write_all(bytes)?;
    temporary.as_file().sync_all()?;
    temporary.persist_noclobber(file)?;
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_stays_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cookie.key");
        let made = load_or_create(&file).unwrap();
        assert_eq!(made.master(), load_or_create(&file).unwrap().master());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_damaged_key_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cookie.key");
        std::fs::write(&file, b"short").unwrap();
        assert!(matches!(load_or_create(&file), Err(CookieKeyError::Damaged { length: 5, .. })));
        assert_eq!(std::fs::read(&file).unwrap(), b"short");
    }
}
