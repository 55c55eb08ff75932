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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tempfile::TempDir;
    use zip::write::SimpleFileOptions;

    use super::*;
    use crate::weights::checksum::Sum;

    fn take(paths: &[&str]) -> Take {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "one two").unwrap();
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        Take { paths, sum: Sum::of(file.path()).unwrap() }
    }

    fn wheel(folder: &TempDir, name: &str, members: &[(&str, &str)]) -> PathBuf {
        let path = folder.path().join(name);
        let mut zip = zip::ZipWriter::new(File::create(&path).unwrap());
        for (name, content) in members {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(content.as_bytes()).unwrap();
        }
        zip.add_symlink("link", "/etc/hostname", SimpleFileOptions::default()).unwrap();
        zip.finish().unwrap();
        path
    }

    fn node_package(folder: &TempDir, members: &[(&str, &str)]) -> PathBuf {
        let path = folder.path().join("a.tgz");
        let mut tar = tar::Builder::new(GzEncoder::new(File::create(&path).unwrap(), Compression::fast()));
        for (name, content) in members {
            let mut header = tar::Header::new_gnu();
            // `set_path` refuses what an attacker would write.
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            tar.append(&header, content.as_bytes()).unwrap();
        }
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        tar.append_link(&mut header, "link", "/etc/hostname").unwrap();
        tar.into_inner().unwrap().finish().unwrap();
        path
    }

    fn joined(archives: &[PathBuf], paths: &[&str]) -> Result<String, SourceError> {
        let folder = TempDir::new().unwrap();
        let to = folder.path().join("joined");
        join(archives, &take(paths), &to)?;
        Ok(std::fs::read_to_string(to).unwrap())
    }

    #[test]
    fn parts_of_several_packages_are_joined_in_order() {
        let folder = TempDir::new().unwrap();
        let archives =
            [wheel(&folder, "a.whl", &[("b/1", "one "), ("b/3", "")]), wheel(&folder, "b.whl", &[("c/2", "two")])];
        assert_eq!(joined(&archives, &["b/1", "c/2"]).unwrap(), "one two");
        assert!(matches!(joined(&archives, &["b/2"]), Err(SourceError::Member { .. })));
    }

    #[test]
    fn a_member_that_leads_out_is_refused() {
        let folder = TempDir::new().unwrap();
        let hostile = ["../evil", "/evil", "a/../../evil"];
        let members: Vec<_> = hostile.iter().map(|name| (*name, "one two")).collect();
        for archives in [[wheel(&folder, "a.whl", &members)], [node_package(&folder, &members)]] {
            for name in hostile {
                assert!(matches!(joined(&archives, &[name]), Err(SourceError::Member { .. })), "{name}");
            }
        }
    }

    #[test]
    fn a_link_is_not_followed() {
        let folder = TempDir::new().unwrap();
        for archives in [[wheel(&folder, "a.whl", &[])], [node_package(&folder, &[])]] {
            assert!(matches!(joined(&archives, &["link"]), Err(SourceError::Member { .. })));
        }
    }

    #[test]
    fn no_more_is_written_than_was_promised() {
        let folder = TempDir::new().unwrap();
        let bomb = "a".repeat(1_000_000);
        for archives in [[wheel(&folder, "a.whl", &[("a", &bomb)])], [node_package(&folder, &[("a", &bomb)])]] {
            assert_eq!(joined(&archives, &["a"]).unwrap().len(), "one two".len() + 1);
        }
    }

    #[test]
    fn what_is_no_archive_is_said_to_be_none() {
        let folder = TempDir::new().unwrap();
        for name in ["a.whl", "a.tgz"] {
            let path = folder.path().join(name);
            std::fs::write(&path, "not an archive at all").unwrap();
            assert!(matches!(joined(&[path], &["a"]), Err(SourceError::Archive { .. })), "{name}");
        }
    }
}
