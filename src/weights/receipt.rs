//! What was found when a model's files were last hashed, so that an unchanged file is not hashed at every start.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::checksum::Sum;

const FILE_NAME: &str = ".receipt.json";

/// Kept in the model's folder.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Receipt {
    files: BTreeMap<String, Stamp>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    modified: SystemTime,
    sum: Sum,
}

impl Receipt {
    /// None, or one that can't be read, vouches for nothing.
    pub(super) fn read(folder: &Path) -> Self {
        let text = fs::read(folder.join(FILE_NAME));
        text.ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    /// The sum of a file that has not been touched since it was hashed.
    pub(super) fn sum_of(&self, name: &str, metadata: &fs::Metadata) -> Option<&Sum> {
        let stamp = self.files.get(name)?;
        let untouched = metadata.len() == stamp.sum.size_bytes && metadata.modified().ok() == Some(stamp.modified);
        untouched.then_some(&stamp.sum)
    }

    pub(super) fn record(&mut self, name: &str, modified: SystemTime, sum: Sum) {
        self.files.insert(name.to_owned(), Stamp { modified, sum });
    }

    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        let mut file = builder().tempfile_in(folder)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.persist(folder.join(FILE_NAME))?;
        Ok(())
    }
}

/// Readable by all, as the weights are: the one who serves need not be the one who pulled.
fn builder() -> tempfile::Builder<'static, 'static> {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only Unix has permissions to set"))]
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    builder
}
