//! SHA-256 sums: what a file should be, and what it is.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::Digest;

/// Read at once while hashing; larger brought nothing.
const BLOCK_BYTES: usize = 256 * 1024;

/// 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256(String);

impl TryFrom<String> for Sha256 {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let valid = text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if valid { Ok(Self(text)) } else { Err(format!("`{text}` is not a sha256: 64 lower-case hex digits")) }
    }
}

impl From<Sha256> for String {
    fn from(sum: Sha256) -> Self {
        sum.0
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

/// A file's size and sum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    pub size_bytes: u64,
    pub sha256: Sha256,
}

impl fmt::Display for Sum {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} bytes with sha256 {}", self.size_bytes, self.sha256)
    }
}

impl Sum {
    /// Reads the whole file.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn of(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut hasher = sha2::Sha256::new();
        let mut block = vec![0; BLOCK_BYTES];
        let mut size_bytes = 0;
        loop {
            let read = file.read(&mut block)?;
            if read == 0 {
                break;
            }
            hasher.update(&block[..read]);
            size_bytes += read as u64;
        }
        Ok(Self { size_bytes, sha256: Sha256(format!("{:x}", hasher.finalize())) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_the_published_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        let sum = Sum::of(&path).unwrap();
        // FIPS 180-2, appendix B.1.
        assert_eq!(sum.sha256.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(sum.size_bytes, 3);
    }

    #[test]
    fn only_a_sum_is_taken_for_one() {
        for text in ["", "abc", &"A".repeat(64), &"g".repeat(64), &"a".repeat(63)] {
            assert!(Sha256::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
