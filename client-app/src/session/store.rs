//! Where sessions are kept: in memory, or as one file each, so that they survive a restart.
//!
//! A file holds tokens and lies open to nobody but its owner. For more than one replica put a
//! database in its place; the trait has four methods.

use async_trait::async_trait;
use std::{
    collections::HashMap,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};
use time::OffsetDateTime;
use tokio::{fs, io::AsyncWriteExt as _};
use tower_sessions::{
    SessionStore,
    session::{Id, Record},
    session_store::{Error, Result},
};

/// Either of the two stores, as the configuration chose.
#[derive(Clone, Debug)]
pub(crate) enum Store {
    Memory(Memory),
    Files(Files),
}

impl Store {
    /// Files in `directory`, or memory where there is none. Touches no file yet.
    pub(crate) fn new(directory: Option<PathBuf>) -> Self {
        match directory {
            None => Self::Memory(Memory::default()),
            Some(directory) => Self::Files(Files {
                directory,
                swept_at: Arc::default(),
                writing: Arc::default(),
            }),
        }
    }
}

impl Store {
    /// Deletes the sessions that are meant, and says how many there were.
    pub(super) async fn end(&self, meant: impl Fn(&Record) -> bool) -> Result<usize> {
        match self {
            Self::Memory(memory) => {
                let sessions = &mut memory.lock().sessions;
                let before = sessions.len();
                sessions.retain(|_, record| !meant(record));
                Ok(before - sessions.len())
            }
            Self::Files(files) => files.end(meant).await,
        }
    }
}

#[async_trait]
impl SessionStore for Store {
    async fn create(&self, record: &mut Record) -> Result<()> {
        // An id has 128 random bits; that it is taken does not happen by chance.
        while self.load(&record.id).await?.is_some() {
            record.id = Id::default();
        }
        match self {
            Self::Memory(memory) => {
                memory.insert(record);
                Ok(())
            }
            Self::Files(files) => {
                files.sweep().await?;
                files.insert(record).await
            }
        }
    }

    /// A session that was ended while a request of it went on stays ended: the user was signed out
    /// meanwhile, here or by the provider.
    async fn save(&self, record: &Record) -> Result<()> {
        match self {
            Self::Memory(memory) => {
                if let Some(kept) = memory.lock().sessions.get_mut(&record.id) {
                    *kept = record.clone();
                }
                Ok(())
            }
            Self::Files(files) => files.replace(record).await,
        }
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let record = match self {
            Self::Memory(memory) => memory.lock().sessions.get(id).cloned(),
            Self::Files(files) => files.load(id).await?,
        };
        Ok(record.filter(is_alive))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        match self {
            Self::Memory(memory) => {
                memory.lock().sessions.remove(id);
                Ok(())
            }
            Self::Files(files) => {
                let _turn = files.writing.lock().await;
                done(fs::remove_file(files.path(id)).await)
            }
        }
    }
}

fn is_alive(record: &Record) -> bool {
    record.expiry_date > OffsetDateTime::now_utc()
}

/// Sessions in memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory(Arc<Mutex<Sessions>>);

#[derive(Debug, Default)]
struct Sessions {
    sessions: HashMap<Id, Record>,
    sweep_at: usize,
}

impl Memory {
    /// Removes the expired ones whenever the number has doubled: no session costs more than a
    /// constant for it, and dead ones are never more than the living.
    fn insert(&self, record: &Record) {
        let mut inner = self.lock();
        if inner.sessions.len() >= inner.sweep_at {
            inner.sessions.retain(|_, record| is_alive(record));
            inner.sweep_at = (inner.sessions.len() * 2).max(1024);
        }
        inner.sessions.insert(record.id, record.clone());
    }

    fn lock(&self) -> MutexGuard<'_, Sessions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How old a file has to be before it is looked at as a leftover, and how often that is done. No
/// session lives longer without being saved.
const OLDEST_FILE: Duration = Duration::from_hours(8);
const SWEEP_EVERY: Duration = Duration::from_mins(10);

/// Sessions as files.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    directory: PathBuf,
    swept_at: Arc<Mutex<Option<SystemTime>>>,
    /// Whoever ends sessions or writes one anew, so that none comes back from the dead.
    writing: Arc<tokio::sync::Mutex<()>>,
}

impl Files {
    /// The id is 128 random bits; in hexadecimal it is a file name on every system.
    fn path(&self, id: &Id) -> PathBuf {
        self.directory.join(format!("{:032x}.json", id.0))
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let bytes = match fs::read(self.path(id)).await {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::Backend(error.to_string())),
        };
        // A file that cannot be read any more is no session; its user signs in again.
        Ok(serde_json::from_slice(&bytes).ok())
    }

    /// Writes beside the file and moves into place, so that a crash leaves the old or the new one.
    async fn insert(&self, record: &Record) -> Result<()> {
        let bytes = serde_json::to_vec(record).map_err(|error| Error::Encode(error.to_string()))?;
        let path = self.path(&record.id);
        let draft = path.with_extension("new");
        let written = async {
            create_private_directory(&self.directory).await?;
            let mut file = private_file().open(&draft).await?;
            file.write_all(&bytes).await?;
            file.flush().await?;
            fs::rename(&draft, &path).await
        };
        done(written.await)
    }

    /// Writes a session anew, unless it has been ended meanwhile.
    async fn replace(&self, record: &Record) -> Result<()> {
        let _turn = self.writing.lock().await;
        match fs::try_exists(self.path(&record.id)).await {
            Ok(true) => self.insert(record).await,
            Ok(false) => Ok(()),
            Err(error) => Err(Error::Backend(error.to_string())),
        }
    }

    async fn end(&self, meant: impl Fn(&Record) -> bool) -> Result<usize> {
        let _turn = self.writing.lock().await;
        let Ok(mut entries) = fs::read_dir(&self.directory).await else {
            return Ok(0);
        };
        let mut ended = 0;
        while let Ok(Some(entry)) = entries.next_entry().await {
            let path = entry.path();
            let bytes = if is_ours(&path) {
                fs::read(&path).await.ok()
            } else {
                None
            };
            let record: Option<Record> =
                bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
            if record.is_some_and(|record| meant(&record)) {
                done(fs::remove_file(&path).await)?;
                ended += 1;
            }
        }
        Ok(ended)
    }

    async fn sweep(&self) -> Result<()> {
        if !self.is_time_to_sweep() {
            return Ok(());
        }
        let Ok(mut entries) = fs::read_dir(&self.directory).await else {
            return Ok(());
        };
        while let Ok(Some(entry)) = entries.next_entry().await {
            let modified = entry.metadata().await.and_then(|data| data.modified());
            let is_old = modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > OLDEST_FILE));
            if is_old && is_ours(&entry.path()) {
                done(fs::remove_file(entry.path()).await)?;
            }
        }
        Ok(())
    }

    fn is_time_to_sweep(&self) -> bool {
        let mut swept_at = self.swept_at.lock().unwrap_or_else(PoisonError::into_inner);
        let due = swept_at.is_none_or(|at| at.elapsed().is_ok_and(|age| age > SWEEP_EVERY));
        if due {
            *swept_at = Some(SystemTime::now());
        }
        due
    }
}

/// Whether a file's name is one that [`Files::path`] makes: nothing else is ever deleted.
fn is_ours(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    matches!(extension, Some("json" | "new"))
        && stem.is_some_and(|stem| stem.len() == 32 && stem.chars().all(|c| c.is_ascii_hexdigit()))
}

async fn create_private_directory(path: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    builder.mode(0o700);
    builder.create(path).await
}

fn private_file() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    options.mode(0o600);
    options
}

fn done(outcome: std::io::Result<()>) -> Result<()> {
    match outcome {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::Backend(error.to_string())),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
