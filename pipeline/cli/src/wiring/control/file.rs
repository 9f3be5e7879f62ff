//! `up.json`: where a running `up` listens, and the token that it wants. Readable by its user only.

use serde::{Deserialize, Serialize};
use std::{
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct UpFile {
    pub(super) port: u16,
    pub(super) token: String,
    pub(super) pid: u32,
}

fn path(log: &Path) -> PathBuf {
    log.join("up.json")
}

impl UpFile {
    /// Replaces what an earlier `up` left.
    pub(super) fn write(&self, log: &Path) -> std::io::Result<()> {
        let part = log.join("up.json.part");
        // Made anew, so that nobody else has it open.
        match std::fs::remove_file(&part) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        std::fs::rename(part, path(log))
    }

    /// What is there, stale or not.
    pub(super) fn read(log: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(path(log)).ok()?).ok()
    }

    pub(super) fn remove(log: &Path) {
        // What stays behind is stale without the lock.
        let _ = std::fs::remove_file(path(log));
    }
}
