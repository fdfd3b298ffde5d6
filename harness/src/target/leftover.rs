//! What a run leaves on disk while it lasts, and takes away again, however it ends.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::instance::random;

/// All that has to be undone. An interrupted run drops its tasks whenever the runtime comes to it;
/// this reaches what they left at once.
static LEFT: Mutex<Left> = Mutex::new(Left {
    serial: 0,
    undos: BTreeMap::new(),
});

struct Left {
    serial: u64,
    undos: BTreeMap<u64, Undo>,
}

/// How something is undone.
enum Undo {
    RemoveFolder(PathBuf),
    /// A file as it was; none, where there was none. Folders that were made for it go, too.
    Restore {
        path: PathBuf,
        before: Option<Vec<u8>>,
        made: Vec<PathBuf>,
    },
}

impl Undo {
    fn act(self) {
        match self {
            Self::RemoveFolder(path) => drop(std::fs::remove_dir_all(path)),
            Self::Restore { path, before, made } => {
                match before {
                    Some(before) => drop(std::fs::write(path, before)),
                    None => drop(std::fs::remove_file(path)),
                }
                for folder in made {
                    // One that the program put something of its own into stays.
                    drop(std::fs::remove_dir(folder));
                }
            }
        }
    }
}

/// Undoes all that is left, the last first.
pub(super) fn take_all_away() {
    let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
    for undo in std::mem::take(&mut left.undos).into_values().rev() {
        undo.act();
    }
}

/// Something to undo. Dropping it does so.
#[derive(Debug)]
struct Undoing(u64);

impl Undoing {
    fn new(undo: Undo) -> Self {
        let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
        left.serial += 1;
        let serial = left.serial;
        left.undos.insert(serial, undo);
        Self(serial)
    }
}

impl Drop for Undoing {
    fn drop(&mut self) {
        // Under the lock, so that nobody who ends the run goes on before it is done.
        let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(undo) = left.undos.remove(&self.0) {
            undo.act();
        }
    }
}

/// A folder of this run. Dropping it removes it.
#[derive(Debug)]
pub(crate) struct TemporaryFolder {
    path: PathBuf,
    _undo: Undoing,
}

impl TemporaryFolder {
    /// A new folder where the system keeps such things.
    pub(crate) fn new() -> io::Result<Self> {
        let name = format!("gauntlet-{}-{}", std::process::id(), random(8));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path)?;
        let undo = Undoing::new(Undo::RemoveFolder(path.clone()));
        Ok(Self { path, _undo: undo })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// A file that was written for a program. Dropping it puts back what was there.
#[derive(Debug)]
pub(super) struct WrittenFile {
    _undo: Undoing,
}

impl WrittenFile {
    /// Writes a file, and keeps what was there.
    pub(super) fn write(path: PathBuf, content: &[u8]) -> io::Result<Self> {
        let before = match std::fs::read(&path) {
            Ok(before) => Some(before),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let folders = path.ancestors().skip(1);
        let made: Vec<PathBuf> = folders
            .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists())
            .map(Path::to_owned)
            .collect();
        let undo = Undoing::new(Undo::Restore {
            path: path.clone(),
            before,
            made,
        });
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, content)?;
        Ok(Self { _undo: undo })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_put_back_as_it_was_and_a_new_one_goes_with_its_folders() {
        let folder = TemporaryFolder::new().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("a/b/new"));
        std::fs::write(&old, "before").unwrap();
        let written = [&old, &new].map(|path| WrittenFile::write(path.clone(), b"now").unwrap());
        assert_eq!(std::fs::read(&old).unwrap(), b"now");
        assert_eq!(std::fs::read(&new).unwrap(), b"now");
        drop(written);
        assert_eq!(std::fs::read(&old).unwrap(), b"before");
        assert!(!folder.path().join("a").exists());
    }
}
