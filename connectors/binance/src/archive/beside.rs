//! A file of the archive that a user has: whether the CHECKSUM beside it matches, and what it then proves to be complete.

use super::{coverage, plan::ArchiveFile, read::read};
use candleflow_schema::{Micros, quarantine::Coverage};
use sha2::{Digest, Sha256};
use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Longest CHECKSUM file.
const CHECKSUM_LIMIT: u64 = 4096;

/// What stands beside a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beside {
    /// No CHECKSUM, or one that states nothing that can be read.
    Nothing,
    /// One that does not match: the file is damaged, or another.
    Mismatch,
    /// One that matches, and what the file proves: nothing, if its name is not one of the archive's.
    Match(Vec<Coverage>),
}

/// Looks for `FILE.CHECKSUM` and compares.
///
/// # Errors
/// When the file cannot be read.
pub fn beside(path: &Path) -> io::Result<Beside> {
    let mut name = path.as_os_str().to_owned();
    name.push(".CHECKSUM");
    let mut text = String::new();
    match File::open(PathBuf::from(name)) {
        Ok(file) => file.take(CHECKSUM_LIMIT).read_to_string(&mut text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Beside::Nothing),
        Err(error) => return Err(error),
    };
    let stated = text.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    if stated.len() != 64 || !stated.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(Beside::Nothing);
    }
    let mut hash = Sha256::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            n => hash.update(&buffer[..n]),
        }
    }
    let found: String = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
    if found != stated {
        return Ok(Beside::Mismatch);
    }
    let proved = path.file_name().and_then(|n| n.to_str()).and_then(ArchiveFile::parse).and_then(|file| {
        // A file that cannot be read to its end proves nothing; who imports it says why.
        let contents = read(path, &file, Micros::MIN, Micros::MAX, &mut |_, _| true).ok()?;
        Some(coverage(&file, &contents, Micros::MIN, Micros::MAX))
    });
    Ok(Beside::Match(proved.unwrap_or_default()))
}
