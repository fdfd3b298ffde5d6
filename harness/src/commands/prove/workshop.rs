//! Where mutants are made: copies of the client's source, each edited, built and put back, over and
//! over, so that the compiler knows most of it already.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::{fs, io};

use tokio::process::Command;
use tokio::sync::Semaphore;

use super::kit::{Kit, joined};
use crate::mutant::Mutant;

/// The workshop: a few benches, each for one mutant at a time.
#[derive(Debug)]
pub(super) struct Workshop {
    original: PathBuf,
    programs: PathBuf,
    kit: Kit,
    free: Semaphore,
    benches: Mutex<Vec<Bench>>,
}

/// A copy of the client's folder, and what the compiler remembers of the last mutant.
#[derive(Debug)]
struct Bench {
    copy: PathBuf,
    remembered: PathBuf,
    library: PathBuf,
}

/// Why a mutant could not be built.
#[derive(Debug, thiserror::Error)]
pub(super) enum BuildError {
    #[error(transparent)]
    Edit(#[from] crate::mutant::EditError),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("cargo does not build what mutants are made of:\n{0}")]
    Cargo(String),
    #[error("it does not compile:\n{0}")]
    Compiler(String),
}

impl Workshop {
    pub(super) async fn open(root: &Path, benches: usize) -> Result<Self, BuildError> {
        let base = root.join("target/prove");
        let original = root.join("client-app");
        let programs = base.join("programs");
        fs::create_dir_all(&programs)?;
        let kit = Kit::gather(root).await?;
        let bench = |number: usize| Bench::set_up(&original, &base.join(format!("bench-{number}")));
        let all = (0..benches).map(bench).collect::<io::Result<Vec<_>>>()?;
        Ok(Self {
            original,
            programs,
            kit,
            free: Semaphore::new(all.len()),
            benches: Mutex::new(all),
        })
    }

    /// The mutant as a program. It waits for a bench.
    pub(super) async fn build(&self, mutant: &Mutant) -> Result<PathBuf, BuildError> {
        let _permit = self.free.acquire().await;
        let bench = self.benches().pop();
        let bench = bench.ok_or_else(|| io::Error::other("no bench is free"))?;
        let program = self.programs.join(&mutant.name);
        let built = self.build_at(&bench, mutant, &program).await;
        self.benches().push(bench);
        built.map(|()| program)
    }

    fn benches(&self) -> std::sync::MutexGuard<'_, Vec<Bench>> {
        self.benches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn build_at(
        &self,
        bench: &Bench,
        mutant: &Mutant,
        program: &Path,
    ) -> Result<(), BuildError> {
        let changed = mutant.apply(&self.original)?;
        for (file, text) in &changed {
            fs::write(bench.copy.join(file), text)?;
        }
        let kit = &self.kit;
        let mut library = kit.compile(&kit.library, &bench.copy, &bench.remembered);
        library.arg("-o").arg(&bench.library);
        let mut built = done(library).await;
        if built.is_ok() {
            let mut linked = kit.compile(&kit.program, &bench.copy, &bench.remembered);
            let name = format!("{}=", kit.library.name);
            linked.arg("--extern").arg(joined(&name, &bench.library));
            linked.arg("-o").arg(program);
            built = done(linked).await;
        }
        for (file, _) in &changed {
            fs::copy(self.original.join(file), bench.copy.join(file))?;
        }
        built
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.programs));
    }
}

impl Bench {
    fn set_up(original: &Path, folder: &Path) -> io::Result<Self> {
        let copy = folder.join("client-app");
        if copy.exists() {
            fs::remove_dir_all(&copy)?;
        }
        copy_tree(original, &copy)?;
        let remembered = folder.join("incremental");
        fs::create_dir_all(&remembered)?;
        Ok(Self {
            copy,
            remembered,
            library: folder.join("libclient_app.rlib"),
        })
    }
}

async fn done(mut compiler: Command) -> Result<(), BuildError> {
    let output = compiler.output().await?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(BuildError::Compiler(said.into_owned()))
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            if entry.file_name() != "target" {
                copy_tree(&source, &target)?;
            }
        } else {
            fs::copy(source, target)?;
        }
    }
    Ok(())
}
