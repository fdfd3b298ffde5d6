//! What a run leaves on disk while it lasts, and takes away again, however it ends.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::instance::random;

/// All that has to be taken away. An interrupted run drops its tasks whenever the runtime comes to
/// it; this reaches what they left at once.
static LEFT: Mutex<Left> = Mutex::new(Left {
    serial: 0,
    folders: BTreeMap::new(),
});

struct Left {
    serial: u64,
    folders: BTreeMap<u64, PathBuf>,
}

/// Takes away all that is left.
pub(super) fn take_all_away() {
    let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
    for folder in std::mem::take(&mut left.folders).into_values() {
        drop(std::fs::remove_dir_all(folder));
    }
}

/// A folder of this run. Dropping it removes it.
#[derive(Debug)]
pub(super) struct TemporaryFolder {
    path: PathBuf,
    serial: u64,
}

impl TemporaryFolder {
    /// A new folder where the system keeps such things.
    pub(super) fn new() -> io::Result<Self> {
        let name = format!("gauntlet-{}-{}", std::process::id(), random(8));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path)?;
        let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
        left.serial += 1;
        let serial = left.serial;
        left.folders.insert(serial, path.clone());
        Ok(Self { path, serial })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
        left.folders.remove(&self.serial);
        drop(std::fs::remove_dir_all(&self.path));
    }
}
