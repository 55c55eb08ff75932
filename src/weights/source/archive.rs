//! Takes single files out of wheels (zip) and node packages (tar, gzip). Nothing is ever unpacked under a name that the
//! archive chose.

use std::fs::File;
use std::io::BufReader;
use std::path::{Component, Path, PathBuf};

use super::{Joined, SourceError};
use crate::weights::manifest::Take;

/// Writes the take's paths, joined, to one file. Each path is looked for in every archive, in order.
pub(super) fn join(archives: &[PathBuf], take: &Take, to: &Path) -> Result<(), SourceError> {
    let mut joined = Joined::create(to, take.sum.size_bytes)?;
    for path in &take.paths {
        append(archives, path, &mut joined)?;
    }
    joined.finish()
}

fn append(archives: &[PathBuf], path: &str, to: &mut Joined<'_>) -> Result<(), SourceError> {
    let stays_within = Path::new(path).components().all(|component| matches!(component, Component::Normal(_)));
    if !stays_within {
        return Err(SourceError::Member { path: path.to_owned(), reason: "it leads out of the package".into() });
    }
    for archive in archives {
        let file = BufReader::new(File::open(archive).map_err(SourceError::io(archive, "read"))?);
        let found = if archive.extension().is_some_and(|ending| ending == "tgz") {
            append_from_tar(file, path, to)?
        } else {
            append_from_zip(file, path, to)?
        };
        if found {
            return Ok(());
        }
    }
    Err(SourceError::Member { path: path.to_owned(), reason: "no such file in the package".into() })
}

fn append_from_zip(file: BufReader<File>, path: &str, to: &mut Joined<'_>) -> Result<bool, SourceError> {
    let mut zip = zip::ZipArchive::new(file).map_err(damaged)?;
    let mut member = match zip.by_name(path) {
        Ok(member) => member,
        Err(zip::result::ZipError::FileNotFound) => return Ok(false),
        Err(error) => return Err(damaged(error)),
    };
    if !member.is_file() {
        return Err(SourceError::Member { path: path.to_owned(), reason: "it is not a plain file".into() });
    }
    to.append(&mut member)?;
    Ok(true)
}

fn append_from_tar(file: BufReader<File>, path: &str, to: &mut Joined<'_>) -> Result<bool, SourceError> {
    let mut tar = tar::Archive::new(flate2::bufread::GzDecoder::new(file));
    for entry in tar.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        if entry.path_bytes() != path.as_bytes() {
            continue;
        }
        if !entry.header().entry_type().is_file() {
            return Err(SourceError::Member { path: path.to_owned(), reason: "it is not a plain file".into() });
        }
        to.append(&mut entry)?;
        return Ok(true);
    }
    Ok(false)
}

fn damaged(error: impl std::fmt::Display) -> SourceError {
    SourceError::Archive { reason: error.to_string() }
}
