//! `gauntlet prove`: builds every mutant of the reference client, runs it against the scenarios
//! that it names, and shows which are caught.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, io};

use super::{complain, show, tell};
use crate::cli::ProveArgs;
use crate::judge::Verdict;
use crate::mutant::{Mutant, load};
use crate::report::Exit;
use crate::run::{Outcome, Progress, run_all};
use crate::scenario::{Plan, Settings, Source};
use crate::select::matches;
use crate::target::{Builtin, Pool, Reach, Ready, Restart, Start, Target};

/// Runs the command.
pub async fn prove(args: &ProveArgs) -> Exit {
    let work = prove_all(args);
    tokio::select! {
        exit = work => exit,
        () = super::run::interrupted() => Exit::Interrupted,
    }
}

async fn prove_all(args: &ProveArgs) -> Exit {
    let started = Instant::now();
    let Some(root) = source_root() else {
        complain(
            "error: this is not the source tree: no client-app/ and harness/mutants/ here or above",
        );
        complain("       run `gauntlet prove` in a clone of the repository");
        return Exit::Usage;
    };
    let mutants = match load(&root.join("harness/mutants")) {
        Ok(mutants) => mutants,
        Err(defects) => {
            show(&defects);
            return Exit::Usage;
        }
    };
    let plans = match crate::scenario::load(&Source::Folder(root.join("scenarios"))) {
        Ok(plans) => plans,
        Err(error) => {
            show(&error.0);
            return Exit::Usage;
        }
    };
    if let Some(unknown) = args
        .mutants
        .iter()
        .find(|name| !mutants.iter().any(|m| m.name == **name))
    {
        complain(&format!("error: there is no mutant `{unknown}`"));
        let names: Vec<&str> = mutants.iter().map(|mutant| mutant.name.as_str()).collect();
        if let Some(near) = crate::diag::nearest(unknown, &names) {
            complain(&format!("       did you mean `{near}`?"));
        }
        return Exit::Usage;
    }
    let chosen: Vec<Mutant> = mutants
        .iter()
        .filter(|mutant| args.mutants.is_empty() || args.mutants.contains(&mutant.name))
        .cloned()
        .collect();
    tell(&format!(
        "gauntlet prove · {} mutants of client-app",
        chosen.len()
    ));
    let workshop = match Workshop::open(&root) {
        Ok(workshop) => workshop,
        Err(error) => {
            complain(&format!("error: {error}"));
            return Exit::Setup;
        }
    };
    let mut missed = Vec::new();
    // One mutant is run while the next one is built.
    let mut running: Option<tokio::task::JoinHandle<Proof>> = None;
    for mutant in chosen {
        let built = workshop.build(&mutant).await;
        if let Some(task) = running.take() {
            conclude(task, &mut missed).await;
        }
        match built {
            Ok(program) => {
                let plans: Vec<Plan> = plans
                    .iter()
                    .filter(|plan| mutant.caught_by.iter().any(|id| matches(id, &plan.id)))
                    .cloned()
                    .collect();
                running = Some(tokio::spawn(run_mutant(mutant, program, plans)));
            }
            Err(error) => {
                tell(&format!("  BROKEN  {:<34} {error}", mutant.name));
                missed.push(mutant.name);
            }
        }
    }
    if let Some(task) = running.take() {
        conclude(task, &mut missed).await;
    }
    let idle = if args.mutants.is_empty() {
        idle(&plans, &mutants)
    } else {
        Vec::new()
    };
    for id in &idle {
        tell(&format!(
            "  IDLE    {id:<34} no mutant names it, and it does not say why none can exist"
        ));
    }
    tell(&format!(
        "{} missed, {} idle, in {:.0} s",
        missed.len(),
        idle.len(),
        started.elapsed().as_secs_f64()
    ));
    if missed.is_empty() && idle.is_empty() {
        Exit::Well
    } else {
        Exit::Failed
    }
}

/// Scenarios that catch nothing: no mutant names any of their cases.
pub fn idle(plans: &[Plan], mutants: &[Mutant]) -> Vec<String> {
    let named: BTreeSet<&str> = mutants
        .iter()
        .flat_map(|mutant| &mutant.caught_by)
        .map(|id| file_of(id))
        .collect();
    let idle = plans
        .iter()
        .filter(|plan| plan.scenario.no_mutant.is_none() && !named.contains(file_of(&plan.id)));
    let idle: BTreeSet<&str> = idle.map(|plan| file_of(&plan.id)).collect();
    idle.into_iter().map(str::to_owned).collect()
}

fn file_of(id: &str) -> &str {
    id.split('[').next().unwrap_or(id)
}

/// What became of one mutant.
struct Proof {
    mutant: Mutant,
    verdicts: BTreeMap<String, Verdict>,
    unknown: Vec<String>,
    program: PathBuf,
}

async fn conclude(task: tokio::task::JoinHandle<Proof>, missed: &mut Vec<String>) {
    let Ok(proof) = task.await else {
        tell("  BROKEN  a run ended unexpectedly");
        missed.push("?".to_owned());
        return;
    };
    drop(fs::remove_file(&proof.program));
    // Every id that a mutant names has to catch it, in at least one of its cases.
    let mut slipped: Vec<&str> = proof.unknown.iter().map(String::as_str).collect();
    for id in &proof.mutant.caught_by {
        let caught = proof.verdicts.iter().any(|(case, verdict)| {
            matches(id, case) && matches!(verdict, Verdict::Fail | Verdict::Warn)
        });
        if !caught && !slipped.contains(&id.as_str()) {
            slipped.push(id);
        }
    }
    if slipped.is_empty() {
        tell(&format!(
            "  caught  {:<34} {}",
            proof.mutant.name,
            proof.mutant.caught_by.join(", ")
        ));
        return;
    }
    for id in slipped {
        let seen: Vec<String> = proof
            .verdicts
            .iter()
            .filter(|(case, _)| matches(id, case))
            .map(|(case, verdict)| format!("{case} {}", verdict.word()))
            .collect();
        let seen = if seen.is_empty() {
            "there is no such scenario".to_owned()
        } else {
            seen.join(", ")
        };
        tell(&format!("  MISSED  {:<34} {id}: {seen}", proof.mutant.name));
    }
    missed.push(proof.mutant.name);
}

async fn run_mutant(mutant: Mutant, program: PathBuf, plans: Vec<Plan>) -> Proof {
    let known: BTreeSet<String> = plans.iter().map(|plan| plan.id.clone()).collect();
    let unknown = mutant
        .caught_by
        .iter()
        .filter(|id| !known.iter().any(|case| matches(id, case)))
        .cloned()
        .collect();
    let mut verdicts = BTreeMap::new();
    if let Ok(pool) = Pool::start(as_target(&mutant, &program)).await {
        let settled = run_all(pool, plans, 2, &Silent).await;
        for outcome in settled.outcomes {
            verdicts.insert(outcome.plan.id.clone(), outcome.judgement.verdict);
        }
    }
    Proof {
        mutant,
        verdicts,
        unknown,
        program,
    }
}

struct Silent;

impl Progress for Silent {
    fn judged(&self, _: &Outcome) {}
}

/// A mutant as any other client: a program, and the environment that configures it.
fn as_target(mutant: &Mutant, program: &Path) -> Target {
    let mut plain = Builtin::reference_env(&Settings {
        plain_oauth2: true,
        ..Settings::default()
    });
    plain.insert("OIDC_ISSUER".to_owned(), String::new());
    let start = Start {
        command: format!("'{}'", program.display()),
        install: None,
        ready: Ready::default(),
        timeout: "20s".to_owned(),
        restart: Restart::PerScenario,
        files: BTreeMap::new(),
        env: Builtin::reference_env(&Settings::default()),
        env_plain_oauth2: plain,
        env_two_issuers: Builtin::reference_env(&Settings {
            two_issuers: true,
            ..Settings::default()
        }),
    };
    Target {
        name: mutant.name.clone(),
        reach: Reach::Command {
            folder: PathBuf::new(),
            start: Box::new(start),
            timeout: Duration::from_secs(20),
        },
        ..Builtin::Reference.target()
    }
}

/// The folder that holds `client-app` and `harness/mutants`, here or above.
fn source_root() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    here.ancestors()
        .find(|folder| {
            folder.join("client-app/Cargo.toml").is_file()
                && folder.join("harness/mutants").is_dir()
        })
        .map(Path::to_owned)
}

/// Where mutants are made: a copy of the client's source, edited and built one after the other, so
/// that all they share is compiled once.
struct Workshop {
    original: PathBuf,
    copy: PathBuf,
    build: PathBuf,
    programs: PathBuf,
}

/// Why a mutant could not be built.
#[derive(Debug, thiserror::Error)]
enum BuildError {
    #[error(transparent)]
    Edit(#[from] crate::mutant::EditError),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("it does not compile:\n{0}")]
    Compiler(String),
}

impl Workshop {
    fn open(root: &Path) -> io::Result<Self> {
        let base = root.join("target/prove");
        let workshop = Self {
            original: root.join("client-app"),
            copy: base.join("client-app"),
            build: base.join("build"),
            programs: base.join("programs"),
        };
        if workshop.copy.exists() {
            fs::remove_dir_all(&workshop.copy)?;
        }
        copy_tree(&workshop.original, &workshop.copy)?;
        // The copy stands on its own, with the versions that the workspace has locked.
        let manifest = workshop.copy.join("Cargo.toml");
        let text = fs::read_to_string(&manifest)? + "\n[workspace]\n";
        fs::write(&manifest, text)?;
        let lock = root.join("Cargo.lock");
        if lock.is_file() {
            fs::copy(lock, workshop.copy.join("Cargo.lock"))?;
        }
        fs::create_dir_all(&workshop.programs)?;
        Ok(workshop)
    }

    async fn build(&self, mutant: &Mutant) -> Result<PathBuf, BuildError> {
        let changed = mutant.apply(&self.original)?;
        for (file, text) in &changed {
            fs::write(self.copy.join(file), text)?;
        }
        let output =
            tokio::process::Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()))
                .args(["build", "--quiet", "--offline", "--bin", "client-app"])
                .current_dir(&self.copy)
                .env("CARGO_TARGET_DIR", &self.build)
                .env("CARGO_INCREMENTAL", "1")
                .env("CARGO_PROFILE_DEV_DEBUG", "false")
                .env("CARGO_PROFILE_DEV_STRIP", "true")
                .env("CARGO_TERM_COLOR", "never")
                .env_remove("RUSTFLAGS")
                .kill_on_drop(true)
                .output()
                .await?;
        for (file, _) in &changed {
            fs::copy(self.original.join(file), self.copy.join(file))?;
        }
        if !output.status.success() {
            return Err(BuildError::Compiler(
                String::from_utf8_lossy(&output.stderr).into_owned(),
            ));
        }
        let program = self.programs.join(&mutant.name);
        fs::rename(self.build.join("debug/client-app"), &program)?;
        Ok(program)
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.programs));
    }
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
