//! `gauntlet prove`: builds every mutant of the reference client, runs it against the scenarios
//! that it names, and shows which are caught.

mod kit;
mod workshop;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use self::workshop::{BuildError, Workshop};
use super::{complain, cores, show, tell};
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
    let how_many = match chosen.len() {
        1 => "1 mutant".to_owned(),
        number => format!("{number} mutants"),
    };
    tell(&format!("gauntlet prove · {how_many} of client-app"));
    let benches = cores().min(BENCHES);
    let workshop = match Workshop::open(&root, benches).await {
        Ok(workshop) => Arc::new(workshop),
        Err(error) => {
            complain(&format!("error: {error}"));
            return Exit::Setup;
        }
    };
    let missed = prove_each(&workshop, chosen, &plans, benches + RUNNING).await;
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
        "{missed} missed, {} idle, in {:.0} s",
        idle.len(),
        started.elapsed().as_secs_f64()
    ));
    if missed == 0 && idle.is_empty() {
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

/// How many benches there are at most: on more of them, none would be warm for long.
const BENCHES: usize = 4;

/// How many mutants run while others are built. They mostly wait.
const RUNNING: usize = 4;

/// What became of one mutant: the verdicts of the scenarios that it names, by their ids.
type Proof = Result<BTreeMap<String, Verdict>, BuildError>;

/// Builds and runs mutants, so many at a time, and tells of them in the order of their names: how
/// many were missed.
async fn prove_each(
    workshop: &Arc<Workshop>,
    mutants: Vec<Mutant>,
    plans: &[Plan],
    at_once: usize,
) -> usize {
    // They end with this function, also where nobody waits for it any more.
    let mut proving = JoinSet::new();
    let mut waiting = mutants.into_iter().enumerate();
    let mut missed = 0;
    let mut ended = BTreeMap::new();
    let mut next = 0;
    loop {
        for (number, mutant) in waiting.by_ref().take(at_once - proving.len()) {
            let workshop = Arc::clone(workshop);
            let named = |plan: &&Plan| mutant.caught_by.iter().any(|id| matches(id, &plan.id));
            let plans: Vec<Plan> = plans.iter().filter(named).cloned().collect();
            proving.spawn(async move {
                let proof = prove_one(&workshop, &mutant, plans).await;
                (number, mutant, proof)
            });
        }
        let Some(joined) = proving.join_next().await else {
            break;
        };
        match joined {
            Ok((number, mutant, proof)) => {
                ended.insert(number, (mutant, proof));
            }
            Err(error) => {
                tell(&format!("  BROKEN  a run ended unexpectedly: {error}"));
                missed += 1;
            }
        }
        while let Some((mutant, proof)) = ended.remove(&next) {
            missed += usize::from(!conclude(&mutant, &proof));
            next += 1;
        }
    }
    for (mutant, proof) in ended.into_values() {
        missed += usize::from(!conclude(&mutant, &proof));
    }
    missed
}

async fn prove_one(workshop: &Workshop, mutant: &Mutant, plans: Vec<Plan>) -> Proof {
    let program = workshop.build(mutant).await?;
    let mut verdicts = BTreeMap::new();
    if let Ok(pool) = Pool::start(as_target(mutant, &program)).await {
        let settled = run_all(pool, plans, 2, &Silent).await;
        for outcome in settled.outcomes {
            verdicts.insert(outcome.plan.id.clone(), outcome.judgement.verdict);
        }
    }
    drop(fs::remove_file(&program));
    Ok(verdicts)
}

/// Tells what became of a mutant, and says whether it was caught: every id that it names has to
/// catch it, in at least one of its cases.
fn conclude(mutant: &Mutant, proof: &Proof) -> bool {
    let name = &mutant.name;
    let verdicts = match proof {
        Ok(verdicts) => verdicts,
        Err(error) => {
            tell(&format!("  BROKEN  {name:<34} {error}"));
            return false;
        }
    };
    let of = |id: &String| {
        let cases = verdicts.iter().filter(|(case, _)| matches(id, case));
        cases.collect::<Vec<_>>()
    };
    let catches = |verdict: &Verdict| matches!(verdict, Verdict::Fail | Verdict::Warn);
    let slipped = |id: &&String| !of(id).iter().any(|(_, verdict)| catches(verdict));
    let slipped: Vec<&String> = mutant.caught_by.iter().filter(slipped).collect();
    if slipped.is_empty() {
        let by = mutant.caught_by.join(", ");
        tell(&format!("  caught  {name:<34} {by}"));
        return true;
    }
    for id in slipped {
        let seen = of(id).into_iter();
        let seen: Vec<String> = seen
            .map(|(case, verdict)| format!("{case} {}", verdict.word()))
            .collect();
        let seen = if seen.is_empty() {
            "there is no such scenario".to_owned()
        } else {
            seen.join(", ")
        };
        tell(&format!("  MISSED  {name:<34} {id}: {seen}"));
    }
    false
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
        public_client: false,
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
